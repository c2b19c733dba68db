//! What the loop trains: a set of tensors and a loss of them.

use crate::StepContext;
use anyhow::Result;
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Model, Parameters, Route};
use std::borrow::Cow;

/// A model as it stands, to be evaluated.
#[derive(Debug)]
pub struct Evaluated<'a, D: Kernels> {
    /// The architecture.
    pub model: &'a Model,
    /// Its weights.
    pub parameters: Cow<'a, Parameters<D>>,
    /// The part of it that counts; the default is all of it.
    pub route: Route,
}

impl<'a, D: Kernels> Evaluated<'a, D> {
    /// All of a model.
    pub fn whole(model: &'a Model, parameters: Cow<'a, Parameters<D>>) -> Self {
        Self { model, parameters, route: Route::default() }
    }
}

/// Something that AdamW can train.
pub trait Objective<D: Kernels> {
    /// The tensors to be trained.
    fn trainable(&self) -> &Parameters<D>;

    /// The tensors to be trained, for the optimiser.
    fn trainable_mut(&mut self) -> &mut Parameters<D>;

    /// The training loss on a batch, recorded on `tape`; dropout and all other choices are drawn from `context`.
    ///
    /// # Errors
    /// Whatever the operations report.
    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, context: &StepContext) -> Result<Scalar<D>>;

    /// The learning rate of tensor number `index` as a multiple of the step's; 0 leaves the tensor and its moments as they are.
    fn rate(&self, index: usize, context: &StepContext) -> f32 {
        let _ = (index, context);
        1.0
    }

    /// FLOPs of a micro-batch, where they are not the same for all: in place of its share of [`crate::StagePlan::flops_per_step`].
    ///
    /// A pure function of `context`.
    fn flops(&self, context: &StepContext) -> Option<f64> {
        let _ = context;
        None
    }

    /// The model as it stands after `steps` steps of the stage, for evaluation; computed once per evaluation.
    ///
    /// # Errors
    /// Whatever the operations report.
    fn evaluated(&self, steps: u64) -> Result<Evaluated<'_, D>>;
}
