//! F1 of two classes.

use super::{MetricError, rows};

/// The harmonic mean of precision and recall of class 1, `2 TP / (2 TP + FP + FN)`, as GLUE has it for MRPC and QQP;
/// scikit-learn's `f1_score`. 0 where no row is of class 1 and none is predicted so.
///
/// # Errors
/// Unpaired rows, none, or a class other than 0 and 1.
pub fn f1(predictions: &[i32], labels: &[i32]) -> Result<f64, MetricError> {
    rows::paired("F1", predictions.len(), labels.len(), 1)?;
    rows::every(("F1", "prediction"), predictions, |class| matches!(class, 0 | 1), "class 0 or 1")?;
    rows::every(("F1", "label"), labels, |class| matches!(class, 0 | 1), "class 0 or 1")?;
    let both = predictions.iter().zip(labels).filter(|&(&prediction, &label)| prediction == 1 && label == 1).count();
    // Predicted and true ones together count those of both twice: 2 TP + FP + FN.
    let ones = predictions.iter().chain(labels).filter(|&&class| class == 1).count();
    Ok(if ones == 0 { 0.0 } else { 2.0 * both as f64 / ones as f64 })
}
