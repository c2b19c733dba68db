//! The traits that every growth operator, fixed or learned, implements.

use crate::Result;
use ligo_kernels::{GradTape, Kernels};
use ligo_models::{Model, Parameters};
use std::fmt::Debug;

/// What an operator works on.
#[derive(Debug)]
pub struct Growth<'a, D: Kernels> {
    /// The small architecture.
    pub small: &'a Model,
    /// Its weights (Θ).
    pub parameters: &'a Parameters<D>,
    /// The large architecture.
    pub large: &'a Model,
    /// Where the large weights go.
    pub device: &'a D,
    /// Of every random choice.
    pub seed: u64,
}

/// Turns a small model's weights into a large one's without learning anything (Θ → Θ_new).
pub trait GrowthOperator<D: Kernels>: Debug + Send + Sync {
    /// The large model's weights.
    ///
    /// # Errors
    /// [`crate::GrowthError::Sizes`] where the two models do not go together.
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>>;
}

/// FLOPs of turning the small weights into the large ones once; a multiply-add counts as 2.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ExpansionFlops {
    /// The expansion itself: once for each operator step, and once more when the large weights are made for keeps.
    pub forward: f64,
    /// The gradients of the factors from those of the large weights: once for each operator step.
    pub backward: f64,
}

/// An operator with factors that are learnt on the large model's loss.
pub trait LearnedOperator<D: Kernels>: Debug + Send + Sync {
    /// The operator at its start, holding the small weights.
    ///
    /// # Errors
    /// [`crate::GrowthError::Sizes`] where the two models do not go together.
    fn start(&self, growth: &Growth<'_, D>) -> Result<Box<dyn Learner<D>>>;

    /// What one expansion costs, so that an operator step is charged as a step of the large model and this.
    ///
    /// # Errors
    /// [`crate::GrowthError::Sizes`] where the two models do not go together.
    fn expansion_flops(&self, small: &Model, large: &Model) -> Result<ExpansionFlops>;
}

/// A learned operator in the course of its training.
pub trait Learner<D: Kernels>: Debug + Send {
    /// The factors, named.
    fn factors(&self) -> &Parameters<D>;

    /// The factors, for the optimiser.
    fn factors_mut(&mut self) -> &mut Parameters<D>;

    /// The large weights as a differentiable function of the factors: the backward of the expansion goes onto `tape`,
    /// keyed by the ids of the weights returned, so that the same tape can then be handed to the large model's loss.
    ///
    /// # Errors
    /// [`crate::GrowthError::Kernel`] if an operation fails.
    fn expand(&self, tape: &mut GradTape<D>) -> Result<Parameters<D>>;

    /// The large weights for keeps: what [`Learner::expand`] gives, with nothing recorded.
    ///
    /// # Errors
    /// As [`Learner::expand`].
    fn materialise(&self) -> Result<Parameters<D>>;
}
