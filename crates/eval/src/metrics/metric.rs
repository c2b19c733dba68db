//! A metric by name, and what it measures.

use super::{MetricError, accuracy, f1, matthews, pearson, spearman};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A metric of classes or of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// [`accuracy`] of classes.
    Accuracy,
    /// [`f1`] of classes 0 and 1.
    F1,
    /// [`matthews`] of classes.
    Matthews,
    /// [`pearson`] of numbers.
    Pearson,
    /// [`spearman`] of numbers.
    Spearman,
}

/// What a model said of each row, and what is true: an i32 class or an f32 number, as the Hub's labels are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome<'a> {
    /// Of a classification.
    Classes {
        /// The classes predicted.
        predictions: &'a [i32],
        /// The true ones.
        labels: &'a [i32],
    },
    /// Of a regression.
    Numbers {
        /// The numbers predicted.
        predictions: &'a [f32],
        /// The true ones.
        labels: &'a [f32],
    },
}

impl Metric {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::F1 => "F1",
            Self::Matthews => "Matthews",
            Self::Pearson => "Pearson",
            Self::Spearman => "Spearman",
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// Those of its function, and [`MetricError::Kind`] where it measures classes and is given numbers, or the reverse.
    pub fn of(self, outcome: Outcome) -> Result<f64, MetricError> {
        match (self, outcome) {
            (Self::Accuracy, Outcome::Classes { predictions, labels }) => accuracy(predictions, labels),
            (Self::F1, Outcome::Classes { predictions, labels }) => f1(predictions, labels),
            (Self::Matthews, Outcome::Classes { predictions, labels }) => matthews(predictions, labels),
            (Self::Pearson, Outcome::Numbers { predictions, labels }) => pearson(predictions, labels),
            (Self::Spearman, Outcome::Numbers { predictions, labels }) => spearman(predictions, labels),
            (_, Outcome::Classes { .. }) => {
                Err(MetricError::Kind { metric: self.name(), found: "classes", expected: "numbers" })
            }
            (_, Outcome::Numbers { .. }) => {
                Err(MetricError::Kind { metric: self.name(), found: "numbers", expected: "classes" })
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
