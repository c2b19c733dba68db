//! A stage's checkpoints: a directory with the two newest, each whole or not there.
//!
//! A checkpoint is one file, `step-0000000040.safetensors`: the trained tensors, both moments of AdamW, where the stage averages
//! their averages, and in the metadata the [`State`] and a hash over everything. It is written under a temporary name, synced, renamed, and the directory synced,
//! so that a process may be killed, or a machine lose its power, at any moment. A damaged file is passed over for the one
//! before it; the steps in between are then done again, with the same result. One process at a time may use the directory.

mod file;
mod state;

pub(crate) use state::{Plan, State};

use crate::TrainError;
use file::Unreadable;
use ligo_files::{FileError, TEMPORARY_PREFIX};
use ligo_kernels::{Kernels, Matrix};
use std::fs;
use std::path::{Path, PathBuf};

/// How many are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

/// What a checkpoint holds beside the state: for every trained tensor its values, its two moments, and its average
/// if the stage has one.
pub(crate) struct Tensors<'a, D: Kernels> {
    /// Of the trained tensors.
    pub(crate) names: &'a [String],
    pub(crate) weights: &'a [Matrix<D>],
    pub(crate) first: &'a [Matrix<D>],
    pub(crate) second: &'a [Matrix<D>],
    pub(crate) average: Option<&'a [Matrix<D>]>,
}

/// The same, to be filled.
pub(crate) struct TensorsMut<'a, D: Kernels> {
    pub(crate) names: &'a [String],
    pub(crate) weights: &'a mut [Matrix<D>],
    pub(crate) first: &'a mut [Matrix<D>],
    pub(crate) second: &'a mut [Matrix<D>],
    pub(crate) average: Option<&'a mut [Matrix<D>]>,
}

/// The checkpoints of one stage.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    directory: PathBuf,
    /// Steps and paths of the whole ones, oldest first.
    kept: Vec<(u64, PathBuf)>,
}

impl Checkpoints {
    /// Makes the directory if need be, and removes what a killed process left half written.
    ///
    /// # Errors
    /// [`TrainError::File`] if the directory cannot be made, listed or written.
    pub(crate) fn open(directory: &Path) -> Result<Self, TrainError> {
        fs::create_dir_all(directory).map_err(failed(directory, "make the directory"))?;
        let unlisted = failed(directory, "list the directory");
        let mut kept = Vec::new();
        for entry in fs::read_dir(directory).map_err(&unlisted)? {
            let path = entry.map_err(&unlisted)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(TEMPORARY_PREFIX) {
                fs::remove_file(&path).map_err(failed(&path, "remove a half-written checkpoint"))?;
            } else if let Some(step) = step_of(&name) {
                kept.push((step, path));
            }
        }
        kept.sort();
        Ok(Self { directory: directory.to_owned(), kept })
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.kept.last().map(|(_, path)| path.as_path())
    }

    /// Takes the tensors from the newest whole checkpoint and returns its state; none if there is none.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] if it is not this plan's, [`TrainError::File`] if it cannot be read.
    pub(crate) fn restore<D: Kernels>(
        &mut self,
        plan: &Plan,
        tensors: &mut TensorsMut<'_, D>,
    ) -> Result<Option<State>, TrainError> {
        while let Some((_, path)) = self.kept.last() {
            match file::read(path, plan, tensors) {
                Ok(state) => return Ok(Some(state)),
                Err(Unreadable::Error(error)) => return Err(error),
                Err(Unreadable::Damaged(reason)) => {
                    tracing::warn!("{}: damaged ({reason}); going on from the checkpoint before it", path.display());
                    // It would pass for the newest until the steps done again have caught up with it.
                    fs::remove_file(path).map_err(failed(path, "remove a damaged checkpoint"))?;
                    self.kept.pop();
                }
            }
        }
        Ok(None)
    }

    /// Writes a checkpoint and removes those that it makes superfluous.
    ///
    /// # Errors
    /// [`TrainError::File`]; the checkpoints before are intact then.
    pub(crate) fn write<D: Kernels>(
        &mut self,
        plan: &Plan,
        state: &State,
        tensors: &Tensors<'_, D>,
    ) -> Result<(), TrainError> {
        let path = self.directory.join(name_of(state.step));
        file::write(&path, |file| file::write_into(file, plan, state, tensors))?;
        if self.newest() != Some(&path) {
            self.kept.push((state.step, path));
        }
        while self.kept.len() > KEPT {
            let (_, path) = self.kept.remove(0);
            fs::remove_file(&path).map_err(failed(&path, "remove an old checkpoint"))?;
        }
        Ok(())
    }
}

fn name_of(step: u64) -> String {
    format!("step-{step:010}.safetensors")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()
}

/// Turns the system's error into ours.
fn failed(path: &Path, action: &'static str) -> impl Fn(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| FileError { path: path.clone(), action, source }.into()
}
