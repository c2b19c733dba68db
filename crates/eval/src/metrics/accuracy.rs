//! Accuracy.

use super::{MetricError, rows};

/// The share of rows whose class is the predicted one, `#{i : p_i = y_i} / n`; scikit-learn's `accuracy_score`.
///
/// # Errors
/// Unpaired rows, none, or a class below 0.
pub fn accuracy(predictions: &[i32], labels: &[i32]) -> Result<f64, MetricError> {
    rows::classes("accuracy", predictions, labels)?;
    let correct = predictions.iter().zip(labels).filter(|(prediction, label)| prediction == label).count();
    Ok(correct as f64 / labels.len() as f64)
}
