//! FLOPs of a training step, counted per operation.

use ligo_models::ModelConfig;

/// How to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Convention {
    /// Ours: a backward pass counts twice a forward one, lookups are free.
    #[default]
    Ours,
    /// The paper's (PAPER.md 3.7).
    Paper,
}

/// What a step works on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepShape {
    /// Sequences in an optimiser step (B).
    pub sequences: usize,
    /// Tokens in each (S).
    pub sequence_length: usize,
    /// Share of the tokens that are predicted: 1 for a causal model, 0.15 or so for a masked one.
    pub labelled_share: f64,
}

/// FLOPs of an operation, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Flops {
    /// Of the forward pass.
    pub forward: f64,
    /// Of the backward pass.
    pub backward: f64,
}

impl Flops {
    /// Forward and backward.
    pub fn total(self) -> f64 {
        self.forward + self.backward
    }
}

/// One line of a [`breakdown`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationFlops {
    /// `query, key, value`, `attention`, …
    pub name: &'static str,
    /// Over all layers.
    pub flops: Flops,
}

/// The FLOPs of one training step, operation by operation, all layers together.
pub fn breakdown(config: &ModelConfig, shape: StepShape, convention: Convention) -> Vec<OperationFlops> {
    let _ = (config, shape, convention);
    todo!()
}

/// FLOPs of the forward pass over a step's tokens.
pub fn forward_flops(config: &ModelConfig, shape: StepShape, convention: Convention) -> f64 {
    breakdown(config, shape, convention).iter().map(|operation| operation.flops.forward).sum()
}

/// FLOPs of one training step.
pub fn step_flops(config: &ModelConfig, shape: StepShape, convention: Convention) -> f64 {
    breakdown(config, shape, convention).iter().map(|operation| operation.flops.total()).sum()
}

/// FLOPs of one step of learning a growth operator: a step of the large model, and the expansion forward and backward, once
/// (`expansion`, from the operator itself).
pub fn operator_step_flops(large: &ModelConfig, shape: StepShape, expansion: Flops) -> f64 {
    step_flops(large, shape, Convention::Ours) + expansion.total()
}

/// The paper's own count of a LiGO step (PAPER.md 3.7).
pub fn paper_operator_step_flops(small: &ModelConfig, large: &ModelConfig, shape: StepShape) -> f64 {
    let _ = (small, large, shape);
    todo!()
}
