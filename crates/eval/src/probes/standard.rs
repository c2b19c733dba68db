//! Features brought to mean 0 and deviation 1, by what the training set is.

use super::Labelled;

/// Mean and deviation of each column.
pub(super) struct Standard {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Standard {
    /// Of these rows: `σ² = Σ (x − mean)² / n`. Of a column of one value the deviation counts as 1; it becomes 0 everywhere.
    pub(super) fn of(set: Labelled<'_>) -> Self {
        let rows = set.rows() as f64;
        let mut mean = vec![0.0; set.width];
        for row in set.features.chunks_exact(set.width) {
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / rows);
        }
        let mut deviation = vec![0.0; set.width];
        for row in set.features.chunks_exact(set.width) {
            let off = row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean);
            deviation.iter_mut().zip(off).for_each(|(sum, off)| *sum += off * off / rows);
        }
        for (deviation, mean) in deviation.iter_mut().zip(&mean) {
            // What rounding leaves of a constant is no deviation.
            let constant = deviation.sqrt() <= 10.0 * f64::EPSILON * f64::abs(*mean);
            *deviation = if constant { 1.0 } else { deviation.sqrt() };
        }
        Self { mean, deviation }
    }

    pub(super) fn apply(&self, set: Labelled<'_>) -> Vec<f32> {
        let columns = || self.mean.iter().zip(&self.deviation);
        let rows = set.features.chunks_exact(set.width);
        rows.flat_map(|row| {
            row.iter().zip(columns()).map(|(&x, (mean, deviation))| ((f64::from(x) - mean) / deviation) as f32)
        })
        .collect()
    }
}
