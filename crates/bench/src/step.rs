//! One training step, as the trainer takes it: forward, backward, AdamW.

use crate::protocol::Answer;
use crate::task::{SEED, Task, fresh};
use crate::{ModelJob, Work};
use anyhow::Result;
use dfdx::tensor::ZerosTensor;
use ligo::LigoOperator;
use ligo_growth::{Growth, LearnedOperator, Learner};
use ligo_kernels::{AdamWParameter, GradTape, Gradients, Kernels, Matrix, Scalar, gradients_for};
use ligo_models::{Batch, Mode, Model, ParamSpec, Parameters};

/// A model, or an operator with a model behind it, in the course of its training.
pub(crate) struct Stepper<D: Kernels> {
    job: ModelJob,
    model: Model,
    batch: Batch,
    trained: Trained<D>,
    first: Vec<Matrix<D>>,
    second: Vec<Matrix<D>>,
    gradients: Gradients<f32, D>,
    steps: u64,
    loss: Option<f32>,
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
    /// Makes the model and writes it where the job says.
    pub(crate) fn new(job: ModelJob, device: &D) -> Result<Self> {
        let batch = job.batch();
        let (model, trained) = if job.work == Work::Operator {
            let (large, small) = (job.model()?, Model::new(job.case.small()?)?);
            let parameters = small.fresh(device, SEED)?;
            let growth = Growth { small: &small, parameters: &parameters, large: &large, device, seed: SEED };
            let learner = LigoOperator::default().start(&growth)?;
            (large, Trained::Factors(learner))
        } else {
            let (model, parameters) = fresh(&job, device)?;
            (model, Trained::Weights(parameters))
        };
        let zeros = || -> Result<Vec<Matrix<D>>> {
            let zeros = |spec: &ParamSpec| {
                ZerosTensor::try_zeros_like(device, &spec.matrix_shape())
                    .map_err(|error| anyhow::anyhow!("moments of {}: {error:?}", spec.name))
            };
            trained.parameters().specs().iter().map(zeros).collect()
        };
        let (first, second) = (zeros()?, zeros()?);
        let gradients = gradients_for(trained.parameters().tensors());
        Ok(Self { job, model, batch, trained, first, second, gradients, steps: 0, loss: None })
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

impl<D: Kernels> Task for Stepper<D> {
    fn work(&mut self) -> Result<()> {
        self.steps += 1;
        let mut tape = GradTape::default();
        let loss = self.loss(&mut tape)?;
        self.loss = Some(loss.as_vec()[0]);
        tape.backward(&loss, 1.0, &mut self.gradients)?;
        let specs = self.trained.parameters().specs().clone();
        let mut parameters: Vec<AdamWParameter<'_, D>> = Vec::with_capacity(specs.len());
        let weights = self.trained.parameters_mut().tensors_mut().iter_mut();
        for (((weight, first), second), spec) in weights.zip(&mut self.first).zip(&mut self.second).zip(specs.iter()) {
            parameters.push(AdamWParameter { weight, first, second, decay: spec.decay, rate: 1.0 });
        }
        D::adamw(&mut parameters, &mut self.gradients, &self.job.adamw(self.steps))?;
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { loss: self.loss.map(f64::from), ..Answer::default() }
    }

    fn parameters(&self) -> usize {
        self.trained.parameters().elements()
    }
}
