//! GLUE's nine tasks: their columns on the Hub, their classes, and the metrics that belong to them.
//!
//! Columns and classes are those of `nyu-mll/glue`, metrics those of the GLUE paper (Wang et al. 2019, table 1).

use super::{Metric, MetricError, Outcome, rows};
use serde::{Deserialize, Serialize};

/// The column of labels, of every task: int64 classes, float32 numbers of STS-B, −1 throughout in test splits.
pub const LABEL_COLUMN: &str = "label";

/// What heads every GLUE column of the paper's tables (PAPER.md 2.1, 2.8, 2.9).
pub const PAPER_HEADING: &str = "Acc.";

/// A task of GLUE; in TOML by its name on the Hub: `cola`, `sst2`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GlueTask {
    /// Whether a sentence is acceptable English.
    Cola,
    /// Whether a phrase of a review likes the film.
    Sst2,
    /// Whether two sentences from the news mean the same.
    Mrpc,
    /// How alike two sentences are, from 0 to 5.
    Stsb,
    /// Whether two questions ask the same.
    Qqp,
    /// Whether a sentence follows from another, contradicts it, or neither.
    Mnli,
    /// Whether a sentence answers a question.
    Qnli,
    /// Whether a sentence follows from another.
    Rte,
    /// Whether a sentence with a pronoun replaced follows from the one with the pronoun.
    Wnli,
}

/// What there is to know of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name on the Hub, the configuration of `nyu-mll/glue`.
    pub config: &'static str,
    /// The column of the sentence, or of the first of two.
    pub text: &'static str,
    /// The column of the second sentence, if the task is about two.
    pub pair: Option<&'static str>,
    /// The classes in the order of their numbers; none of a regression.
    pub classes: &'static [&'static str],
    /// The splits to evaluate on: MNLI has one of the kinds of text it trains on and one of others.
    pub validation: &'static [&'static str],
    /// GLUE's own metrics; the mean of two is the task's score.
    pub metrics: &'static [Metric],
    /// Whether the paper reports it.
    pub in_paper: bool,
}

/// What most tasks have; each of them names the rest.
const COMMON: Facts = Facts {
    name: "",
    config: "",
    text: "sentence1",
    pair: Some("sentence2"),
    classes: &[],
    validation: &["validation"],
    metrics: &[Metric::Accuracy],
    in_paper: true,
};

const COLA: Facts = Facts {
    name: "CoLA",
    config: "cola",
    text: "sentence",
    pair: None,
    classes: &["unacceptable", "acceptable"],
    metrics: &[Metric::Matthews],
    ..COMMON
};

const SST2: Facts =
    Facts { name: "SST-2", config: "sst2", text: "sentence", pair: None, classes: &["negative", "positive"], ..COMMON };

const MRPC: Facts = Facts {
    name: "MRPC",
    config: "mrpc",
    classes: &["not_equivalent", "equivalent"],
    metrics: &[Metric::Accuracy, Metric::F1],
    ..COMMON
};

const STSB: Facts = Facts { name: "STS-B", config: "stsb", metrics: &[Metric::Pearson, Metric::Spearman], ..COMMON };

const QQP: Facts = Facts {
    name: "QQP",
    config: "qqp",
    text: "question1",
    pair: Some("question2"),
    classes: &["not_duplicate", "duplicate"],
    metrics: &[Metric::Accuracy, Metric::F1],
    ..COMMON
};

const MNLI: Facts = Facts {
    name: "MNLI",
    config: "mnli",
    text: "premise",
    pair: Some("hypothesis"),
    classes: &["entailment", "neutral", "contradiction"],
    validation: &["validation_matched", "validation_mismatched"],
    ..COMMON
};

const QNLI: Facts = Facts {
    name: "QNLI",
    config: "qnli",
    text: "question",
    pair: Some("sentence"),
    classes: &["entailment", "not_entailment"],
    ..COMMON
};

const RTE: Facts =
    Facts { name: "RTE", config: "rte", classes: &["entailment", "not_entailment"], in_paper: false, ..COMMON };

const WNLI: Facts =
    Facts { name: "WNLI", config: "wnli", classes: &["not_entailment", "entailment"], in_paper: false, ..COMMON };

impl GlueTask {
    /// All nine, as GLUE lists them.
    pub const ALL: [Self; 9] =
        [Self::Cola, Self::Sst2, Self::Mrpc, Self::Stsb, Self::Qqp, Self::Mnli, Self::Qnli, Self::Rte, Self::Wnli];

    /// What there is to know of it.
    pub fn facts(self) -> &'static Facts {
        match self {
            Self::Cola => &COLA,
            Self::Sst2 => &SST2,
            Self::Mrpc => &MRPC,
            Self::Stsb => &STSB,
            Self::Qqp => &QQP,
            Self::Mnli => &MNLI,
            Self::Qnli => &QNLI,
            Self::Rte => &RTE,
            Self::Wnli => &WNLI,
        }
    }

    /// Outputs of a model's head: one for each class, a single one for a regression.
    pub fn num_labels(self) -> usize {
        self.facts().classes.len().max(1)
    }

    /// The metric that [`PAPER_HEADING`] means if taken at its word: accuracy, and none of STS-B, whose labels are no classes.
    ///
    /// The paper's own figures cannot all be that: its 86.99 of STS-B can only be a correlation, and its 62.09 of CoLA is less than
    /// the 69.1 % (721 of 1043) of calling every sentence acceptable, so that it is more likely Matthews' in percent. Of its other
    /// five tasks accuracy is GLUE's metric too.
    pub fn heading_metric(self) -> Option<Metric> {
        (!self.facts().classes.is_empty()).then_some(Metric::Accuracy)
    }

    /// GLUE's own metrics of what a model said, in the order of [`Facts::metrics`].
    ///
    /// # Errors
    /// Classes outside the task's, and those of the metrics.
    pub fn measure(self, outcome: Outcome) -> Result<Vec<(Metric, f64)>, MetricError> {
        let facts = self.facts();
        if let Outcome::Classes { predictions, labels } = outcome {
            self.check_classes("prediction", predictions)?;
            self.check_classes("label", labels)?;
        }
        facts.metrics.iter().map(|&metric| Ok((metric, metric.of(outcome)?))).collect()
    }

    fn check_classes(self, what: &'static str, classes: &[i32]) -> Result<(), MetricError> {
        let expected = match self.num_labels() {
            2 => "class 0 or 1",
            3 => "class 0, 1 or 2",
            // A regression's metrics refuse classes of any number.
            _ => return Ok(()),
        };
        let own = 0..self.num_labels() as i32;
        rows::every((self.facts().name, what), classes, |class| own.contains(&class), expected)
    }
}
