//! One training step, as the trainer takes it: forward, backward, AdamW.

use crate::{Job, Work};
use anyhow::Result;
use dfdx::tensor::ZerosTensor;
use ligo::LigoOperator;
use ligo_growth::{Growth, LearnedOperator, Learner};
use ligo_kernels::{AdamWParameter, GradTape, Gradients, Kernels, Matrix, Scalar, gradients_for};
use ligo_models::{Mode, Model, ParamSpec, Parameters, TokenBatch, checkpoint};
use std::collections::BTreeMap;

/// The seed of all weights.
const SEED: u64 = 1;

/// A model, or an operator with a model behind it, in the course of its training.
pub(crate) struct Stepper<D: Kernels> {
    job: Job,
    model: Model,
    batch: TokenBatch,
    trained: Trained<D>,
    first: Vec<Matrix<D>>,
    second: Vec<Matrix<D>>,
    gradients: Gradients<f32, D>,
    steps: u64,
}

enum Trained<D: Kernels> {
    Weights(Parameters<D>),
    Factors(Box<dyn Learner<D>>),
}

impl<D: Kernels> Trained<D> {
    fn parameters(&self) -> &Parameters<D> {
        match self {
            Self::Weights(parameters) => parameters,
            Self::Factors(learner) => learner.factors(),
        }
    }

    fn parameters_mut(&mut self) -> &mut Parameters<D> {
        match self {
            Self::Weights(parameters) => parameters,
            Self::Factors(learner) => learner.factors_mut(),
        }
    }
}

impl<D: Kernels> Stepper<D> {
    /// Makes the model and writes its weights where the job says.
    pub(crate) fn new(job: Job, device: &D) -> Result<Self> {
        let model = Model::new(job.case.model.clone())?;
        let batch = job.batch();
        let trained = match job.work {
            Work::Plain => Trained::Weights(model.fresh(device, SEED)?),
            Work::Operator => {
                let small = Model::new(job.case.small()?)?;
                let parameters = small.fresh(device, SEED)?;
                let growth = Growth { small: &small, parameters: &parameters, large: &model, device, seed: SEED };
                Trained::Factors(LigoOperator::default().start(&growth)?)
            }
        };
        if let Some(path) = &job.weights {
            checkpoint::save(path, trained.parameters(), &BTreeMap::new())?;
        }
        let zeros = || -> Result<Vec<Matrix<D>>> {
            let zeros = |spec: &ParamSpec| {
                ZerosTensor::try_zeros_like(device, &spec.matrix_shape())
                    .map_err(|error| anyhow::anyhow!("moments of {}: {error:?}", spec.name))
            };
            trained.parameters().specs().iter().map(zeros).collect()
        };
        let (first, second) = (zeros()?, zeros()?);
        let gradients = gradients_for(trained.parameters().tensors());
        Ok(Self { job, model, batch, trained, first, second, gradients, steps: 0 })
    }

    /// Numbers that are trained.
    pub(crate) fn parameters(&self) -> usize {
        self.trained.parameters().elements()
    }

    /// Takes a step; returns the loss before it.
    pub(crate) fn step(&mut self) -> Result<f32> {
        self.steps += 1;
        let mut tape = GradTape::default();
        let loss = self.loss(&mut tape)?;
        let value = loss.as_vec()[0];
        tape.backward(&loss, 1.0, &mut self.gradients)?;
        let specs = self.trained.parameters().specs().clone();
        let mut parameters: Vec<AdamWParameter<'_, D>> = Vec::with_capacity(specs.len());
        let weights = self.trained.parameters_mut().tensors_mut().iter_mut();
        for (((weight, first), second), spec) in weights.zip(&mut self.first).zip(&mut self.second).zip(specs.iter()) {
            parameters.push(AdamWParameter { weight, first, second, decay: spec.decay });
        }
        D::adamw(&mut parameters, &mut self.gradients, &self.job.adamw(self.steps))?;
        Ok(value)
    }

    fn loss(&self, tape: &mut GradTape<D>) -> Result<Scalar<D>> {
        let mode = Mode::Train { dropout_key: self.steps };
        Ok(match &self.trained {
            Trained::Weights(parameters) => self.model.loss(tape, parameters, &self.batch, mode)?,
            // The expansion first, so that backward reaches it last, when the model has left its gradients.
            Trained::Factors(learner) => {
                let weights = learner.expand(tape)?;
                self.model.loss(tape, &weights, &self.batch, mode)?
            }
        })
    }
}
