//! A learned operator as something that the training loop can train: the factors are trained, the loss is the large model's on the
//! weights that they make.

use crate::{Evaluated, Objective, Schedule, StepContext, TrainingConfig};
use anyhow::Result;
use ligo_growth::{Learner, OperatorTraining, RateDecay};
use ligo_kernels::{GradTape, Kernels, Scalar};
use ligo_models::{Batch, Mode, Model, Parameters, Route};
use std::borrow::Cow;

/// The operator with the large model behind it.
#[derive(Debug)]
pub struct LearnerObjective<D: Kernels> {
    learner: Box<dyn Learner<D>>,
    large: Model,
    dropout: bool,
    recompute: bool,
    rates: Vec<f32>,
}

impl<D: Kernels> LearnerObjective<D> {
    /// Of an operator at its start, to be learnt as `training` says.
    pub fn new(learner: Box<dyn Learner<D>>, large: Model, training: &OperatorTraining) -> Self {
        Self { rates: learner.rates(), learner, large, dropout: training.dropout, recompute: false }
    }

    /// The same numbers out of less memory and more time: the large model's blocks are computed again on the way back.
    pub fn recomputing(self, recompute: bool) -> Self {
        Self { recompute, ..self }
    }

    /// The operator as it stands.
    pub fn learner(&self) -> &dyn Learner<D> {
        self.learner.as_ref()
    }

    /// The large model.
    pub fn large(&self) -> &Model {
        &self.large
    }

    /// The large model and the operator.
    pub fn into_parts(self) -> (Model, Box<dyn Learner<D>>) {
        (self.large, self.learner)
    }
}

impl<D: Kernels> Objective<D> for LearnerObjective<D> {
    fn trainable(&self) -> &Parameters<D> {
        self.learner.factors()
    }

    fn trainable_mut(&mut self) -> &mut Parameters<D> {
        self.learner.factors_mut()
    }

    /// The expansion goes onto the tape first, so that backward reaches it last, when the model has left its gradients.
    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, context: &StepContext) -> Result<Scalar<D>> {
        let parameters = self.learner.expand(tape)?;
        let mode = match self.dropout {
            true => Mode::Train { dropout_key: context.key() },
            false => Mode::Evaluate,
        };
        Ok(match self.recompute {
            true => self.large.recomputed_loss(tape, &parameters, batch, mode, &Route::default())?,
            false => self.large.loss(tape, &parameters, batch, mode)?,
        })
    }

    fn rate(&self, index: usize, _: &StepContext) -> f32 {
        // A learner that names fewer rates than factors leaves the rest at the operator's.
        self.rates.get(index).copied().unwrap_or(1.0)
    }

    fn evaluated(&self, _: u64) -> Result<Evaluated<'_, D>> {
        Ok(Evaluated::whole(&self.large, Cow::Owned(self.learner.materialise()?)))
    }
}

impl TrainingConfig {
    /// How an operator's factors are trained: betas, ε and clipping as the weights' (`self`), the rest as `operator` says.
    ///
    /// The factors are never averaged. Where the operator has a batch of its own, a micro-batch is at most as large as the weights'. A rate that falls would be 0
    /// at the step after the last.
    pub fn for_operator(&self, operator: &OperatorTraining) -> Self {
        let batch_size = operator.batch_size.unwrap_or(self.batch_size).max(1);
        let micro = self.micro_batch_size().max(1);
        let fits = |&parts: &usize| batch_size.is_multiple_of(parts) && batch_size / parts <= micro;
        let accumulate = match operator.batch_size {
            Some(_) => (1..=batch_size).find(fits).unwrap_or(batch_size),
            None => self.accumulate,
        };
        Self {
            // A schedule may be as long as its warm-up needs it to be.
            steps: operator.steps.max(operator.warmup_steps).max(1),
            batch_size,
            accumulate,
            learning_rate: f64::from(operator.learning_rate),
            warmup_steps: operator.warmup_steps,
            schedule: match operator.decay {
                RateDecay::Constant => Schedule::Constant,
                RateDecay::Linear => Schedule::Linear,
                RateDecay::Cosine => Schedule::Cosine,
            },
            final_ratio: match operator.decay {
                RateDecay::Constant => self.final_ratio,
                RateDecay::Linear | RateDecay::Cosine => 0.0,
            },
            weight_decay: f64::from(operator.weight_decay),
            // An average would lag behind in the few steps that an operator has.
            ema_decay: None,
            drop_path: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_trained_as_it_says_and_otherwise_as_the_weights() {
        let weights = TrainingConfig {
            accumulate: 3,
            max_grad_norm: Some(0.5),
            ema_decay: Some(0.99),
            drop_path: Some(0.1),
            ..TrainingConfig::new(400, 12, 1e-3)
        };
        let operator = OperatorTraining {
            steps: 10,
            learning_rate: 0.25,
            warmup_steps: 2,
            decay: RateDecay::Constant,
            weight_decay: 0.5,
            batch_size: None,
            dropout: true,
        };
        let found = weights.for_operator(&operator);
        let expected = TrainingConfig {
            steps: 10,
            learning_rate: 0.25,
            warmup_steps: 2,
            schedule: Schedule::Constant,
            weight_decay: 0.5,
            ema_decay: None,
            drop_path: None,
            ..weights.clone()
        };
        assert_eq!(found, expected);

        // (batch, its parts): none of them is larger than the weights' micro-batch of 4.
        for (batch, parts) in [(4, 1), (2, 1), (6, 2), (12, 3), (16, 4), (7, 7), (30, 10)] {
            let found = weights.for_operator(&OperatorTraining { batch_size: Some(batch), ..operator.clone() });
            assert_eq!((found.batch_size, found.accumulate), (batch, parts));
            assert_eq!(found.check(), Ok(()));
        }
        for decay in [RateDecay::Linear, RateDecay::Cosine] {
            let found = weights.for_operator(&OperatorTraining { decay, ..operator.clone() });
            assert!(found.learning_rate_at(10).abs() < 1e-12 && found.learning_rate_at(2) == 0.25, "{decay:?}");
        }
        let long = weights.for_operator(&OperatorTraining { warmup_steps: 50, ..operator });
        assert_eq!((long.check(), long.learning_rate_at(9)), (Ok(()), 0.25 * 10.0 / 50.0));
    }
}
