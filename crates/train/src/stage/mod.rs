//! One stage of a recipe, from its plan to its rows.

mod run;

use crate::{BatchSource, Cost, MetricRow, Objective, Progress, Rate, StopFlag, TrainError, TrainingConfig};
use ligo_growth::Moments;
use ligo_kernels::Kernels;
use ligo_models::Batch;
use run::Run;
use std::path::Path;
use std::time::Duration;

/// What a stage does: everything that its result depends on but the tensors and the data themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct StagePlan {
    /// The stage's name in the recipe.
    pub stage: String,
    /// The optimiser and the schedule; `config.steps` is what the schedule spans, however much of it this stage does.
    pub config: TrainingConfig,
    /// Where in the schedule the stage begins.
    pub schedule_from: u64,
    /// How its learning rate follows from the schedule.
    pub rate: Rate,
    /// Optimiser steps of this stage.
    pub steps: u64,
    /// FLOPs that a step is charged with, unless the objective says otherwise of its micro-batches.
    pub flops_per_step: f64,
    /// The cost of all earlier stages.
    pub before: Cost,
    /// Steps between two evaluations; there is one before the first step and one after the last as well.
    pub evaluate_every: u64,
    /// Of dropout, and of whatever else the objective draws.
    pub seed: u64,
    /// Fingerprint of everything else that the result depends on: data, model, what happened before. A checkpoint with
    /// another one is refused.
    pub inputs: String,
    /// Time between two checkpoints, stretched where writing one takes more than a twentieth of it; after every step if
    /// zero. Of no consequence for the result.
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

/// Trains `objective` as `plan` says, or goes on where an earlier process stopped, however it stopped: the tensors and the
/// rows, but for `wall_seconds`, end up with the same bits.
///
/// A step computes its micro-batches one after the other, weights their gradients by their labelled positions, so that the
/// sum is the gradient of the mean over the whole batch, and ends with AdamW. `validation` is evaluated before the first
/// step, every `plan.evaluate_every` steps, and after the last. `directory` is the stage's own; checkpoints go there, every
/// now and then, when `stop` is set, and at the end, so that a stage that was finished before is not trained again.
///
/// Where the plan averages the weights ([`TrainingConfig::ema_decay`]), the average is what is evaluated, and at the end of the stage
/// the objective's tensors are the average.
///
/// `moments` is what AdamW remembers: it begins with what is there, or afresh with none; when the stage is finished what it then
/// remembers is there, else nothing is.
///
/// # Errors
/// [`TrainError::Diverged`] if a loss or the gradients' norm stops being finite, with the last good checkpoint;
/// [`TrainError::Foreign`] if the directory holds another run's; [`TrainError::File`] for a full disk and the like;
/// [`TrainError::Plan`], [`TrainError::Step`] for what the plan, the model or the data refuse.
#[allow(clippy::too_many_arguments, reason = "one call site; each is a thing of its own")]
pub fn train_stage<D: Kernels>(
    device: &D,
    objective: &mut dyn Objective<D>,
    moments: &mut Option<Moments<D>>,
    plan: &StagePlan,
    batches: &dyn BatchSource,
    validation: &[Batch],
    directory: &Path,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<StageOutcome, TrainError> {
    let run = Run::begin(device, objective, moments.take(), plan, directory)?;
    let (outcome, remembered) = run.go(batches, validation, progress, stop)?;
    *moments = remembered;
    Ok(outcome)
}

#[cfg(test)]
pub(crate) mod tests;
