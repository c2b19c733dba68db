//! One stage of a recipe, from its plan to its rows.

use crate::{BatchSource, Cost, MetricRow, Objective, Progress, StopFlag, TrainError, TrainingConfig};
use ligo_kernels::Kernels;
use ligo_models::TokenBatch;
use std::path::Path;
use std::time::Duration;

/// What a stage does. Everything but the name of the directory that its result depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct StagePlan {
    /// The stage's name in the recipe.
    pub stage: String,
    /// The optimiser and the schedule; `config.steps` is what the schedule spans, however much of it this stage does.
    pub config: TrainingConfig,
    /// Where in the schedule the stage begins.
    pub schedule_from: u64,
    /// Optimiser steps of this stage.
    pub steps: u64,
    /// FLOPs that a step is charged with.
    pub flops_per_step: f64,
    /// The cost of all earlier stages.
    pub before: Cost,
    /// Steps between two evaluations; there is one before the first step and one after the last as well.
    pub evaluate_every: u64,
    /// Of dropout.
    pub seed: u64,
    /// Fingerprint of everything else that the result depends on: data, model, what happened before. A checkpoint with
    /// another one is refused.
    pub inputs: String,
    /// Time between two checkpoints. Of no consequence for the result.
    pub checkpoint_every: Duration,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StageOutcome {
    /// All steps are done, and the last checkpoint holds the result.
    Finished(StageResult),
    /// It was asked to stop, and left a checkpoint to go on from.
    Stopped,
}

/// What a finished stage leaves beside the trained tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct StageResult {
    /// Every evaluation of this stage, in order.
    pub rows: Vec<MetricRow>,
    /// The cost of this stage alone, over all processes that worked on it.
    pub cost: Cost,
}

/// Trains `objective` as `plan` says, or goes on where an earlier process stopped.
///
/// # Errors
/// See [`TrainError`].
#[allow(clippy::too_many_arguments)]
pub fn train_stage<D: Kernels>(
    device: &D,
    objective: &mut dyn Objective<D>,
    plan: &StagePlan,
    batches: &dyn BatchSource,
    validation: &[TokenBatch],
    directory: &Path,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<StageOutcome, TrainError> {
    let _ = (device, objective, plan, batches, validation, directory, progress, stop);
    todo!()
}
