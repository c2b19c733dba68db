//! Pearson correlation, the first metric of STS-B.

use super::{MetricError, rows};

/// Pearson correlation, `Σ (p_i − p̄)(y_i − ȳ) / (‖p − p̄‖ ‖y − ȳ‖)`, computed in f64; scipy's `pearsonr`. From −1 to 1.
///
/// # Errors
/// Unpaired rows, fewer than two, a number that is not finite, or all predictions or all labels alike, where scipy gives NaN.
pub fn pearson(predictions: &[f32], labels: &[f32]) -> Result<f64, MetricError> {
    rows::numbers("Pearson correlation", predictions, labels)?;
    let exact = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    Ok(correlation(&exact(predictions), &exact(labels)))
}

/// Of values as small as an f32 or a rank, so that no product of squares overflows, two at least and not all alike.
pub(super) fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (x, y) = (deviations(x), deviations(y));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    (product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()).clamp(-1.0, 1.0)
}

/// From the mean.
fn deviations(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}
