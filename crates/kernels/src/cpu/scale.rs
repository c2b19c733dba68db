//! A gain for each column.
//!
//! x `[N, H]`, γ `[1, H]`: `y_n = γ ∘ x_n`, `dx_n = γ ∘ dy_n`, `dγ = Σ_n dy_n ∘ x_n`.

use super::buffers::{Kept, expect, matrix, read, size, unwritten};
use super::gradient::Slot;
use super::linear::add_partials;
use super::parallel;
use super::simd::vectorised;
use crate::{Cpu, Matrix, Result, Tape};
use rayon::prelude::*;

vectorised! {
    fn forward_row(x: &[f32], gain: &[f32], y: &mut [f32]) {
        y.iter_mut().zip(x).zip(gain).for_each(|((y, x), gain)| *y = x * gain);
    }

    /// dy becomes dx; dγ is added to.
    fn backward_row(x: &[f32], gain: &[f32], dy: &mut [f32], d_gain: &mut [f32]) {
        for (((dy, &x), gain), d_gain) in dy.iter_mut().zip(x).zip(gain).zip(d_gain) {
            *d_gain = dy.mul_add(x, *d_gain);
            *dy *= gain;
        }
    }
}

/// See [`crate::Kernels::scale`].
pub(super) fn scale<T: Tape<f32, Cpu>>(tape: &mut T, x: &Matrix<Cpu>, gain: &Matrix<Cpu>) -> Result<Matrix<Cpu>> {
    const OP: &str = "scale";
    let (tokens, width) = size(x);
    expect(OP, "gain", size(gain), (1, width))?;
    let (x_data, gain_data) = (read(OP, "input", x)?, read(OP, "gain", gain)?);
    let mut y = unwritten(x_data.len());
    parallel::rows(&mut y, width, |first, y| {
        let x = x_data[first * width..].chunks_exact(width);
        y.chunks_exact_mut(width).zip(x).for_each(|(y, x)| forward_row(x, gain_data, y));
    });
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let (x_slot, gain_slot, y_slot) = (Slot::of(x), Slot::of(gain), Slot::output(&y));
        let (x, gain) = (Kept::of(OP, "input", x)?, Kept::of(OP, "gain", gain)?);
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            if d.is_empty() {
                return Ok(());
            }
            let group = parallel::rows_per_task(width);
            let partials: Vec<Vec<f32>> = (d.par_chunks_mut(group * width))
                .zip(x.data().par_chunks(group * width))
                .map(|(d, x)| {
                    let mut d_gain = vec![0.0; width];
                    let rows = d.chunks_exact_mut(width).zip(x.chunks_exact(width));
                    rows.for_each(|(d, x)| backward_row(x, gain.data(), d, &mut d_gain));
                    d_gain
                })
                .collect();
            gain_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &partials))?;
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}
