//! The TOML file that describes everything that a run depends on.
//!
//! [`Experiment`] is the resolved file: `extends` followed, `--set` applied, defaults filled in, every value checked. It is
//! read by [`Experiment::load`] and written back by [`Experiment::to_toml`], which resolves to itself. An error names file,
//! line, column, key, what was found and what was expected ([`ConfigError`]).

mod check;
mod checkpoint;
mod decode;
mod error;
mod images;
mod load;
mod row;
mod search;
mod task;
mod tree;

#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use images::{EmbeddedImages, ImagesConfig};
pub(crate) use row::ROW_KEYS;
pub use row::{AfterGrowth, MethodConfig, OptimiserState, StagedTraining};
pub use search::SearchConfig;
pub use task::{Probe, TaskConfig, TaskKind};

use crate::checkpoint::SmallCheckpoint;
use ligo_models::ModelConfig;
use ligo_train::TrainingConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A resolved experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The file's name without `.toml`: names the directory of the results. Not a key of the TOML.
    #[serde(skip)]
    pub name: String,
    /// The file: below the workspace where it lies in it, else absolute. None of an experiment that was not read from one. Not a key
    /// of the TOML.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The heading of the report.
    pub title: String,
    /// One line for `cargo xtask list`.
    #[serde(default)]
    pub description: String,
    /// Every method runs once with each.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Threads to compute with; all cores if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// The text, or the images.
    pub data: DataConfig,
    /// The model that is grown; of a [checkpoint](Self::checkpoint) what its `config.json` says.
    pub small: ModelConfig,
    /// The checkpoint that the small model is, if it is not trained here: in the TOML `small.checkpoint`, in place of all other
    /// keys of `[small]`, of `[small_training]`, and of `[data.tokenizer]`.
    #[serde(skip)]
    pub checkpoint: Option<SmallCheckpoint>,
    /// The model that is wanted.
    pub large: ModelConfig,
    /// How the large model is trained.
    pub training: TrainingConfig,
    /// How the small model is trained: in the TOML the keys that differ from `[training]`.
    pub small_training: TrainingConfig,
    /// What every row is to find its best values of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchConfig>,
    /// The seeds on which every row is compared with scratch that is trained anew with the row's compute; none if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal_compute_seeds: Vec<u64>,
    /// When and on what the validation loss is measured.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
    /// How the table is made.
    #[serde(default)]
    pub report: ReportConfig,
    /// The rows of the table, in order.
    pub methods: Vec<MethodConfig>,
    /// What their models are evaluated with when they are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskConfig>,
}

/// The text, and what is predicted of it, or labelled images: the table `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Labelled images, in place of every other key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesConfig>,
    /// A corpus that the project can make by itself. Either this or `train` and `validation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<Corpus>,
    /// Parquet files to train on, relative to the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train: Vec<PathBuf>,
    /// Parquet files to validate on, relative to the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<PathBuf>,
    /// The column that holds the text.
    #[serde(default = "default_column")]
    pub column: String,
    /// Tokens in a training sequence; text cannot do without.
    #[serde(default)]
    pub sequence_length: usize,
    /// What is predicted.
    #[serde(default)]
    pub objective: LanguageObjective,
    /// Share of the tokens that a masked model has to predict (Devlin et al. 2019: 15 %).
    #[serde(default = "default_masked_share")]
    pub masked_share: f64,
    /// How text becomes tokens.
    #[serde(default)]
    pub tokenizer: TokenizerConfig,
}

/// A corpus that the project can make by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corpus {
    /// The English prose in the documentation of the crates that the workspace is built from.
    CrateDocs,
}

/// What a language model predicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LanguageObjective {
    /// The next token (GPT-2, Llama and its kind).
    #[default]
    Causal,
    /// Tokens that were masked out (BERT, RoBERTa).
    Masked,
}

/// How text becomes tokens: the table `[data.tokenizer]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// Size of the byte-level BPE that is trained on the training text. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<usize>,
    /// A `tokenizer.json` to use as it is, relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// When and on what the validation loss is measured: the table `[evaluation]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Optimiser steps between two evaluations; there is one before the first step and one after the last.
    pub every: u64,
    /// Fixed validation batches, the same for every method, seed and time.
    pub batches: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { every: 20, batches: 16 }
    }
}

/// How the table is made: the table `[report]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportConfig {
    /// Evaluations in the moving mean that has to reach the target; 1 smooths nothing.
    pub smoothing: usize,
    /// The label of the row whose end is the target; the first scratch row if left out.
    pub reference: String,
    /// What is compared.
    pub metric: ReportMetric,
    /// Savings are told to each of these values of the metric as well, beside those to the reference's end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<f64>,
    /// The growth of the paper whose figures stand beside ours; BERT-Small to BERT-Base (its Table 1) or DeiT-S to DeiT-B (its
    /// Table 2), by what is read, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperGrowth>,
    /// What a reader has to know that no figure says: a sentence of one's own, above the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            smoothing: ligo_eval::DEFAULT_SMOOTHING,
            reference: String::new(),
            metric: ReportMetric::default(),
            thresholds: Vec::new(),
            paper: None,
            remark: None,
        }
    }
}

/// What rows are compared by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportMetric {
    /// The validation loss: lower is better.
    #[default]
    Loss,
    /// The share of validation images whose class is found: higher is better.
    Accuracy,
}

/// A growth that the paper reports (PAPER.md 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperGrowth {
    /// Tables 1, 3 and 6.
    BertSmallToBase,
    /// Figure 6a: 6 to 12 layers of 768 channels.
    BertDepth,
    /// Figure 6b: 512 to 768 channels of 12 layers.
    BertWidth,
    /// Figure 7: BERT-Small after 50,000 steps, to BERT-Base.
    BertShortSmallToBase,
    /// Figure 2c.
    BertBaseToLarge,
    /// Figure 2c.
    BertSmallToLarge,
    /// Figure 3.
    RobertaSmallToBase,
    /// Figure 3.
    Gpt2BaseToMedium,
    /// Appendix C.5.
    #[serde(rename = "gpt2-medium-to-1.5b")]
    Gpt2MediumTo1_5B,
    /// Table 2.
    DeitSToB,
    /// Figure 8.
    CaitXsToS,
}

fn default_seeds() -> Vec<u64> {
    vec![0]
}

fn default_column() -> String {
    "text".into()
}

fn default_masked_share() -> f64 {
    0.15
}
