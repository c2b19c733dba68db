//! Our own tape: a list of backward closures, newest last, without the gradients of leaves inside.
//!
//! dfdx's `OwnedTape` can be run on dfdx's devices only, and keeps every closure (and so every activation) until the
//! end; this one works on any device and drops each closure as soon as it has run.

use crate::{KernelError, Kernels, Result, Scalar};
use dfdx::tensor::{Gradients, Merge, NoneTape, Storage, Tape};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

type BackwardOp<D> = Box<dyn FnOnce(&mut Gradients<f32, D>) -> Result<()>>;

/// Records the backward pass of the operations that it is handed to.
pub struct GradTape<D: Storage<f32>> {
    /// Time stamp and closure; the stamps order the closures of merged tapes.
    operations: Vec<(u64, BackwardOp<D>)>,
}

impl<D: Storage<f32>> Default for GradTape<D> {
    fn default() -> Self {
        Self { operations: Vec::new() }
    }
}

impl<D: Storage<f32>> std::fmt::Debug for GradTape<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GradTape").field("operations", &self.operations.len()).finish()
    }
}

impl<D: Storage<f32>> Merge<NoneTape> for GradTape<D> {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}

impl<D: Storage<f32>> Merge<GradTape<D>> for GradTape<D> {
    fn merge(mut self, mut other: Self) -> Self {
        self.operations.append(&mut other.operations);
        self
    }
}

impl<D: Storage<f32>> Tape<f32, D> for GradTape<D> {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<f32, D>) -> std::result::Result<(), D::Err>,
    {
        let failed = |e: D::Err| KernelError::Device { op: "backward", reason: format!("{e:?}") };
        self.push(Box::new(move |gradients| operation(gradients).map_err(failed)));
    }
}

impl<D: Storage<f32>> GradTape<D> {
    fn push(&mut self, operation: BackwardOp<D>) {
        static CLOCK: AtomicU64 = AtomicU64::new(0);
        self.operations.push((CLOCK.fetch_add(1, Relaxed), operation));
    }
}

impl<D: Kernels> GradTape<D> {
    /// Records a backward operation that is made of several others, and may fail as they do.
    ///
    /// It can run the forward of what it stands for again on a tape of its own and [`GradTape::replay`] that one, instead of
    /// keeping what lies in between.
    pub fn record(&mut self, operation: impl FnOnce(&mut Gradients<f32, D>) -> Result<()> + 'static) {
        self.push(Box::new(operation));
    }

    /// Runs what is recorded, newest operation first, on the gradients that are there, freeing each operation as it has run.
    ///
    /// # Errors
    /// [`KernelError::Device`] if a gradient cannot be allocated.
    pub fn replay(mut self, gradients: &mut Gradients<f32, D>) -> Result<()> {
        self.operations.sort_by_key(|(time, _)| *time);
        while let Some((_, operation)) = self.operations.pop() {
            operation(gradients)?;
        }
        Ok(())
    }

    /// Adds `scale · ∂loss/∂leaf` to the gradient of every leaf, newest operation first, freeing each as it has run.
    ///
    /// `scale` is 1, or 1 / number of micro-batches when gradients are accumulated.
    ///
    /// # Errors
    /// [`KernelError::Device`] if a gradient cannot be allocated.
    pub fn backward(self, loss: &Scalar<D>, scale: f32, gradients: &mut Gradients<f32, D>) -> Result<()> {
        D::seed_gradient(loss, scale, gradients)?;
        self.replay(gradients)?;
        gradients.drop_non_leafs();
        Ok(())
    }
}
