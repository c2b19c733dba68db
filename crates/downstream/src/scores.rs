//! What a fine-tuned model is worth, and what it took.

use ligo_train::{Cost, MetricRow};
use serde::{Deserialize, Serialize};

/// A metric on a validation split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The split, by the Hub's name.
    pub split: String,
    /// The metric.
    pub name: String,
    /// Its value as a share, 1 for perfect predictions (correlations from −1).
    pub value: f64,
}

/// The result of a fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The task.
    pub task: String,
    /// Every metric on every validation split, the task's own split first.
    ///
    /// Of SQuAD 2.0 `F1` and `exact match` leave a question without an answer where the score of no answer is above 0, as
    /// transformers does; `best F1` and `best exact match` are those at the best thresholds.
    pub metrics: Vec<Measured>,
    /// What the paper's column heading means on the task's own split: accuracy ("Acc.") of classes, F1 of SQuAD; none for STS-B,
    /// whose labels are no classes.
    pub heading: Option<f64>,
    /// The task's own score on its own split: the mean of the metrics that GLUE gives it, accuracy of images and of other
    /// classes, the mean of both correlations of numbers, F1 of SQuAD.
    pub own: f64,
    /// Texts, questions or images that were trained on.
    pub examples: u64,
    /// Texts, questions or images of all validation splits.
    pub evaluated: u64,
    /// Weights that were trained.
    pub trained_parameters: u64,
    /// Weights of the model.
    pub parameters: u64,
    /// The training; evaluation left out.
    pub cost: Cost,
    /// Losses before the training and after each epoch.
    pub rows: Vec<MetricRow>,
}

/// What a validation pass found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluation {
    pub(crate) metrics: Vec<Measured>,
    pub(crate) heading: Option<f64>,
    pub(crate) own: f64,
}
