//! Softmax regression: its objective, its gradient, and what it predicts.

use super::cores::{PARTS, in_parts, rows_of};
use std::ops::Range;

/// Rows to learn from.
pub(super) struct Softmax<'a> {
    /// `labels.len() · width` numbers.
    pub(super) features: &'a [f32],
    pub(super) width: usize,
    pub(super) labels: &'a [i32],
    pub(super) classes: usize,
    pub(super) l2: f64,
}

impl Softmax<'_> {
    /// Numbers to learn: `width` rows of `classes` weights, and a row of biases.
    pub(super) fn numbers(&self) -> usize {
        (self.width + 1) * self.classes
    }

    /// `f(W, b) = 1/n Σ (log Σ_c exp z_c − z_y) + l2 / 2n · ‖W‖²` with `z = Wᵀx + b`, and its gradient. The biases are free.
    pub(super) fn value(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let rows = self.labels.len();
        let parts = in_parts(PARTS, |part| self.of_rows(weights, rows_of(part, rows)));
        let (mut value, mut gradient) = (0.0, vec![0.0; weights.len()]);
        for (of_part, gradient_of_part) in parts {
            value += of_part;
            gradient.iter_mut().zip(gradient_of_part).for_each(|(sum, part)| *sum += part);
        }
        let (scale, biases) = (1.0 / rows as f64, self.width * self.classes);
        for (gradient, weight) in gradient[..biases].iter_mut().zip(weights) {
            value += 0.5 * self.l2 * weight * weight;
            *gradient += self.l2 * weight;
        }
        gradient.iter_mut().for_each(|gradient| *gradient *= scale);
        (value * scale, gradient)
    }

    /// Loss and gradient summed over some rows.
    fn of_rows(&self, weights: &[f64], rows: Range<usize>) -> (f64, Vec<f64>) {
        let (mut loss, mut gradient, mut z) = (0.0, vec![0.0; weights.len()], vec![0.0; self.classes]);
        for row in rows {
            let features = &self.features[row * self.width..][..self.width];
            scores(features, weights, &mut z);
            let class = self.labels[row] as usize;
            let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let of_class = z[class] - largest;
            z.iter_mut().for_each(|z| *z = (*z - largest).exp());
            let sum: f64 = z.iter().sum();
            loss += sum.ln() - of_class;
            // From here on the gradient of z: probability less truth.
            z.iter_mut().for_each(|z| *z /= sum);
            z[class] -= 1.0;
            let biased = features.iter().map(|&x| f64::from(x)).chain([1.0]);
            for (x, gradient) in biased.zip(gradient.chunks_exact_mut(self.classes)) {
                gradient.iter_mut().zip(&z).for_each(|(gradient, z)| *gradient += x * z);
            }
        }
        (loss, gradient)
    }
}

/// `z = Wᵀx + b`.
fn scores(features: &[f32], weights: &[f64], z: &mut [f64]) {
    z.fill(0.0);
    let biased = features.iter().map(|&x| f64::from(x)).chain([1.0]);
    for (x, weights) in biased.zip(weights.chunks_exact(z.len())) {
        z.iter_mut().zip(weights).for_each(|(z, weight)| *z += x * weight);
    }
}

/// The likeliest class of each row of `width` features, of equally likely ones the lowest.
pub(super) fn predict(features: &[f32], width: usize, weights: &[f64], classes: usize) -> Vec<i32> {
    let rows = features.len() / width;
    let parts = in_parts(PARTS, |part| {
        let mut z = vec![0.0; classes];
        let likeliest = |row: usize| {
            scores(&features[row * width..][..width], weights, &mut z);
            let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            z.iter().position(|&z| z == most).map_or(0, |class| class as i32)
        };
        rows_of(part, rows).map(likeliest).collect::<Vec<i32>>()
    });
    parts.concat()
}
