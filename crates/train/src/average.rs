//! An average of the trained tensors over the steps of a stage: `e ← d e + (1 − d) w` after each (timm's `ModelEmaV2`).

use ligo_kernels::{KernelError, Kernels, Matrix};
use ligo_models::Parameters;

/// The averages, one per trained tensor, in the same order.
#[derive(Debug)]
pub(crate) struct Average<D: Kernels> {
    pub(crate) tensors: Vec<Matrix<D>>,
    decay: f64,
}

impl<D: Kernels> Average<D> {
    /// That begins with the tensors as they are; it shares their memory until a step changes them.
    pub(crate) fn new(trainable: &Parameters<D>, decay: f64) -> Self {
        Self { tensors: trainable.tensors().to_vec(), decay }
    }

    /// Follows the tensors, which a step has changed.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn follow(&mut self, trainable: &Parameters<D>) -> Result<(), KernelError> {
        D::moving_average(&mut self.tensors, trainable.tensors(), self.decay)
    }

    /// Puts the averages where the tensors are and the tensors where the averages are; once more undoes it.
    pub(crate) fn swap(&mut self, trainable: &mut Parameters<D>) {
        trainable.tensors_mut().swap_with_slice(&mut self.tensors);
    }
}
