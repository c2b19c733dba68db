//! The plain objective: a model's own weights.

use crate::{Evaluated, Objective};
use anyhow::Result;
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Mode, Model, Parameters};
use std::borrow::Cow;

/// A model with its weights, all of them trained.
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

    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, mode: Mode) -> Result<Scalar<D>> {
        Ok(self.model.loss(tape, &self.parameters, batch, mode)?)
    }

    fn evaluated(&self) -> Result<Evaluated<'_, D>> {
        Ok((&self.model, Cow::Borrowed(&self.parameters)))
    }
}
