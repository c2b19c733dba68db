//! What is said between the process that measures and the processes that are measured: lines of JSON, the same for ours and a peer.

use crate::Case;
use ligo_kernels::AdamW;
use ligo_models::TokenBatch;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The first line to a contender.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Model and batch.
    pub case: Case,
    /// Which step.
    pub work: Work,
    /// Threads to compute with.
    pub threads: usize,
    /// A safetensors file: ours writes the weights that it starts from, a peer starts from them.
    pub weights: Option<PathBuf>,
    input_ids: Vec<u32>,
    targets: Vec<i32>,
    optimiser: Optimiser,
}

impl Job {
    /// A job with the batch and the optimiser that all contenders use.
    pub fn new(case: Case, work: Work, threads: usize, weights: Option<PathBuf>) -> Self {
        let TokenBatch { input_ids, targets, .. } = case.batch();
        Self { case, work, threads, weights, input_ids, targets, optimiser: Optimiser::default() }
    }

    pub(crate) fn batch(&self) -> TokenBatch {
        TokenBatch {
            input_ids: self.input_ids.clone(),
            targets: self.targets.clone(),
            batch_size: self.case.batch_size,
            sequence_length: self.case.sequence_length,
            real_tokens: None,
        }
    }

    pub(crate) fn adamw(&self, step: u64) -> AdamW {
        let Optimiser { learning_rate, beta1, beta2, eps, weight_decay } = self.optimiser;
        AdamW { learning_rate, beta1, beta2, eps, weight_decay, max_grad_norm: None, step }
    }
}

/// Which step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// The model's: forward, backward, AdamW on its weights.
    Plain,
    /// The operator's: expansion, forward, backward through both, AdamW on its factors.
    Operator,
}

/// AdamW without clipping, which PyTorch would do in a pass of its own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Optimiser {
    learning_rate: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    weight_decay: f32,
}

impl Default for Optimiser {
    fn default() -> Self {
        Self { learning_rate: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// A contender's first line, after its first step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Name and version.
    pub(crate) engine: String,
    /// Numbers that are trained.
    pub(crate) parameters: u64,
    /// Loss of the first step, on the weights that all contenders start from.
    pub(crate) first_loss: f64,
    /// Resident memory before the model was made.
    pub(crate) before_bytes: Option<u64>,
}

/// A request for a turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Steps to time, after one that is not timed.
    pub(crate) steps: usize,
}

/// What a turn took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Of each step.
    pub(crate) seconds: Vec<f64>,
    /// Loss of the last step.
    pub(crate) loss: f64,
    /// Highest resident memory of the process so far.
    pub(crate) peak_bytes: Option<u64>,
}
