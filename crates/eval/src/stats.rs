//! Mean and spread of a few values.

use serde::{Deserialize, Serialize};

/// Mean and sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation `√(Σ (x − mean)² / (n − 1))`; none for a single value.
    pub sd: Option<f64>,
}

impl Stats {
    /// Of some values; none of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { n, mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_spread_are_those_of_the_textbook() {
        let cases = [
            (vec![], None),
            (vec![3.0], Some(Stats { n: 1, mean: 3.0, sd: None })),
            (vec![1.0, 3.0], Some(Stats { n: 2, mean: 2.0, sd: Some(2f64.sqrt()) })),
            (
                vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0],
                Some(Stats { n: 8, mean: 5.0, sd: Some((32f64 / 7.0).sqrt()) }),
            ),
        ];
        for (values, expected) in cases {
            assert_eq!(Stats::of(&values), expected, "{values:?}");
        }
    }
}
