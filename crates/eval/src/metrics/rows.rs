//! What every metric asks of its rows: as many predictions as labels, enough of them, values that mean something.

use super::MetricError;

/// As many predictions as labels, and at least so many.
pub(super) fn paired(metric: &'static str, predictions: usize, labels: usize, least: usize) -> Result<(), MetricError> {
    if predictions != labels {
        return Err(MetricError::Lengths { metric, predictions, labels });
    }
    if labels < least {
        return Err(MetricError::TooFew { metric, found: labels, least });
    }
    Ok(())
}

/// Every value of `what` is one that the metric can take.
pub(super) fn every<T: Copy + ToString>(
    (metric, what): (&'static str, &'static str),
    values: &[T],
    holds: impl Fn(T) -> bool,
    expected: &'static str,
) -> Result<(), MetricError> {
    match values.iter().position(|&value| !holds(value)) {
        None => Ok(()),
        Some(row) => Err(MetricError::Value { metric, what, row, found: values[row].to_string(), expected }),
    }
}

/// Pairs of classes, none below 0: the Hub's test splits have −1 for labels that are kept secret.
pub(super) fn classes(metric: &'static str, predictions: &[i32], labels: &[i32]) -> Result<(), MetricError> {
    paired(metric, predictions.len(), labels.len(), 1)?;
    every((metric, "prediction"), predictions, |class| class >= 0, "a class, 0 or above")?;
    every((metric, "label"), labels, |class| class >= 0, "a class, 0 or above")
}

/// Pairs of numbers that can correlate: two at least, all finite, not all alike.
pub(super) fn numbers(metric: &'static str, predictions: &[f32], labels: &[f32]) -> Result<(), MetricError> {
    paired(metric, predictions.len(), labels.len(), 2)?;
    for (what, values) in [("prediction", predictions), ("label", labels)] {
        every((metric, what), values, f32::is_finite, "a finite number")?;
        if values.iter().all(|&value| value == values[0]) {
            return Err(MetricError::Constant { metric, what, value: values[0] });
        }
    }
    Ok(())
}
