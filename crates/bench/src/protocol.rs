//! What is said between the process that measures and the processes that are measured: lines of JSON, the same for ours and a peer.

use crate::Case;
use crate::data::DataJob;
use crate::growth::GrowthJob;
use crate::kernel::KernelJob;
use crate::machine::{MachineJob, Peaks};
use crate::sample::Sample;
use anyhow::{Result, bail};
use ligo_kernels::AdamW;
use ligo_models::{Batch, Model};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Tokens that are generated after a prompt.
pub const NEW_TOKENS: usize = 64;

/// The first line to a contender: what it does again and again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Job {
    /// Something that a model does.
    Model(Box<ModelJob>),
    /// Preparing data.
    Data(DataJob),
    /// One fused operation, forward and backward.
    Kernel(KernelJob),
    /// Growing a checkpoint, or what the disk alone takes for it.
    Growth(Box<GrowthJob>),
    /// What the machine can do at most.
    Machine(MachineJob),
}

impl Job {
    /// Threads to compute with.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Model(job) => job.threads,
            Self::Data(job) => job.threads,
            Self::Kernel(job) => job.threads,
            Self::Growth(job) => job.threads,
            Self::Machine(job) => job.threads,
        }
    }
}

impl From<ModelJob> for Job {
    fn from(job: ModelJob) -> Self {
        Self::Model(Box::new(job))
    }
}

impl From<DataJob> for Job {
    fn from(job: DataJob) -> Self {
        Self::Data(job)
    }
}

impl From<KernelJob> for Job {
    fn from(job: KernelJob) -> Self {
        Self::Kernel(job)
    }
}

impl From<GrowthJob> for Job {
    fn from(job: GrowthJob) -> Self {
        Self::Growth(Box::new(job))
    }
}

impl From<MachineJob> for Job {
    fn from(job: MachineJob) -> Self {
        Self::Machine(job)
    }
}

/// A case, and what its model does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelJob {
    /// Model and batch.
    pub case: Case,
    /// What is done again and again.
    pub work: Work,
    /// Threads to compute with.
    pub threads: usize,
    /// A directory in the Hub's layout: ours writes the model there that it starts from, a peer starts from it. What reads a
    /// checkpoint reads it there.
    pub directory: Option<PathBuf>,
    /// How exact products are.
    pub precision: Precision,
    /// How a peer runs its model; ours has one way.
    pub mode: Mode,
    sample: Sample,
    optimiser: Optimiser,
    pub(crate) new_tokens: usize,
}

impl ModelJob {
    /// A job in f32 with the batch and the optimiser that all contenders use.
    pub fn new(case: Case, work: Work, threads: usize, directory: Option<PathBuf>) -> Self {
        let sample = if work.reads_files() { Sample::default() } else { Sample::of(&case) };
        let (precision, mode, optimiser) = (Precision::F32, Mode::Eager, Optimiser::default());
        Self { case, work, threads, directory, precision, mode, sample, optimiser, new_tokens: NEW_TOKENS }
    }

    /// The same in another precision.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The same, run otherwise by a peer.
    #[must_use]
    pub fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The model that computes, in the job's precision.
    pub(crate) fn model(&self) -> Result<Model> {
        let precision = self.precision.of_products();
        if !precision.has_hardware() {
            bail!(
                "precision: found {}, expected f32, as this processor computes no {}",
                self.precision,
                self.precision
            );
        }
        Ok(Model::new(self.case.model.clone())?.with_precision(precision))
    }

    pub(crate) fn batch(&self) -> Batch {
        self.sample.batch(&self.case)
    }

    pub(crate) fn prompt(&self) -> &[u32] {
        &self.sample.input_ids
    }

    pub(crate) fn adamw(&self, step: u64) -> AdamW {
        let Optimiser { learning_rate, beta1, beta2, eps, weight_decay } = self.optimiser;
        AdamW { learning_rate, beta1, beta2, eps, weight_decay, max_grad_norm: None, step }
    }
}

/// How exact the products of a training step are. Weights, moments and losses are f32 either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// As exact as f32.
    #[default]
    F32,
    /// Both sides of a product rounded to bf16, sums in f32; a peer's autocast.
    Bf16,
}

impl Precision {
    pub(crate) fn of_products(self) -> ligo_kernels::Precision {
        match self {
            Self::F32 => ligo_kernels::Precision::F32,
            Self::Bf16 => ligo_kernels::Precision::Bf16,
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

/// How a peer runs its model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Operation by operation.
    #[default]
    Eager,
    /// Loss and backward pass compiled by `torch.compile`.
    Compile,
}

/// What a model does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// The model's training step: forward, backward, AdamW on its weights.
    Plain,
    /// The operator's: expansion, forward, backward through both, AdamW on its factors.
    Operator,
    /// Logits of the batch, nothing recorded.
    Forward,
    /// [`NEW_TOKENS`] tokens after the prompt, each the likeliest, with a cache.
    Generate,
    /// Writes a checkpoint in f32.
    Write,
    /// Writes a checkpoint in BF16.
    WriteHalf,
    /// Reads a checkpoint into a model.
    Import,
    /// Reads the file of its weights as bytes.
    Read,
}

impl Work {
    fn reads_files(self) -> bool {
        matches!(self, Self::Write | Self::WriteHalf | Self::Import | Self::Read)
    }
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

/// A contender's first line: it is ready, or says why it cannot do this job where it runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Opening {
    Refused { refused: String },
    Ready(Ready),
}

/// A contender's first line, after it has done its work once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Name and version.
    pub(crate) engine: String,
    /// Numbers that are trained.
    pub(crate) parameters: u64,
    /// What the first time took.
    pub(crate) first_seconds: f64,
    /// What came out of it, on the weights that all contenders start from.
    pub(crate) first: Answer,
    /// Resident memory before the model was made.
    pub(crate) before_bytes: Option<u64>,
    /// Highest resident memory of the process so far.
    pub(crate) peak_bytes: Option<u64>,
}

/// What came out, as far as the work has such a thing: by it contenders are held to compute the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    /// Of a training step.
    pub(crate) loss: Option<f64>,
    /// The first few for the last token or image, of a forward pass.
    pub(crate) logits: Vec<f64>,
    /// What was generated.
    pub(crate) tokens: Vec<u32>,
    /// By how much each token's logit was above that of the second; ours alone says it.
    pub(crate) leads: Vec<f64>,
    /// Tokens, images or bytes that were prepared.
    pub(crate) prepared: Option<u64>,
    /// Of the machine.
    pub(crate) machine: Option<Peaks>,
}

impl Answer {
    /// The first number that is infinite or none at all.
    pub(crate) fn not_finite(&self) -> Option<f64> {
        self.loss.iter().chain(&self.logits).find(|value| !value.is_finite()).copied()
    }
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
    /// Highest resident memory of the process so far.
    pub(crate) peak_bytes: Option<u64>,
}
