//! What the loop trains: a set of tensors and a loss of them.

use anyhow::Result;
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Mode, Model, Parameters};
use std::borrow::Cow;

/// The model and weights to evaluate.
pub type Evaluated<'a, D> = (&'a Model, Cow<'a, Parameters<D>>);

/// Something that AdamW can train.
pub trait Objective<D: Kernels> {
    /// The tensors to be trained.
    fn trainable(&self) -> &Parameters<D>;

    /// The tensors to be trained, for the optimiser.
    fn trainable_mut(&mut self) -> &mut Parameters<D>;

    /// The training loss on a batch, recorded on `tape`.
    ///
    /// # Errors
    /// Whatever the operations report.
    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, mode: Mode) -> Result<Scalar<D>>;

    /// The model as it stands, for evaluation; computed once per evaluation.
    ///
    /// # Errors
    /// Whatever the operations report.
    fn evaluated(&self) -> Result<Evaluated<'_, D>>;
}
