//! Norms whose statistics weigh the columns.
//!
//! x `[N, H]`, γ and β `[1, H]`, p = c / Σ c. With `m = Σ_j p_j x_j` (RMS norm: 0), `x̂ = (x − m) / √(Σ_j p_j (x_j − m)² + ε)`
//! and g = γ dy: `dx = (g − p (Σ_k g_k + x̂ Σ_k g_k x̂_k)) / √(…)`, where RMS norm has no first sum; `dγ = Σ_n dy x̂`,
//! `dβ = Σ_n dy`. Equal weights give the plain norm, and its very bits forward. Kept for the backward pass as there: x, and of
//! each row m and 1/√(…).

use super::buffers::{Kept, matrix, read, shape_error, size, unwritten};
use super::gradient::Slot;
use super::linear::add_partials;
use super::norm::Checked;
use super::parallel;
use super::simd::{dot, sum_of, sum_of_pairs, vectorised};
use crate::{Cpu, Matrix, Norm, NormKind, Result, Tape};
use rayon::prelude::*;

/// Columns' weights and their sum.
#[derive(Clone, Copy)]
struct Weights<'a> {
    of: &'a [f32],
    sum: f32,
}

vectorised! {
    fn total(weights: &[f32]) -> f32 {
        sum_of(weights, |c| c)
    }

    /// One row: y, and its m and 1/√(…).
    fn forward_row(norm: &Checked<'_>, weights: Weights<'_>, x: &[f32], y: &mut [f32], kept: &mut [f32]) {
        let mean = match norm.kind {
            NormKind::Layer => dot(weights.of, x) / weights.sum,
            NormKind::Rms => 0.0,
        };
        let square = |c: f32, x: f32| c * ((x - mean) * (x - mean));
        let inverse = 1.0 / (sum_of_pairs(weights.of, x, square) / weights.sum + norm.eps).sqrt();
        let row = y.iter_mut().zip(x).zip(norm.gain);
        match norm.bias {
            Some(bias) => row.zip(bias).for_each(|(((y, &x), &g), &b)| *y = ((x - mean) * inverse).mul_add(g, b)),
            None => row.for_each(|((y, &x), &g)| *y = (x - mean) * inverse * g),
        }
        kept.copy_from_slice(&[mean, inverse]);
    }

    /// One row: dy becomes dx; dγ, and dβ if there is one, are added to.
    fn backward_row(
        kind: NormKind,
        inputs: (&[f32], &[f32], &[f32]),
        kept: (f32, f32),
        dy: &mut [f32],
        d_gain: &mut [f32],
        d_bias: Option<&mut [f32]>,
    ) {
        let ((x, gain, shares), (mean, inverse)) = (inputs, kept);
        let n = x.len();
        let (gain, shares, dy, d_gain) = (&gain[..n], &shares[..n], &mut dy[..n], &mut d_gain[..n]);
        if let Some(d_bias) = d_bias {
            d_bias.iter_mut().zip(&*dy).for_each(|(b, d)| *b += d);
        }
        for i in 0..n {
            d_gain[i] = dy[i].mul_add((x[i] - mean) * inverse, d_gain[i]);
            dy[i] *= gain[i];
        }
        let sum = match kind {
            NormKind::Layer => sum_of(dy, |g| g),
            NormKind::Rms => 0.0,
        };
        let product = sum_of_pairs(dy, x, |g, x| g * ((x - mean) * inverse));
        for i in 0..n {
            let normal = (x[i] - mean) * inverse;
            dy[i] = inverse * (-shares[i]).mul_add(normal.mul_add(product, sum), dy[i]);
        }
    }
}

/// Refuses weights that have no weighted mean.
fn check(op: &'static str, weights: &[f32], width: usize) -> Result<f32> {
    if weights.len() != width {
        return Err(shape_error(op, "number of weights", weights.len(), width));
    }
    if let Some(i) = weights.iter().position(|c| !(c.is_finite() && *c >= 0.0)) {
        return Err(shape_error(op, format!("weight {i}"), weights[i], "a finite number of at least 0"));
    }
    let sum = total(weights);
    if sum > 0.0 && sum.is_finite() {
        return Ok(sum);
    }
    Err(shape_error(op, "sum of the weights", sum, "a finite number above 0"))
}

/// See [`crate::Kernels::weighted_norm`].
pub(super) fn weighted_norm<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    norm: Norm<'_, Cpu>,
    weights: &[f32],
) -> Result<Matrix<Cpu>> {
    const OP: &str = "weighted_norm";
    let (tokens, width) = size(x);
    let data = read(OP, "input", x)?;
    let checked = Checked::new(OP, &norm, width)?;
    let weights = Weights { of: weights, sum: check(OP, weights, width)? };
    let (mut y, mut statistics) = (unwritten(data.len()), unwritten(tokens * 2));
    parallel::rows2((&mut y, width), (&mut statistics, 2), |first, y, statistics| {
        let x = data[first * width..].chunks_exact(width);
        for ((y, x), kept) in y.chunks_exact_mut(width).zip(x).zip(statistics.chunks_exact_mut(2)) {
            forward_row(&checked, weights, x, y, kept);
        }
    });
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let (kind, shares) = (norm.kind, weights.of.iter().map(|c| c / weights.sum).collect::<Vec<_>>());
        let (x_slot, gain_slot, bias_slot, y_slot) =
            (Slot::of(x), Slot::of(norm.gain), norm.bias.map(Slot::of), Slot::output(&y));
        let (x, gain) = (Kept::of(OP, "input", x)?, Kept::of(OP, "gain", norm.gain)?);
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            if d.is_empty() {
                return Ok(());
            }
            let group = parallel::rows_per_task(width);
            let partials: Vec<(Vec<f32>, Option<Vec<f32>>)> = (d.par_chunks_mut(group * width))
                .zip(x.data().par_chunks(group * width))
                .zip(statistics.par_chunks(group * 2))
                .map(|((d, x), statistics)| {
                    let mut d_gain = vec![0.0; width];
                    let mut d_bias = bias_slot.as_ref().map(|_| vec![0.0; width]);
                    let rows = d.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(statistics.chunks_exact(2));
                    for ((d, x), kept) in rows {
                        let inputs = (x, gain.data(), &shares[..]);
                        backward_row(kind, inputs, (kept[0], kept[1]), d, &mut d_gain, d_bias.as_deref_mut());
                    }
                    (d_gain, d_bias)
                })
                .collect();
            let (d_gain, d_bias): (Vec<_>, Vec<_>) = partials.into_iter().unzip();
            gain_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_gain))?;
            if let Some(slot) = &bias_slot {
                let d_bias: Vec<_> = d_bias.into_iter().flatten().collect();
                slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_bias))?;
            }
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}
