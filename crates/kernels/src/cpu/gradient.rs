//! Where an operation's backward pass finds and leaves gradients.
//!
//! In dfdx's [`Gradients`] an entry is a buffer of zeros to be added to. Here an entry may also be an *empty* buffer:
//! zeros that nobody has written down yet. The first writer then overwrites instead of adding, so that no memory is
//! filled with zeros just to be added to; the optimiser leaves its gradients empty.

use super::buffers::{device_error, expect, matrix, read, size, unwritten};
use super::parallel;
use crate::{Cpu, Gradients, Matrix, TakeGradient};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{CpuError, Tensor};

type Find = dyn for<'g> Fn(&'g mut Gradients<f32, Cpu>) -> Result<&'g mut Vec<f32>, CpuError> + Send + Sync;

/// See [`crate::Kernels::gradient_of`].
pub(super) fn taker(tensor: &Matrix<Cpu>) -> TakeGradient<Cpu> {
    const OP: &str = "gradient_of";
    let (slot, shape, device) = (Slot::of(tensor), size(tensor), tensor.device().clone());
    Box::new(move |gradients| {
        let taken = slot.take(gradients).map_err(|e| device_error(OP, e))?;
        matrix(OP, &device, taken, shape)
    })
}

/// See [`crate::Kernels::add_gradient`].
pub(super) fn add(tensor: &Matrix<Cpu>, value: &Matrix<Cpu>, gradients: &mut Gradients<f32, Cpu>) -> crate::Result<()> {
    const OP: &str = "add_gradient";
    expect(OP, "gradient", size(value), size(tensor))?;
    let value = read(OP, "gradient", value)?;
    Slot::of(tensor).add_copy(gradients, value).map_err(|e| device_error(OP, e))
}

/// The place of one tensor's gradient; does not keep the tensor's data alive.
pub(super) struct Slot {
    length: usize,
    // dfdx's ghost tensor is what finds the entry; its type cannot be named, so it hides in a closure.
    find: Box<Find>,
}

/// What a writer finds in the buffer that it is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Rubbish, to be overwritten.
    Set,
    /// A sum, to be added to.
    Add,
}

impl Slot {
    /// The place of `tensor`'s gradient.
    pub(super) fn of<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> Self {
        let ghost = tensor.ghost();
        let length = tensor.shape().num_elements();
        Self { length, find: Box::new(move |gradients| Ok(&mut **gradients.get_or_alloc_mut(&ghost)?)) }
    }

    /// Takes the gradient out: its memory is the caller's, and is freed with the caller.
    pub(super) fn take(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<Vec<f32>, CpuError> {
        let taken = std::mem::take((self.find)(gradients)?);
        Ok(if taken.is_empty() { vec![0.0; self.length] } else { taken })
    }

    /// Sets the gradient to zero.
    pub(super) fn clear(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<(), CpuError> {
        *(self.find)(gradients)? = Vec::new();
        Ok(())
    }

    /// Lets `write` add to the gradient, or set it if there is none yet.
    pub(super) fn accumulate(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        write: impl FnOnce(&mut [f32], Mode),
    ) -> Result<(), CpuError> {
        let entry = (self.find)(gradients)?;
        if entry.is_empty() {
            *entry = unwritten(self.length);
            write(entry, Mode::Set);
        } else {
            write(entry, Mode::Add);
        }
        Ok(())
    }

    /// Adds a copy of `value`.
    pub(super) fn add_copy(&self, gradients: &mut Gradients<f32, Cpu>, value: &[f32]) -> Result<(), CpuError> {
        self.accumulate(gradients, |sum, mode| {
            parallel::zip(sum, value, |sum, value| match mode {
                Mode::Set => sum.copy_from_slice(value),
                Mode::Add => sum.iter_mut().zip(value).for_each(|(s, v)| *s += v),
            });
        })
    }

    /// Adds a whole buffer; if there is no gradient yet, it becomes the gradient.
    pub(super) fn add(&self, gradients: &mut Gradients<f32, Cpu>, value: Vec<f32>) -> Result<(), CpuError> {
        let entry = (self.find)(gradients)?;
        if entry.is_empty() {
            *entry = value;
        } else {
            parallel::zip(entry, &value, |sum, value| sum.iter_mut().zip(value).for_each(|(s, v)| *s += v));
        }
        Ok(())
    }
}
