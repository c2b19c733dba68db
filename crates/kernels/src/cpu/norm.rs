//! Layer norm and RMS norm, alone and with the residual sum before them.
//!
//! x `[N, H]`, γ and β `[1, H]`. With x̂ = (x − mean) / √(var + ε) and g = γ dy:
//! `dx = (g − mean(g) − x̂ mean(g x̂)) / √(var + ε)`, `dγ = Σ_n dy x̂`, `dβ = Σ_n dy`.
//! RMS norm is the same with a mean of 0 and without `mean(g)`. Kept for the backward pass: x, and mean and
//! 1/√(var + ε) of each row.

use super::buffers::{Kept, expect, matrix, read, size, unwritten};
use super::gradient::Slot;
use super::linear::{add_partials, add_to};
use super::parallel;
use super::simd::{sum_of, vectorised};
use crate::{Cpu, Gradients, Matrix, Norm, NormKind, Result, Tape};
use dfdx::tensor::CpuError;
use rayon::prelude::*;
use std::sync::Arc;

/// Lanes of the sums of a backward pass.
const LANES: usize = 32;

/// Mean and 1/√(var + ε) of a row; for RMS norm 0 and 1/√(mean square + ε).
#[inline(always)]
fn statistics<const CENTRED: bool>(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = if CENTRED { sum_of(x, |v| v) / n } else { 0.0 };
    let variance = sum_of(x, |v| (v - mean) * (v - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// A norm whose shapes have been checked.
pub(super) struct Checked<'a> {
    pub(super) kind: NormKind,
    pub(super) gain: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) eps: f32,
}

impl<'a> Checked<'a> {
    pub(super) fn new(op: &'static str, norm: &Norm<'a, Cpu>, width: usize) -> Result<Self> {
        expect(op, "gain", size(norm.gain), (1, width))?;
        let bias = match norm.bias {
            Some(bias) => {
                expect(op, "bias", size(bias), (1, width))?;
                Some(read(op, "bias", bias)?)
            }
            None => None,
        };
        Ok(Self { kind: norm.kind, gain: read(op, "gain", norm.gain)?, bias, eps: norm.eps })
    }

    /// One row: y and its statistics.
    fn forward(&self, x: &[f32], y: &mut [f32], kept: &mut [f32]) {
        forward_row(self.kind, self.gain, self.bias, self.eps, x, y, kept);
    }
}

/// One row: y; returns its statistics. `CENTRED`: layer norm, else RMS norm.
#[inline(always)]
pub(super) fn forward<const CENTRED: bool>(
    gain: &[f32],
    bias: Option<&[f32]>,
    eps: f32,
    x: &[f32],
    y: &mut [f32],
) -> (f32, f32) {
    let (mean, inverse) = statistics::<CENTRED>(x, eps);
    let row = y.iter_mut().zip(x).zip(gain);
    match bias {
        Some(bias) => row.zip(bias).for_each(|(((y, &x), &g), &b)| *y = ((x - mean) * inverse).mul_add(g, b)),
        None => row.for_each(|((y, &x), &g)| *y = (x - mean) * inverse * g),
    }
    (mean, inverse)
}

/// One row: dy becomes dx; dγ, and dβ if there is one, are added to. `CENTRED` as above.
#[inline(always)]
pub(super) fn backward<const CENTRED: bool>(
    (x, gain): (&[f32], &[f32]),
    (mean, inverse): (f32, f32),
    dy: &mut [f32],
    d_gain: &mut [f32],
    mut d_bias: Option<&mut [f32]>,
) {
    let n = x.len();
    let (gain, dy, d_gain) = (&gain[..n], &mut dy[..n], &mut d_gain[..n]);
    let (mut sums, mut products) = ([0.0; LANES], [0.0; LANES]);
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        let (x, gain, dy) = (&x[start..][..LANES], &gain[start..][..LANES], &dy[start..][..LANES]);
        let d_gain = &mut d_gain[start..][..LANES];
        for i in 0..LANES {
            let (normal, g) = ((x[i] - mean) * inverse, dy[i] * gain[i]);
            d_gain[i] = dy[i].mul_add(normal, d_gain[i]);
            sums[i] += g;
            products[i] = g.mul_add(normal, products[i]);
        }
        if let Some(d_bias) = &mut d_bias {
            d_bias[start..][..LANES].iter_mut().zip(dy).for_each(|(b, d)| *b += d);
        }
    }
    for i in whole..n {
        let (normal, g) = ((x[i] - mean) * inverse, dy[i] * gain[i]);
        d_gain[i] = dy[i].mul_add(normal, d_gain[i]);
        sums[i - whole] += g;
        products[i - whole] = g.mul_add(normal, products[i - whole]);
        if let Some(d_bias) = &mut d_bias {
            d_bias[i] += dy[i];
        }
    }
    let product = sum_of(&products, |v| v) / n as f32;
    let sum = if CENTRED { sum_of(&sums, |v| v) / n as f32 } else { 0.0 };
    for i in 0..n {
        let normal = (x[i] - mean) * inverse;
        dy[i] = inverse * (-normal).mul_add(product, dy[i] * gain[i] - sum);
    }
}

vectorised! {
    /// [`forward`], which leaves the statistics in `kept`.
    fn forward_row(
        kind: NormKind,
        gain: &[f32],
        bias: Option<&[f32]>,
        eps: f32,
        x: &[f32],
        y: &mut [f32],
        kept: &mut [f32],
    ) {
        let (mean, inverse) = match kind {
            NormKind::Layer => forward::<true>(gain, bias, eps, x, y),
            NormKind::Rms => forward::<false>(gain, bias, eps, x, y),
        };
        kept.copy_from_slice(&[mean, inverse]);
    }

    /// [`backward`].
    fn backward_row(
        kind: NormKind,
        inputs: (&[f32], &[f32]),
        kept: (f32, f32),
        dy: &mut [f32],
        d_gain: &mut [f32],
        d_bias: Option<&mut [f32]>,
    ) {
        match kind {
            NormKind::Layer => backward::<true>(inputs, kept, dy, d_gain, d_bias),
            NormKind::Rms => backward::<false>(inputs, kept, dy, d_gain, d_bias),
        }
    }

    fn sum_row(a: &[f32], b: &[f32], sum: &mut [f32]) {
        sum.iter_mut().zip(a).zip(b).for_each(|((s, a), b)| *s = a + b);
    }
}

/// What the backward pass keeps.
struct Record {
    kind: NormKind,
    x: Kept,
    width: usize,
    /// Mean and 1/√(var + ε), row by row.
    statistics: Vec<f32>,
    gain: Kept,
    gain_slot: Slot,
    bias_slot: Option<Slot>,
}

impl Record {
    fn new(op: &'static str, x: &Matrix<Cpu>, norm: &Norm<'_, Cpu>, statistics: Vec<f32>) -> Result<Self> {
        Ok(Self {
            kind: norm.kind,
            x: Kept::of(op, "input", x)?,
            width: size(x).1,
            statistics,
            gain: Kept::of(op, "gain", norm.gain)?,
            gain_slot: Slot::of(norm.gain),
            bias_slot: norm.bias.map(Slot::of),
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
        let partials: Vec<(Vec<f32>, Option<Vec<f32>>)> = dy
            .par_chunks_mut(group * width)
            .enumerate()
            .map(|(task, dy)| {
                let mut d_gain = vec![0.0; width];
                let mut d_bias = self.bias_slot.as_ref().map(|_| vec![0.0; width]);
                for (i, dy) in dy.chunks_exact_mut(width).enumerate() {
                    let row = task * group + i;
                    let statistics = (self.statistics[2 * row], self.statistics[2 * row + 1]);
                    let x = &x[row * width..][..width];
                    backward_row(self.kind, (x, gain), statistics, dy, &mut d_gain, d_bias.as_deref_mut());
                    if let Some(direct) = direct {
                        add_to(dy, &direct[row * width..][..width]);
                    }
                }
                (d_gain, d_bias)
            })
            .collect();
        let (d_gain, d_bias): (Vec<_>, Vec<_>) = partials.into_iter().unzip();
        self.gain_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_gain))?;
        if let Some(slot) = &self.bias_slot {
            let d_bias: Vec<_> = d_bias.into_iter().flatten().collect();
            slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_bias))?;
        }
        Ok(())
    }
}

/// See [`crate::Kernels::norm`].
pub(super) fn norm<T: Tape<f32, Cpu>>(tape: &mut T, x: &Matrix<Cpu>, norm: Norm<'_, Cpu>) -> Result<Matrix<Cpu>> {
    const OP: &str = "norm";
    let (tokens, width) = size(x);
    let data = read(OP, "input", x)?;
    let checked = Checked::new(OP, &norm, width)?;
    let (mut y, mut statistics) = (unwritten(data.len()), unwritten(tokens * 2));
    parallel::rows2((&mut y, width), (&mut statistics, 2), |first, y, statistics| {
        let x = data[first * width..].chunks_exact(width);
        for ((y, x), kept) in y.chunks_exact_mut(width).zip(x).zip(statistics.chunks_exact_mut(2)) {
            checked.forward(x, y, kept);
        }
    });
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let record = Record::new(OP, x, &norm, statistics)?;
        let (x_slot, y_slot) = (Slot::of(x), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            record.backward(gradients, &mut d, None)?;
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}

/// See [`crate::Kernels::add_norm`].
pub(super) fn add_norm<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    residual: &Matrix<Cpu>,
    norm: Norm<'_, Cpu>,
) -> Result<(Matrix<Cpu>, Matrix<Cpu>)> {
    const OP: &str = "add_norm";
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
            checked.forward(sum, y, kept);
        }
    });
    let sum = matrix(OP, x.device(), sum, (tokens, width))?;
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let record = Record::new(OP, &sum, &norm, statistics)?;
        let (x_slot, residual_slot, sum_slot, y_slot) =
            (Slot::of(x), Slot::of(residual), Slot::output(&sum), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let direct = sum_slot.take_shared(gradients)?;
            let mut d = y_slot.take(gradients)?;
            record.backward(gradients, &mut d, Some(&direct))?;
            drop(direct);
            let d = Arc::new(d);
            x_slot.add_shared(gradients, d.clone())?;
            residual_slot.add_shared(gradients, d)
        });
    }
    Ok((sum, y))
}
