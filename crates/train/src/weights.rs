//! The plain objective: a model's own weights.

use crate::{Evaluated, Objective, StepContext};
use anyhow::Result;
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Mode, Model, Parameters};
use std::borrow::Cow;

/// A model with its weights, all of them trained by the plain loss.
#[derive(Debug)]
pub struct WeightsObjective<D: Kernels> {
    /// The architecture.
    pub model: Model,
    /// Its weights.
    pub parameters: Parameters<D>,
}

impl<D: Kernels> Objective<D> for WeightsObjective<D> {
    fn trainable(&self) -> &Parameters<D> {
        &self.parameters
    }

    fn trainable_mut(&mut self) -> &mut Parameters<D> {
        &mut self.parameters
    }

    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, context: &StepContext) -> Result<Scalar<D>> {
        let mode = Mode::Train { dropout_key: context.key() };
        Ok(self.model.loss(tape, &self.parameters, batch, mode)?)
    }

    fn evaluated(&self, _: u64) -> Result<Evaluated<'_, D>> {
        Ok(Evaluated::whole(&self.model, Cow::Borrowed(&self.parameters)))
    }
}
