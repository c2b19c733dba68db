//! What can be wrong with a checkpoint for its users, beyond what `ligo_models` says of its files.

use ligo_hub::EnvironmentError;
use ligo_models::ModelError;
use std::path::PathBuf;

/// A checkpoint could not be found, inspected or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// What the user wrote names nothing that could be found.
    #[error("{reference}: {reason}")]
    Reference {
        /// What was written.
        reference: String,
        /// What was found, and what to do.
        reason: String,
    },
    /// A variable of the environment, such as `HF_ENDPOINT`.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A file beside the weights is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or the directory.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The model is of another kind than the command needs.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Kind {
        /// The checkpoint.
        path: PathBuf,
        /// Its family and head.
        found: String,
        /// Which are needed, and what would do for this one.
        expected: String,
    },
    /// A text or a setting that the model cannot work with.
    #[error("{what}: found {found}, expected {expected}")]
    Input {
        /// Which.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Infinities or NaN in weights, which [`LoadOptions::allow_nan`](ligo_models::hub::LoadOptions::allow_nan) lets through.
    #[error("{0}; `--allow-nan` lets them through")]
    NotFinite(ModelError),
    /// What the model says of itself.
    #[error(transparent)]
    Model(#[from] ModelError),
}
