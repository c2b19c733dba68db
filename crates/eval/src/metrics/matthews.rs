//! Matthews correlation, CoLA's metric.

use super::{MetricError, rows};
use std::collections::BTreeMap;

/// Matthews correlation of classes: with n rows, c of them correct, t_k of class k and p_k predicted so,
///
/// ```text
/// (c n − Σ p_k t_k) / √((n² − Σ p_k²) (n² − Σ t_k²))
/// ```
///
/// which for two classes is `(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))` (Gorodkin 2004; scikit-learn's
/// `matthews_corrcoef`). From −1 to 1; 0 where all predictions or all labels are one class.
///
/// # Errors
/// Unpaired rows, none, or a class below 0.
pub fn matthews(predictions: &[i32], labels: &[i32]) -> Result<f64, MetricError> {
    rows::classes("Matthews correlation", predictions, labels)?;
    let (mut correct, mut counts) = (0_i128, BTreeMap::<i32, (i128, i128)>::new());
    for (&prediction, &label) in predictions.iter().zip(labels) {
        correct += i128::from(prediction == label);
        counts.entry(prediction).or_default().0 += 1;
        counts.entry(label).or_default().1 += 1;
    }
    let n = labels.len() as i128;
    let less =
        |products: fn((i128, i128)) -> i128, from: i128| from - counts.values().copied().map(products).sum::<i128>();
    let together = less(|(predicted, true_ones)| predicted * true_ones, correct * n);
    let of_predictions = less(|(predicted, _)| predicted * predicted, n * n);
    let of_labels = less(|(_, true_ones)| true_ones * true_ones, n * n);
    if of_predictions == 0 || of_labels == 0 {
        return Ok(0.0);
    }
    Ok((together as f64 / (of_predictions as f64 * of_labels as f64).sqrt()).clamp(-1.0, 1.0))
}
