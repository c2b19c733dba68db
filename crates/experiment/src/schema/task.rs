//! The tables `[[tasks]]`: what finished models are evaluated with beyond their own loss.

use super::tree::{Node, Table, Value};
use ligo_data::images::augment::Augmentation;
use ligo_downstream::{Kind, Tuning};
use ligo_eval::metrics::{GlueTask, squad::Squad};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A task that every finished model is tuned on, or probed with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// What it is.
    pub task: TaskKind,
    /// Names its column and its directories; the task's name if left out.
    pub label: String,
    /// Parquet files to tune on, or directories of them, relative to the workspace.
    pub train: Vec<PathBuf>,
    /// The same to evaluate with.
    pub validation: Vec<PathBuf>,
    /// MNLI alone: what is evaluated as `mismatched`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_mismatched: Vec<PathBuf>,
    /// The column of texts, or of images: `text`, and the usual names of images, if left out. GLUE and SQuAD have theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The column of second texts, if the task is about two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair_column: Option<String>,
    /// The column of classes: `label`, and the usual names of images' classes, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// Number of classes: of `texts` and `images`, which cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<usize>,
    /// Whether an image that does not decode is left out; if not, it ends the run. Of `images` alone, as the next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_broken: bool,
    /// What is done to training images.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub augmentation: Augmentation,
    /// Each model is tuned once with each.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// How a model is tuned: in the TOML the keys that differ from the paper's recipe. None: it is not.
    pub tuning: Tuning,
    /// Cheap evaluations without tuning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// Whether probes are all that is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probes_only: bool,
}

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// GLUE: acceptable English.
    Cola,
    /// GLUE: the sentiment of phrases.
    Sst2,
    /// GLUE: paraphrases in the news.
    Mrpc,
    /// GLUE: similarity of sentences.
    Stsb,
    /// GLUE: questions that ask the same.
    Qqp,
    /// GLUE: entailment, two kinds of text.
    Mnli,
    /// GLUE: sentences that answer a question.
    Qnli,
    /// GLUE: entailment.
    Rte,
    /// GLUE: pronouns.
    Wnli,
    /// SQuAD 1.1.
    Squad,
    /// SQuAD 2.0.
    SquadV2,
    /// Any texts with classes.
    Texts,
    /// Labelled images.
    Images,
}

impl TaskKind {
    /// The task of GLUE that it is.
    pub fn glue(self) -> Option<GlueTask> {
        Some(match self {
            Self::Cola => GlueTask::Cola,
            Self::Sst2 => GlueTask::Sst2,
            Self::Mrpc => GlueTask::Mrpc,
            Self::Stsb => GlueTask::Stsb,
            Self::Qqp => GlueTask::Qqp,
            Self::Mnli => GlueTask::Mnli,
            Self::Qnli => GlueTask::Qnli,
            Self::Rte => GlueTask::Rte,
            Self::Wnli => GlueTask::Wnli,
            Self::Squad | Self::SquadV2 | Self::Texts | Self::Images => return None,
        })
    }

    /// The version of SQuAD that it is.
    pub fn squad(self) -> Option<Squad> {
        match self {
            Self::Squad => Some(Squad::V1),
            Self::SquadV2 => Some(Squad::V2),
            _ => None,
        }
    }

    /// What it consists of.
    pub fn kind(self) -> Kind {
        match self {
            Self::Squad | Self::SquadV2 => Kind::Questions,
            Self::Images => Kind::Images,
            _ => Kind::Texts,
        }
    }

    /// The paper's recipe for it (PAPER.md 3.4). Its transfer of images takes 1,000 epochs of 768 images at 1e-2; here 10 of 64
    /// at 1e-3, which suit the sets of the experiments here.
    pub fn tuning(self) -> Tuning {
        match self {
            Self::Squad | Self::SquadV2 => Tuning::squad(),
            Self::Images => Tuning::new(10, 64, 1e-3),
            _ => Tuning::glue(),
        }
    }
}

/// A cheap evaluation of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A vote of the nearest neighbours.
    Knn,
    /// A linear classifier.
    LinearProbe,
}

impl Probe {
    /// As in the TOML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::LinearProbe => "linear-probe",
        }
    }
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

fn is_nothing(augmentation: &Augmentation) -> bool {
    *augmentation == Augmentation::default()
}

/// Gives every task its label and the recipe that its own keys lie over.
pub(super) fn fill_in(root: &mut Table) {
    let Some(Node { value: Value::Array(tasks), .. }) = root.get_mut("tasks") else { return };
    for task in tasks {
        let Value::Table(table) = &mut task.value else { continue };
        let Some(Node { value: Value::String(name), .. }) = table.get("task") else { continue };
        let name = name.clone();
        // A task that nobody knows is refused where it is decoded.
        let kind = serde_json::from_value::<TaskKind>(name.clone().into()).unwrap_or(TaskKind::Texts);
        table.fill("label", Value::String(name));
        let Ok(recipe) = toml::Table::try_from(kind.tuning()) else { continue };
        table.fill("tuning", Value::Table(Table::default()));
        if let Some(Node { value: Value::Table(tuning), .. }) = table.get_mut("tuning") {
            for (key, value) in recipe {
                tuning.fill(&key, Node::filled_in(value).value);
            }
        }
    }
}
