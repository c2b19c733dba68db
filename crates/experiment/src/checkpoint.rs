//! A small model that is there already: a checkpoint in the Hub's layout, named by its directory or as `owner/name`.
//!
//! What a checkpoint is and how it is read is `ligo_models::hub`'s affair; how a name becomes a directory, `ligo_checkpoints`'.

use anyhow::{Context, Result};
use ligo_models::hub;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The checkpoint of `small.checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallCheckpoint {
    /// As it is written in the file.
    pub name: String,
    /// Where it lies.
    pub directory: PathBuf,
    /// blake3 of its `config.json` and its weights.
    pub content: String,
}

impl SmallCheckpoint {
    /// Finds it and hashes what a run depends on. A path is relative to `workspace`; what is no path there is looked for on the
    /// Hub and in its cache.
    ///
    /// # Errors
    /// No such checkpoint, or one that cannot be read, naming file, found and expected.
    pub(crate) fn find(name: &str, workspace: &Path) -> Result<(Self, hub::Checkpoint)> {
        let local = workspace.join(name);
        let directory = if local.exists() { local } else { ligo_checkpoints::resolve(name)? };
        let checkpoint = hub::open(&directory)?;
        let content = content(&checkpoint)?;
        Ok((Self { name: name.into(), directory, content }, checkpoint))
    }

    /// Its tokenizer.
    pub(crate) fn tokenizer(&self) -> PathBuf {
        self.directory.join("tokenizer.json")
    }
}

/// A hash of configuration and weights, file by file in the order of their names.
fn content(checkpoint: &hub::Checkpoint) -> Result<String> {
    let config = checkpoint.directory().join("config.json");
    let weights: BTreeSet<&Path> = checkpoint.tensors().map(|tensor| tensor.file).collect();
    let mut hasher = blake3::Hasher::new();
    for path in [config.as_path()].into_iter().chain(weights) {
        let of_file = || {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(path)?)?;
            std::io::Result::Ok(hasher.finalize())
        };
        let hash = of_file().with_context(|| format!("{}: cannot be read", path.display()))?;
        hasher.update(hash.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}
