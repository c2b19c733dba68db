//! The traits that every growth operator, fixed or learned, implements.

use crate::Result;
use ligo_kernels::{GradTape, Kernels, Matrix};
use ligo_models::{Model, Parameters};
use serde::{Deserialize, Serialize};
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

/// Is shown tensors of the large model, each with its position among the parameters, in any order and from any thread.
pub type Made<'a, D> = dyn Fn(usize, &Matrix<D>) + Sync + 'a;

/// Turns a small model's weights into a large one's without learning anything (Θ → Θ_new).
pub trait GrowthOperator<D: Kernels>: Debug + Send + Sync {
    /// The large model's weights.
    ///
    /// # Errors
    /// [`crate::GrowthError::Sizes`] where the two models do not go together.
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>>;

    /// The same, with each tensor shown as soon as it has its last value: for who writes it to a disk while others are made.
    ///
    /// An operator that is nothing but a [`crate::LinearGrowth`] hands `made` on to it; what others make is shown in the end.
    ///
    /// # Errors
    /// As [`GrowthOperator::grow`].
    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        let grown = self.grow(growth)?;
        grown.tensors().iter().enumerate().for_each(|(i, tensor)| made(i, tensor));
        Ok(grown)
    }

    /// The optimiser's state of the large model from that of the small one, by the maps that [`GrowthOperator::grow`] takes for the
    /// same `growth`; none where the operator has no maps for it (it is not linear, or fills in what it likes).
    ///
    /// # Errors
    /// As [`GrowthOperator::grow`].
    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let _ = (growth, moments);
        Ok(None)
    }
}

/// What AdamW remembers of the gradients of a model's weights.
#[derive(Debug, Clone)]
pub struct Moments<D: Kernels> {
    /// m: the running mean of each weight's gradient. It grows as gradients do: where copies share what one weight did, each gets
    /// its share.
    pub first: Parameters<D>,
    /// v: the running mean of its square. It grows by the squares of the same factors.
    pub second: Parameters<D>,
    /// Steps that they have seen, for the correction of their bias.
    pub steps: u64,
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

    /// How many numbers a learner holds beside its factors and the small weights, for an estimate of memory.
    ///
    /// # Errors
    /// [`crate::GrowthError::Sizes`] where the two models do not go together.
    fn held(&self, small: &Model, large: &Model) -> Result<usize> {
        let _ = (small, large);
        Ok(0)
    }
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

    /// For each factor its learning rate as a multiple of the operator's: 1 but where some factors have a rate of their own.
    fn rates(&self) -> Vec<f32> {
        vec![1.0; self.factors().tensors().len()]
    }

    /// The optimiser's state of the large model from that of the small one by the factors as they stand; none where the operator
    /// has no maps for it.
    ///
    /// # Errors
    /// As [`Learner::expand`].
    fn grow_moments(&self, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let _ = moments;
        Ok(None)
    }

    /// What a researcher wants to know of the factors as they stand.
    ///
    /// # Errors
    /// As [`Learner::expand`].
    fn diagnostics(&self) -> Result<Vec<FactorDiagnostics>> {
        Ok(Vec::new())
    }
}

/// What has become of one factor of a learned operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactorDiagnostics {
    /// Its name: `B.embed`, `w.attn.c_attn`, …
    pub name: String,
    /// How far it moved from its start, ‖F − F₀‖ / ‖F₀‖ (Frobenius); the plain distance where it started at 0.
    pub moved: f64,
    /// Singular values of a width factor as it is applied (`[I; C]` whole), largest first; empty for a depth factor.
    pub singular_values: Vec<f64>,
    /// exp of the entropy of the singular values divided by their sum (Roy & Vetterli 2007): how many directions it uses; 0 for a
    /// depth factor.
    pub effective_rank: f64,
    /// w of a depth factor, a row for each large layer and in it a weight for each small one; empty for a width factor.
    pub depth_weights: Vec<Vec<f32>>,
}
