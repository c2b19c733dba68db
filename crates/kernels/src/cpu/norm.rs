//! Layer norm, alone and with the residual sum before it.
//!
//! x `[N, H]`, γ and β `[1, H]`. With x̂ = (x − mean) / √(var + ε) and g = γ dy:
//! `dx = (g − mean(g) − x̂ mean(g x̂)) / √(var + ε)`, `dγ = Σ_n dy x̂`, `dβ = Σ_n dy`.
//! Kept for the backward pass: x, and mean and 1/√(var + ε) of each row.

use super::buffers::{Kept, expect, matrix, read, size, unwritten};
use super::gradient::Slot;
use super::linear::{add_partials, add_to};
use super::parallel;
use super::simd::{sum_of, vectorised};
use crate::{Cpu, Gradients, LayerNorm, Matrix, Result, Tape};
use dfdx::tensor::CpuError;
use rayon::prelude::*;

/// Lanes of the sums of a backward pass.
const LANES: usize = 32;

/// Mean and 1/√(var + ε) of a row.
#[inline(always)]
fn statistics(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum_of(x, |v| v) / n;
    let variance = sum_of(x, |v| (v - mean) * (v - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

vectorised! {
    /// One row: y and its statistics.
    fn forward_row(x: &[f32], parts: (&[f32], &[f32], f32), y: &mut [f32], kept: &mut [f32]) {
        let (gain, bias, eps) = parts;
        let (mean, inverse) = statistics(x, eps);
        for (((y, &x), &gain), &bias) in y.iter_mut().zip(x).zip(gain).zip(bias) {
            *y = ((x - mean) * inverse).mul_add(gain, bias);
        }
        kept.copy_from_slice(&[mean, inverse]);
    }

    fn sum_row(a: &[f32], b: &[f32], sum: &mut [f32]) {
        sum.iter_mut().zip(a).zip(b).for_each(|((s, a), b)| *s = a + b);
    }
}

struct Checked<'a> {
    gain: &'a [f32],
    bias: &'a [f32],
    eps: f32,
}

impl<'a> Checked<'a> {
    fn new(op: &'static str, norm: &LayerNorm<'a, Cpu>, width: usize) -> Result<Self> {
        expect(op, "gain", size(norm.gain), (1, width))?;
        expect(op, "bias", size(norm.bias), (1, width))?;
        Ok(Self { gain: read(op, "gain", norm.gain)?, bias: read(op, "bias", norm.bias)?, eps: norm.eps })
    }

    fn parts(&self) -> (&[f32], &[f32], f32) {
        (self.gain, self.bias, self.eps)
    }
}

/// What the backward pass keeps.
struct Record {
    x: Kept,
    width: usize,
    /// Mean and 1/√(var + ε), row by row.
    statistics: Vec<f32>,
    gain: Kept,
    gain_slot: Slot,
    bias_slot: Slot,
}

impl Record {
    fn new(op: &'static str, x: &Matrix<Cpu>, norm: &LayerNorm<'_, Cpu>, statistics: Vec<f32>) -> Result<Self> {
        Ok(Self {
            x: Kept::of(op, "input", x)?,
            width: size(x).1,
            statistics,
            gain: Kept::of(op, "gain", norm.gain)?,
            gain_slot: Slot::of(norm.gain),
            bias_slot: Slot::of(norm.bias),
        })
    }

    /// Turns dy into dx, in place, and adds dγ and dβ. With `direct`, that is added to dx.
    fn backward(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        dy: &mut [f32],
        direct: Option<&[f32]>,
    ) -> std::result::Result<(), CpuError> {
        let (width, x, gain) = (self.width, self.x.data(), self.gain.data());
        if dy.is_empty() {
            return Ok(());
        }
        let group = parallel::rows_per_task(width);
        let partials: Vec<(Vec<f32>, Vec<f32>)> = dy
            .par_chunks_mut(group * width)
            .enumerate()
            .map(|(task, dy)| {
                let (mut d_gain, mut d_bias) = (vec![0.0; width], vec![0.0; width]);
                for (i, dy) in dy.chunks_exact_mut(width).enumerate() {
                    let row = task * group + i;
                    let statistics = (self.statistics[2 * row], self.statistics[2 * row + 1]);
                    let x = &x[row * width..][..width];
                    backward_row(x, gain, statistics, dy, &mut d_gain, &mut d_bias);
                    if let Some(direct) = direct {
                        add_to(dy, &direct[row * width..][..width]);
                    }
                }
                (d_gain, d_bias)
            })
            .collect();
        let (d_gain, d_bias): (Vec<_>, Vec<_>) = partials.into_iter().unzip();
        self.gain_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_gain))?;
        self.bias_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_bias))
    }
}

vectorised! {
    /// dy becomes dx; dγ and dβ are added to. `kept`: mean and 1/√(var + ε).
    fn backward_row(
        x: &[f32],
        gain: &[f32],
        kept: (f32, f32),
        dy: &mut [f32],
        d_gain: &mut [f32],
        d_bias: &mut [f32],
    ) {
        let (n, (mean, inverse)) = (x.len(), kept);
        let (x, gain, dy) = (&x[..n], &gain[..n], &mut dy[..n]);
        let (d_gain, d_bias) = (&mut d_gain[..n], &mut d_bias[..n]);
        let (mut sum, mut product) = ([0.0; LANES], [0.0; LANES]);
        let whole = n - n % LANES;
        for start in (0..whole).step_by(LANES) {
            let (x, gain, dy) = (&x[start..][..LANES], &gain[start..][..LANES], &dy[start..][..LANES]);
            let (d_gain, d_bias) = (&mut d_gain[start..][..LANES], &mut d_bias[start..][..LANES]);
            for i in 0..LANES {
                let (normal, g) = ((x[i] - mean) * inverse, dy[i] * gain[i]);
                d_gain[i] = dy[i].mul_add(normal, d_gain[i]);
                d_bias[i] += dy[i];
                sum[i] += g;
                product[i] = g.mul_add(normal, product[i]);
            }
        }
        for i in whole..n {
            let (normal, g) = ((x[i] - mean) * inverse, dy[i] * gain[i]);
            d_gain[i] = dy[i].mul_add(normal, d_gain[i]);
            d_bias[i] += dy[i];
            sum[i - whole] += g;
            product[i - whole] = g.mul_add(normal, product[i - whole]);
        }
        let (sum, product) = (sum.iter().sum::<f32>() / n as f32, product.iter().sum::<f32>() / n as f32);
        for i in 0..n {
            let normal = (x[i] - mean) * inverse;
            dy[i] = inverse * (-normal).mul_add(product, dy[i] * gain[i] - sum);
        }
    }
}

/// See [`crate::Kernels::layer_norm`].
pub(super) fn layer_norm<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    norm: LayerNorm<'_, Cpu>,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "layer_norm";
    let (tokens, width) = size(x);
    let data = read(OP, "input", x)?;
    let checked = Checked::new(OP, &norm, width)?;
    let (mut y, mut statistics) = (unwritten(data.len()), unwritten(tokens * 2));
    parallel::rows2((&mut y, width), (&mut statistics, 2), |first, y, statistics| {
        let x = data[first * width..].chunks_exact(width);
        for ((y, x), kept) in y.chunks_exact_mut(width).zip(x).zip(statistics.chunks_exact_mut(2)) {
            forward_row(x, checked.parts(), y, kept);
        }
    });
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let record = Record::new(OP, x, &norm, statistics)?;
        let (x_slot, y_slot) = (Slot::of(x), Slot::of(&y));
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            record.backward(gradients, &mut d, None)?;
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}

/// See [`crate::Kernels::add_layer_norm`].
pub(super) fn add_layer_norm<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    residual: &Matrix<Cpu>,
    norm: LayerNorm<'_, Cpu>,
) -> Result<(Matrix<Cpu>, Matrix<Cpu>)> {
    const OP: &str = "add_layer_norm";
    let (tokens, width) = size(x);
    expect(OP, "residual", size(residual), (tokens, width))?;
    let (x_data, residual_data) = (read(OP, "input", x)?, read(OP, "residual", residual)?);
    let checked = Checked::new(OP, &norm, width)?;
    let (mut sum, mut y, mut statistics) = (unwritten(x_data.len()), unwritten(x_data.len()), unwritten(tokens * 2));
    parallel::rows3((&mut sum, width), (&mut y, width), (&mut statistics, 2), |first, sum, y, statistics| {
        let x = x_data[first * width..].chunks_exact(width);
        let residual = residual_data[first * width..].chunks_exact(width);
        let outputs = sum.chunks_exact_mut(width).zip(y.chunks_exact_mut(width));
        for (((x, residual), (sum, y)), kept) in x.zip(residual).zip(outputs).zip(statistics.chunks_exact_mut(2)) {
            sum_row(x, residual, sum);
            forward_row(sum, checked.parts(), y, kept);
        }
    });
    let sum = matrix(OP, x.device(), sum, (tokens, width))?;
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let record = Record::new(OP, &sum, &norm, statistics)?;
        let (x_slot, residual_slot, sum_slot, y_slot) = (Slot::of(x), Slot::of(residual), Slot::of(&sum), Slot::of(&y));
        tape.add_backward_op(move |gradients| {
            let direct = sum_slot.take(gradients)?;
            let mut d = y_slot.take(gradients)?;
            record.backward(gradients, &mut d, Some(&direct))?;
            drop(direct);
            x_slot.add_copy(gradients, &d)?;
            residual_slot.add(gradients, d)
        });
    }
    Ok((sum, y))
}
