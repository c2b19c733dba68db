//! A run's directory: what is in it, when it is cleared, and that its files are whole or not there.
//!
//! `inputs.json` says what the run depends on and is the first file written; `run.json` is the last. Whatever lies there
//! under other inputs is worthless and is removed when the run starts, not before.

use crate::fingerprint::Inputs;
use crate::record::RunRecord;
use anyhow::{Context, Result};
use ligo_files::{FileError, replace_file};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const INPUTS: &str = "inputs.json";
const RECORD: &str = "run.json";

/// The directory of one method (or the small model) and seed.
#[derive(Debug, Clone)]
pub(crate) struct RunDirectory(PathBuf);

/// How far a run is.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing, or nothing that counts.
    Nothing,
    /// Something that depends on other inputs.
    Stale(Box<Inputs>),
    /// Begun with these inputs.
    Begun,
    /// Done with these inputs.
    Done(Box<RunRecord>),
}

impl RunDirectory {
    /// Of a row in an experiment's results.
    pub(crate) fn new(results: &Path, label: &str, seed: u64) -> Self {
        Self(results.join("runs").join(format!("{label}-seed{seed}")))
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// What lies there, for a run with these inputs.
    pub(crate) fn look(&self, inputs: &Inputs) -> Result<Found> {
        let Some(found) = read_json::<Inputs>(&self.join(INPUTS))? else { return Ok(Found::Nothing) };
        if found.fingerprint != inputs.fingerprint {
            return Ok(Found::Stale(Box::new(found)));
        }
        Ok(self.record()?.map_or(Found::Begun, |record| Found::Done(Box::new(record))))
    }

    /// The record, if the run is done, with whatever inputs.
    pub(crate) fn record(&self) -> Result<Option<RunRecord>> {
        read_json(&self.join(RECORD))
    }

    /// Makes the directory ready for a run: as it is if begun with the same inputs, else empty but for them.
    pub(crate) fn begin(&self, inputs: &Inputs) -> Result<()> {
        if !matches!(self.look(inputs)?, Found::Nothing | Found::Stale(_)) {
            return Ok(());
        }
        // First of all, so that what a kill leaves of the directory is not taken for a run.
        self.discard(INPUTS)?;
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{}: cannot be cleared", self.0.display()));
            }
            _ => {}
        }
        write_json(&self.join(INPUTS), inputs)
    }

    /// Marks the run as done.
    pub(crate) fn finish(&self, record: &RunRecord) -> Result<()> {
        write_json(&self.join(RECORD), record)
    }

    /// Removes a file or directory that is no longer needed, if it is there.
    pub(crate) fn discard(&self, name: &str) -> Result<()> {
        let path = self.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot be removed", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a JSON file; none if it is not there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    };
    serde_json::from_str(&text).map(Some).with_context(|| {
        format!("{}: not what this version writes; remove its directory to do the run again", path.display())
    })
}

/// Writes a JSON file under a temporary name, syncs it, renames it.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).with_context(|| format!("{}: no JSON form", path.display()))?;
    replace_file(path, |file| writeln!(file, "{text}").map_err(FileError::at("write", path)))?;
    Ok(())
}
