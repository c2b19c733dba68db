//! What a run leaves behind: the contract between the run, which writes it, and the report, which reads it.
//!
//! Plain data, no behaviour. `run.json` in a run's directory is one [`RunRecord`].

use crate::schema::Experiment;
use ligo_growth::FactorDiagnostics;
use ligo_train::{Cost, MetricRow};
use serde::{Deserialize, Serialize};

/// A stage of a recipe and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The stage's name in the recipe.
    pub name: String,
    /// What it did: `grow`, `learn` or `train`.
    pub action: StageAction,
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What a stage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageAction {
    /// Grew by a fixed operator.
    Grow,
    /// Learnt an operator and grew by it.
    Learn,
    /// Trained the model.
    Train,
}

/// The validation loss of the large model before and after an operator was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatorLoss {
    /// At the operator's start.
    pub before: f64,
    /// After its last step.
    pub after: f64,
}

/// Where and from what a run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The git commit, or none outside a repository.
    pub commit: Option<String>,
    /// Whether the working tree differed from that commit.
    pub dirty: bool,
    /// The version of this crate.
    pub version: String,
    /// The compiler found at run time, `rustc 1.95.0 (…)`, or none.
    pub rustc: Option<String>,
    /// CPU model, or the architecture where the system doesn't tell.
    pub machine: String,
    /// Operating system.
    pub system: String,
    /// Threads that computed.
    pub threads: usize,
    /// When the run ended, RFC 3339 in UTC, to the second.
    pub date: String,
    /// The command line.
    pub command: String,
}

/// One finished run: the small model of one seed, or one method with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The row's label in the TOML; `small` for the small model.
    pub label: String,
    /// The method's name; `small` for the small model.
    pub method: String,
    /// The method's sentence about itself.
    pub summary: String,
    /// The experiment's seed.
    pub seed: u64,
    /// Number of weights of the model at the end.
    pub parameters: u64,
    /// Every evaluation, in order; costs run over all stages.
    pub rows: Vec<MetricRow>,
    /// Every stage, in order.
    pub stages: Vec<StageRecord>,
    /// All stages together.
    pub total: Cost,
    /// The cost of the small model that this run started from or was taught by; none if it needed none, or a checkpoint.
    pub small: Option<Cost>,
    /// The checkpoint that this run started from or was taught by, as it is named in the file; what that cost is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The operator's loss before and after learning; none if none was learnt.
    pub operator: Option<OperatorLoss>,
    /// What became of the factors of the operator that was learnt last; empty if none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator_diagnostics: Vec<FactorDiagnostics>,
    /// Of everything that the run depends on.
    pub fingerprint: String,
    /// Where and from what.
    pub provenance: Provenance,
}

/// What the data were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// `crate-docs`, or the names of the training files.
    pub name: String,
    /// blake3 of the text, the tokenizer and the sequence length.
    pub fingerprint: String,
    /// Token ids in the vocabulary.
    pub vocab_size: usize,
    /// Tokens to train on.
    pub train_tokens: u64,
    /// Tokens to validate on.
    pub validation_tokens: u64,
    /// Where the data are images: how many. They have neither vocabulary nor tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageCounts>,
}

/// How many images there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageCounts {
    /// To train on.
    pub train: u64,
    /// To validate on.
    pub validation: u64,
    /// Classes.
    pub classes: usize,
}

/// What a grid of training keys gave for one row, on the experiment's first seed: the table `[search]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// The row.
    pub label: String,
    /// Every point of the grid, in its order.
    pub candidates: Vec<Candidate>,
    /// Which of them the row is trained with: the one that ended best.
    pub chosen: usize,
}

/// One point of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// `training.learning_rate`.
    pub learning_rate: f64,
    /// `training.warmup_steps`.
    pub warmup_steps: u64,
    /// What the report measures, at the end; none if the training diverged.
    pub score: Option<f64>,
}

/// Scratch trained with the compute that a row took in all, its schedule decayed fully over that compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EqualCompute {
    /// The row.
    pub label: String,
    /// Which seed both are of.
    pub seed: u64,
    /// FLOPs that the row took in all.
    pub flops: f64,
    /// Steps that scratch can do with them, and did.
    pub scratch_steps: u64,
    /// What the report measures, at the end of the row.
    pub score: f64,
    /// The same at the end of scratch.
    pub scratch_score: f64,
}

/// The scores of one finished model on one task: the tables `[[tasks]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DownstreamRecord {
    /// The row; `small` for the small model.
    pub label: String,
    /// Which of its seeds.
    pub seed: u64,
    /// The task's label: `cola`, `squad-v2`, `cifar100`.
    pub task: String,
    /// The seed of tuning: the order of the examples, dropout, the new head.
    pub tuning_seed: u64,
    /// How: `full`, `adapters`, `knn`, `linear-probe`.
    pub way: String,
    /// Name and value of each measure, the one that the paper prints first: accuracies and the like from 0 to 1.
    pub scores: Vec<(String, f64)>,
    /// Examples that they were measured on.
    pub examples: u64,
    /// What tuning cost; nothing for probes.
    pub cost: Cost,
}

/// Everything that the report is made from.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// The resolved experiment.
    pub experiment: Experiment,
    /// The data.
    pub data: DataRecord,
    /// The small model's runs, one per seed, in the order of the seeds; empty where no method needs one or it is a checkpoint.
    pub small: Vec<RunRecord>,
    /// The methods' runs, rows in the order of the TOML, seeds within.
    pub methods: Vec<RunRecord>,
    /// What a grid gave for each row; empty without one.
    pub searches: Vec<SearchRecord>,
    /// Each row against scratch with the same compute; empty where that was not asked for.
    pub equal_compute: Vec<EqualCompute>,
    /// Scores of the finished models on other tasks; empty without any.
    pub downstream: Vec<DownstreamRecord>,
    /// Of the newest run.
    pub provenance: Provenance,
}
