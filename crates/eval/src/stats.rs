//! Mean and spread.

/// Mean and sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); none for a single value.
    pub sd: Option<f64>,
}

impl Stats {
    /// Of some values; none of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let _ = values;
        todo!()
    }
}
