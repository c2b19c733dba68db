//! What can stop a fine-tuning: every message names the task, or the key, with what was found and what was expected.

use ligo_data::DataError;
use ligo_eval::metrics::MetricError;
use ligo_models::{Family, ModelError};
use ligo_train::{InvalidTraining, TrainError};

/// Why a model was not fine-tuned, or gave no features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownstreamError {
    /// A key of a [`Tuning`](crate::Tuning) that has no sensible value, or none for this task or model.
    #[error("{key} is {found}, expected {expected}")]
    Tuning {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A model that has no head for the task.
    #[error("{task}: found a {family} model, expected {expected}")]
    Family {
        /// The task.
        task: String,
        /// What the model is.
        family: Family,
        /// What would do.
        expected: &'static str,
    },
    /// The tokeniser is not the model's.
    #[error("{task}: found a tokeniser of {found} ids, expected at most the model's {expected} (vocab_size)")]
    Tokenizer {
        /// The task.
        task: String,
        /// Its size.
        found: usize,
        /// The model's.
        expected: usize,
    },
    /// Validation splits and what the task has do not go together.
    #[error("{task}: found {found} validation splits, expected {expected}")]
    Splits {
        /// The task.
        task: String,
        /// How many were given.
        found: usize,
        /// Their names.
        expected: String,
    },
    /// The task's files, or what is in them.
    #[error("{task}: {reason}")]
    Data {
        /// The task.
        task: String,
        /// What is wrong, with file and row.
        reason: Box<DataError>,
    },
    /// Predictions that the task's metric is not defined for.
    #[error("{task}: {reason}")]
    Metric {
        /// The task.
        task: String,
        /// What is wrong.
        reason: MetricError,
    },
    /// The model or its weights.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The training.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl From<InvalidTraining> for DownstreamError {
    fn from(InvalidTraining { key, found, expected }: InvalidTraining) -> Self {
        Self::Tuning { key, found, expected }
    }
}

/// For `map_err`: puts the task before what is wrong with its data.
pub(crate) fn data_of(task: &str) -> impl Fn(DataError) -> DownstreamError {
    let task = task.to_owned();
    move |reason| DownstreamError::Data { task: task.clone(), reason: Box::new(reason) }
}

/// For `map_err`: puts the task before what a metric refuses.
pub(crate) fn metric_of(task: &str) -> impl Fn(MetricError) -> DownstreamError {
    let task = task.to_owned();
    move |reason| DownstreamError::Metric { task: task.clone(), reason }
}
