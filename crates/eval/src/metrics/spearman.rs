//! Spearman correlation, the second metric of STS-B.

use super::{MetricError, pearson::correlation, rows};

/// Spearman's rank correlation: Pearson's of the ranks, equal values having the mean of their ranks; scipy's `spearmanr`. From −1
/// to 1.
///
/// # Errors
/// Unpaired rows, fewer than two, a number that is not finite, or all predictions or all labels alike, where scipy gives NaN.
pub fn spearman(predictions: &[f32], labels: &[f32]) -> Result<f64, MetricError> {
    rows::numbers("Spearman correlation", predictions, labels)?;
    Ok(correlation(&ranks(predictions), &ranks(labels)))
}

/// Ranks from 1; of equal values the mean of those they take up together.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut before) = (vec![0.0; values.len()], 0);
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&i| ranks[i] = mean);
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, -2.0, 3.0]), [4.0, 2.0, 4.0, 1.0, 4.0]);
        assert_eq!(ranks(&[0.0, -0.0, -1.0]), [2.5, 2.5, 1.0]);
    }
}
