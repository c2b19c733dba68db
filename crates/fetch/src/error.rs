//! What can go wrong between a set's name and its files.

use ligo_files::FileError;
use ligo_hub::EnvironmentError;
use std::path::PathBuf;

/// A set could not be found, or could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No set has this name.
    #[error("no data set is called '{name}'{hint}")]
    Unknown {
        /// As it was written.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The file that describes a set is not as it should be.
    #[error("{}: {reason}", path.display())]
    Description {
        /// The TOML file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A variable of the environment, such as `HF_ENDPOINT`.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The Hub refuses, cannot be reached, or sends something else than it said.
    #[error("{set}: {reason}")]
    Hub {
        /// The set.
        set: String,
        /// What was found, and what to do.
        reason: String,
    },
    /// Something lies where a file of the set belongs.
    #[error("{}: {reason}", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        reason: String,
    },
    /// The system refuses: no permission, a full disk.
    #[error("{error}{hint}")]
    File {
        /// Where and what.
        error: FileError,
        /// What stays, and what to do; empty if there is nothing to say.
        hint: String,
    },
    /// Whoever watches asked to stop. What is there stays, and the same command goes on.
    #[error("stopped; the same command goes on from there")]
    Stopped,
}

impl From<FileError> for FetchError {
    fn from(error: FileError) -> Self {
        Self::File { error, hint: String::new() }
    }
}
