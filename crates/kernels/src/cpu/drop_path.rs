//! Dropout of whole runs of rows: of what a branch adds to a sequence or an image all is left out or nothing (stochastic depth,
//! Huang et al. 2016).

use super::buffers::{matrix, read, shape_error, size, unwritten};
use super::dropout::Mask;
use super::gradient::Slot;
use super::parallel;
use crate::{Cpu, Dropout, Matrix, Result, Tape};

/// See [`crate::Kernels::drop_path`].
pub(super) fn drop_path<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    rows: usize,
    dropout: Dropout,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "drop_path";
    let (tokens, width) = size(x);
    if rows == 0 || !tokens.is_multiple_of(rows) {
        return Err(shape_error(OP, "number of rows", tokens, format!("a multiple of a run's {rows}")));
    }
    let mut factors = vec![0.0; tokens / rows];
    Mask::new(OP, dropout)?.for_each(0, factors.len(), |i, factor| factors[i] = factor);
    let mut y = unwritten(tokens * width);
    y.copy_from_slice(read(OP, "input", x)?);
    multiply(&mut y, width, rows, &factors);
    let y = matrix(OP, x.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(x), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            multiply(&mut d, width, rows, &factors);
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}

/// Each run of rows by its factor.
fn multiply(x: &mut [f32], width: usize, rows: usize, factors: &[f32]) {
    parallel::rows(x, width, |first, x| {
        for (i, row) in x.chunks_exact_mut(width).enumerate() {
            let factor = factors[(first + i) / rows];
            row.iter_mut().for_each(|x| *x *= factor);
        }
    });
}
