//! What can be wrong with a configuration, a set of weights, a file of them, or a batch.

/// A model could not be built, or its weights do not fit.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A size or option of the configuration.
    #[error("{field}: found {found}, expected {expected}")]
    Config {
        /// The key.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A tensor does not fit its declaration.
    #[error("parameter {name}: found {found}, expected {expected}")]
    Parameter {
        /// The tensor.
        name: String,
        /// Its shape or number.
        found: String,
        /// What it had to be.
        expected: String,
    },
    /// A weight is infinite or not a number, which [`allow_nan`](crate::hub::LoadOptions::allow_nan) lets through.
    #[error(
        "parameter {name}: found {value} at {at:?} ({path}), expected finite numbers alone, as long as others are not allowed"
    )]
    NotFinite {
        /// The tensor.
        name: String,
        /// The first such value.
        value: f32,
        /// Its indices.
        at: Vec<usize>,
        /// The file.
        path: std::path::PathBuf,
    },
    /// A batch does not fit the model or itself.
    #[error("batch: {what} is {found}, expected {expected}")]
    Batch {
        /// Which part.
        what: String,
        /// Its size or value.
        found: String,
        /// What it had to be.
        expected: String,
    },
    /// A file could not be read or written, or is not what it should be.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] ligo_files::FileError),
    /// An operation failed.
    #[error(transparent)]
    Kernel(#[from] ligo_kernels::KernelError),
}
