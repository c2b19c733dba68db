//! How much of a set is here, as far as names and sizes tell.

use crate::record::length;
use crate::{Record, Result, Set};
use std::path::Path;

/// How much of a set is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// Some of it; fetching goes on.
    Part {
        /// Bytes that are here.
        bytes: u64,
    },
    /// All of it, as it was fetched.
    Whole {
        /// Bytes that are here.
        bytes: u64,
    },
    /// Something in each of its places that was not fetched.
    Brought {
        /// Bytes that are here.
        bytes: u64,
    },
}

impl State {
    /// Of a set in its place below `directory`.
    ///
    /// # Errors
    /// A `fetched.json` that cannot be read.
    pub fn of(set: &Set, directory: &Path) -> Result<Self> {
        let root = directory.join(&set.name);
        let record = Record::read(set, directory)?;
        if let Some(record) = record.as_ref().filter(|record| record.is_whole(set, directory)) {
            return Ok(Self::Whole { bytes: record.bytes() });
        }
        Ok(match bytes_below(&root) {
            0 => Self::Absent,
            bytes if record.is_none() && set.splits.iter().all(|split| holds_parquet(&root.join(&split.into))) => {
                Self::Brought { bytes }
            }
            bytes => Self::Part { bytes },
        })
    }

    /// Bytes that are here.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Part { bytes } | Self::Whole { bytes } | Self::Brought { bytes } => bytes,
        }
    }
}

/// Bytes of Parquet files, whole or not, below a directory; none if it cannot be read.
fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let bytes = |path: &Path| match path.is_dir() {
        true => bytes_below(path),
        false if path.to_string_lossy().contains(".parquet") => length(path).unwrap_or(0),
        false => 0,
    };
    entries.map(|entry| bytes(&entry.path())).sum()
}

/// Whether it is a Parquet file by its name, or a directory with one.
fn holds_parquet(path: &Path) -> bool {
    let is_parquet = |path: &Path| path.extension().is_some_and(|extension| extension == "parquet");
    let entries = || std::fs::read_dir(path).into_iter().flatten().flatten();
    match path.is_dir() {
        true => entries().any(|entry| is_parquet(&entry.path())),
        false => path.is_file() && is_parquet(path),
    }
}
