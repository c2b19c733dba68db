//! A learned operator as something that the training loop can train: the factors are trained, the loss is the large
//! model's on the weights that they make.

use anyhow::Result;
use ligo_growth::Learner;
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Mode, Model, Parameters};
use ligo_train::{Evaluated, Objective};
use std::borrow::Cow;

/// The operator with the large model behind it.
#[derive(Debug)]
pub(super) struct LearnerObjective<D: Kernels> {
    pub(super) learner: Box<dyn Learner<D>>,
    pub(super) large: Model,
}

impl<D: Kernels> Objective<D> for LearnerObjective<D> {
    fn trainable(&self) -> &Parameters<D> {
        self.learner.factors()
    }

    fn trainable_mut(&mut self) -> &mut Parameters<D> {
        self.learner.factors_mut()
    }

    /// The expansion goes onto the tape first, so that backward reaches it last, when the model has left its gradients.
    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, mode: Mode) -> Result<Scalar<D>> {
        let parameters = self.learner.expand(tape)?;
        Ok(self.large.loss(tape, &parameters, batch, mode)?)
    }

    fn evaluated(&self) -> Result<Evaluated<'_, D>> {
        Ok((&self.large, Cow::Owned(self.learner.materialise()?)))
    }
}
