//! The sum of two matrices.

use super::buffers::{expect, matrix, read, size, unwritten};
use super::gradient::Slot;
use super::parallel;
use crate::{Cpu, Matrix, Result, Tape};

/// See [`crate::Kernels::add`].
pub(super) fn add<T: Tape<f32, Cpu>>(tape: &mut T, a: &Matrix<Cpu>, b: &Matrix<Cpu>) -> Result<Matrix<Cpu>> {
    const OP: &str = "add";
    expect(OP, "second input", size(b), size(a))?;
    let (a_data, b_data) = (read(OP, "first input", a)?, read(OP, "second input", b)?);
    let mut y = unwritten(a_data.len());
    parallel::rows(&mut y, 1, |first, y| {
        let (a, b) = (&a_data[first..][..y.len()], &b_data[first..][..y.len()]);
        y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = a + b);
    });
    let y = matrix(OP, a.device(), y, size(a))?;
    if T::OWNS_TAPE {
        let (a_slot, b_slot, y_slot) = (Slot::of(a), Slot::of(b), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            a_slot.add_shared(gradients, dy.clone())?;
            b_slot.add_shared(gradients, dy)
        });
    }
    Ok(y)
}
