//! What a probe reads, features with their classes, and what it gives.

use super::ProbeError;

/// Features and classes of the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled<'a> {
    /// `labels.len() · width` numbers, row after row.
    pub features: &'a [f32],
    /// Numbers of a row.
    pub width: usize,
    /// The class of each row, 0 or more.
    pub labels: &'a [i32],
}

/// How well a probe has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The class that is found for each row of the test set.
    pub predictions: Vec<i32>,
    /// The share of right ones.
    pub accuracy: f64,
    /// Where a search has ended before it came to rest: the largest number of the gradient that is left.
    pub slope_left: Option<f64>,
}

impl Labelled<'_> {
    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Classes that its labels speak of: the largest and one.
    pub(super) fn classes(&self) -> usize {
        self.labels.iter().max().map_or(0, |&largest| largest as usize + 1)
    }

    fn check(&self, set: &'static str, width: usize) -> Result<(), ProbeError> {
        let (found, labels) = (self.features.len(), self.rows());
        if labels == 0 {
            return Err(ProbeError::Empty { set });
        }
        if width == 0 || self.width != width || Some(found) != labels.checked_mul(width) {
            return Err(ProbeError::Lengths { set, found, labels, width });
        }
        let value = |what, row, found: String, expected| Err(ProbeError::Value { set, what, row, found, expected });
        if let Some(at) = self.features.iter().position(|feature| !feature.is_finite()) {
            return value("feature", at / width, self.features[at].to_string(), "a finite number");
        }
        match self.labels.iter().position(|&label| label < 0) {
            Some(row) => value("label", row, self.labels[row].to_string(), "a class, 0 or above"),
            None => Ok(()),
        }
    }
}

/// Two sets of the same width, rows in each, numbers that mean something.
pub(super) fn check(train: Labelled<'_>, test: Labelled<'_>) -> Result<(), ProbeError> {
    train.check("training", train.width)?;
    test.check("test", train.width)
}

impl Probed {
    pub(super) fn of(predictions: Vec<i32>, labels: &[i32]) -> Self {
        let right = predictions.iter().zip(labels).filter(|(prediction, label)| prediction == label).count();
        Self { accuracy: right as f64 / labels.len() as f64, predictions, slope_left: None }
    }
}
