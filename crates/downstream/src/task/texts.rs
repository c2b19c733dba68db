//! Labelled texts: a task of GLUE, or any other set of texts with classes or numbers.

use crate::error::data_of;
use crate::{DownstreamError, Result};
use ligo_data::tasks::{LabelKind, LabelledTexts, TaskSource};
use ligo_eval::metrics::{GlueTask, LABEL_COLUMN};
use std::path::PathBuf;

/// What a label of a task says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// What GLUE has it say.
    Glue(GlueTask),
    /// One of so many classes, evaluated by accuracy.
    Classes(usize),
    /// A number, evaluated by Pearson's and Spearman's correlations.
    Numbers,
}

/// Texts to train on and to evaluate with, in memory.
#[derive(Debug, Clone)]
pub struct TextTask {
    name: String,
    kind: TextKind,
    train: LabelledTexts,
    /// Each with its name; the first is the task's own.
    validation: Vec<(String, LabelledTexts)>,
    fingerprint: blake3::Hash,
}

impl TextTask {
    /// Reads a task of GLUE in the Hub's columns: `train` has the files of the training split, `validation` those of each split that
    /// the task is evaluated on, in the order of [`Facts::validation`](ligo_eval::metrics::Facts::validation).
    ///
    /// # Errors
    /// [`DownstreamError::Splits`] for another number of splits; [`DownstreamError::Data`] for files that are missing, damaged or
    /// empty, lack a column, or hold a label outside the task's classes.
    pub fn glue(task: GlueTask, train: Vec<PathBuf>, validation: Vec<Vec<PathBuf>>) -> Result<Self> {
        let facts = task.facts();
        if validation.len() != facts.validation.len() {
            let (found, expected) = (validation.len(), facts.validation.join(", "));
            return Err(DownstreamError::Splits { task: facts.name.to_owned(), found, expected });
        }
        let source = |files: Vec<PathBuf>| {
            let source = TaskSource::new(files, facts.text, TextKind::Glue(task).labels());
            TaskSource { pair_column: facts.pair.map(str::to_owned), label_column: LABEL_COLUMN.to_owned(), ..source }
        };
        let named = facts.validation.iter().map(|&split| split.to_owned());
        let validation = named.zip(validation.into_iter().map(source)).collect();
        Self::read(facts.name.to_owned(), TextKind::Glue(task), &source(train), validation)
    }

    /// Reads any other set; its sources say what labels are, and both the same.
    ///
    /// # Errors
    /// As [`TextTask::glue`].
    pub fn labelled(name: impl Into<String>, train: &TaskSource, validation: TaskSource) -> Result<Self> {
        let kind = match train.labels {
            LabelKind::Classes(classes) => TextKind::Classes(classes),
            LabelKind::Numbers => TextKind::Numbers,
        };
        // A label of the validation set is read as one of the training set.
        let validation = TaskSource { labels: train.labels, ..validation };
        Self::read(name.into(), kind, train, vec![("validation".to_owned(), validation)])
    }

    fn read(name: String, kind: TextKind, train: &TaskSource, validation: Vec<(String, TaskSource)>) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{name} {kind:?}").as_bytes());
        let mut read = |source: &TaskSource| {
            hasher.update(source.content_hash()?.as_bytes());
            source.read()
        };
        let train = read(train).map_err(data_of(&name))?;
        let split = |(split, source)| Ok((split, read(&source).map_err(data_of(&name))?));
        let validation = validation.into_iter().map(split).collect::<Result<_>>()?;
        Ok(Self { fingerprint: hasher.finalize(), name, kind, train, validation })
    }

    /// Its name in tables and messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its labels say.
    pub fn kind(&self) -> TextKind {
        self.kind
    }

    /// What a model is trained on.
    pub fn train(&self) -> &LabelledTexts {
        &self.train
    }

    /// What it is evaluated with, split by split, each with its name; the first is the task's own.
    pub fn validation(&self) -> &[(String, LabelledTexts)] {
        &self.validation
    }

    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        self.fingerprint
    }
}

impl TextKind {
    /// Outputs of a model's head: one for each class, a single one for numbers.
    pub fn num_labels(self) -> usize {
        match self {
            Self::Glue(task) => task.num_labels(),
            Self::Classes(classes) => classes,
            Self::Numbers => 1,
        }
    }

    /// Whether a label is a class.
    pub fn has_classes(self) -> bool {
        match self {
            Self::Glue(task) => !task.facts().classes.is_empty(),
            Self::Classes(_) => true,
            Self::Numbers => false,
        }
    }

    fn labels(self) -> LabelKind {
        if self.has_classes() { LabelKind::Classes(self.num_labels()) } else { LabelKind::Numbers }
    }
}
