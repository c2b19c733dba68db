//! What can be wrong with a growth that was asked for: one message that names the place, what was found, and the way out.

use ligo_checkpoints::CheckpointError;
use ligo_data::DataError;
use ligo_files::FileError;
use ligo_growth::GrowthError;
use ligo_kernels::KernelError;
use ligo_models::ModelError;
use ligo_train::TrainError;
use std::path::PathBuf;

/// A growth that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowError {
    /// Something that was asked for cannot be had.
    #[error("{what}: found {found}, expected {expected}")]
    Asked {
        /// Which wish: a flag, or a size of the target.
        what: String,
        /// What it says.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A method that does not do what is asked.
    #[error("method {method}: {reason}")]
    Method {
        /// Its name.
        method: &'static str,
        /// What it does instead, and which methods do it.
        reason: String,
    },
    /// A file that is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The operating system refused: no permission, a full disk.
    #[error(transparent)]
    Write(#[from] FileError),
    /// What the model says.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What the method says.
    #[error(transparent)]
    Growth(#[from] GrowthError),
    /// What the checkpoint's other files say.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What the data say.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What the learning says.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// An operation failed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

impl GrowError {
    /// Something that was asked for cannot be had.
    pub(crate) fn asked(what: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Asked { what: what.into(), found: found.to_string(), expected: expected.into() }
    }
}
