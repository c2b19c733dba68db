//! What the loop tells whoever watches: a progress bar, log lines, nothing; and how it is asked to stop.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One evaluation: a row of `metrics.parquet`.
///
/// Costs are counted over the whole run of a method, from its first stage on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    /// The stage of the recipe.
    pub stage: String,
    /// Optimiser steps of this stage so far.
    pub step: u64,
    /// Optimiser steps of all stages so far.
    pub total_steps: u64,
    /// Tokens seen by all stages so far.
    pub tokens: u64,
    /// FLOPs of all stages so far.
    pub flops: f64,
    /// Seconds of training of all stages so far; evaluation and checkpoints left out.
    pub wall_seconds: f64,
    /// Learning rate of the step before this evaluation; 0 before the first step of a stage.
    pub learning_rate: f64,
    /// Mean training loss since the previous row; none at the start of a stage.
    pub train_loss: Option<f64>,
    /// Mean loss on the fixed validation set (log perplexity).
    pub validation_loss: f64,
    /// The share of the labelled validation sequences or images whose largest logit is their class; none of a language model and
    /// where targets are no classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
}

/// The state of a stage after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done in this stage.
    pub step: u64,
    /// Steps in all in this stage.
    pub steps: u64,
    /// Training loss of this step.
    pub loss: f32,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Optimiser steps per second, lately.
    pub steps_per_second: f64,
    /// Tokens per second, lately.
    pub tokens_per_second: f64,
}

/// Watches a run. Called from the training thread; must return at once.
pub trait Progress: Send + Sync {
    /// A stage begins, `done` of its `steps` steps were done by an earlier process.
    fn stage_started(&self, stage: &str, steps: u64, done: u64);
    /// A step is done.
    fn step(&self, report: &StepReport);
    /// An evaluation is done.
    fn evaluated(&self, row: &MetricRow);
    /// The stage is over.
    fn stage_finished(&self, stage: &str);
}

/// Watches and says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage_started(&self, _: &str, _: u64, _: u64) {}
    fn step(&self, _: &StepReport) {}
    fn evaluated(&self, _: &MetricRow) {}
    fn stage_finished(&self, _: &str) {}
}

/// Asks a run to stop at the next step, with a checkpoint. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks for the stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
