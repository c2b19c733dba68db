//! What is trained: all weights, or some of them while the others stay as they are, bit for bit.

use anyhow::Result;
use ligo_kernels::{GradTape, Kernels, Matrix, Scalar};
use ligo_models::{Batch, Mode, Model, ModelError, ParamSpec, Parameters};
use ligo_train::{Evaluated, Objective, StepContext, WeightsObjective};
use std::borrow::Cow;
use std::sync::Arc;

/// A model of which all weights, or some, are trained.
#[derive(Debug)]
pub(crate) enum Tuned<D: Kernels> {
    Whole(WeightsObjective<D>),
    Part(PartObjective<D>),
}

impl<D: Kernels> Tuned<D> {
    /// All weights.
    pub(crate) fn whole(model: Model, parameters: Parameters<D>) -> Self {
        Self::Whole(WeightsObjective { model, parameters })
    }

    /// Those weights that `trained` says.
    pub(crate) fn part(model: Model, parameters: &Parameters<D>, trained: &[bool]) -> Result<Self, ModelError> {
        let places: Vec<usize> = (0..trained.len()).filter(|&place| trained[place]).collect();
        let specs: Arc<[ParamSpec]> = places.iter().map(|&place| model.specs()[place].clone()).collect();
        let tensors = places.iter().map(|&place| parameters.tensors()[place].clone()).collect();
        let trained = Parameters::new(specs, tensors)?;
        Ok(Self::Part(PartObjective { model, all: parameters.tensors().to_vec(), trained, places }))
    }

    pub(crate) fn objective(&mut self) -> &mut dyn Objective<D> {
        match self {
            Self::Whole(objective) => objective,
            Self::Part(objective) => objective,
        }
    }

    /// Number of weights that are trained.
    pub(crate) fn trained(&self) -> usize {
        match self {
            Self::Whole(objective) => objective.parameters.elements(),
            Self::Part(objective) => objective.trained.elements(),
        }
    }

    /// The model and all its weights as they stand.
    pub(crate) fn into_parts(self) -> Result<(Model, Parameters<D>), ModelError> {
        match self {
            Self::Whole(WeightsObjective { model, parameters }) => Ok((model, parameters)),
            Self::Part(objective) => {
                let parameters = objective.assembled()?;
                Ok((objective.model, parameters))
            }
        }
    }
}

/// Some weights, and the model around them. The optimiser and its checkpoints know nothing of the others.
#[derive(Debug)]
pub(crate) struct PartObjective<D: Kernels> {
    model: Model,
    /// All weights; in the places of those that are trained what they began with.
    all: Vec<Matrix<D>>,
    trained: Parameters<D>,
    /// Where in the model the trained ones belong.
    places: Vec<usize>,
}

impl<D: Kernels> PartObjective<D> {
    /// All weights as they stand; nothing is copied.
    fn assembled(&self) -> Result<Parameters<D>, ModelError> {
        let mut tensors = self.all.clone();
        for (&place, tensor) in self.places.iter().zip(self.trained.tensors()) {
            tensors[place].clone_from(tensor);
        }
        Parameters::new(self.model.specs().clone(), tensors)
    }
}

impl<D: Kernels> Objective<D> for PartObjective<D> {
    fn trainable(&self) -> &Parameters<D> {
        &self.trained
    }

    fn trainable_mut(&mut self) -> &mut Parameters<D> {
        &mut self.trained
    }

    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, context: &StepContext) -> Result<Scalar<D>> {
        let mode = Mode::Train { dropout_key: context.key() };
        Ok(self.model.loss(tape, &self.assembled()?, batch, mode)?)
    }

    fn evaluated(&self, _: u64) -> Result<Evaluated<'_, D>> {
        Ok(Evaluated::whole(&self.model, Cow::Owned(self.assembled()?)))
    }
}
