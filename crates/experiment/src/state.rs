//! How far each experiment of a directory has come, without running anything or reading data.

use crate::registry::Registry;
use crate::run::data_record;
use crate::run::directory::Found;
use crate::run::jobs::jobs;
use crate::schema::{ConfigError, Experiment};
use anyhow::{Context, Result};
use ligo_kernels::Kernels;
use std::path::{Path, PathBuf};

/// An experiment file and how far it has come.
#[derive(Debug)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// Its name without `.toml`.
    pub name: String,
    /// The resolved experiment, or what is wrong with the file.
    pub experiment: Result<Experiment, ConfigError>,
    /// How far it has come.
    pub state: State,
}

/// How far an experiment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No run has been begun.
    NotStarted,
    /// Some runs are done.
    Partly {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// All runs are done.
    Done,
    /// Runs are there that the file has changed since.
    Stale {
        /// Runs to do again.
        stale: usize,
        /// Of so many.
        of: usize,
    },
    /// The file cannot be read.
    Broken,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStarted => f.write_str("not started"),
            Self::Partly { done, of } => write!(f, "{done} of {of} runs done"),
            Self::Done => f.write_str("done"),
            Self::Stale { stale, of } => write!(f, "changed since: {stale} of {of} runs to do again"),
            Self::Broken => f.write_str("cannot be read"),
        }
    }
}

/// Every `*.toml` in `directory`, by name, with its state in `results` (which holds a directory per experiment).
///
/// # Errors
/// If the directory cannot be listed, or a result cannot be read. A file that is wrong is no error but a [`Status`].
pub fn states<D: Kernels>(
    directory: &Path,
    registry: &Registry<D>,
    workspace: &Path,
    results: &Path,
) -> Result<Vec<Status>> {
    let listing = || format!("{}: the experiments cannot be listed", directory.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let experiment = Experiment::load(&path, &[], registry, workspace);
            let state = match &experiment {
                Ok(experiment) => state(experiment, registry, &results.join(&name))?,
                Err(_) => State::Broken,
            };
            Ok(Status { path, name, experiment, state })
        })
        .collect()
}

fn state<D: Kernels>(experiment: &Experiment, registry: &Registry<D>, results: &Path) -> Result<State> {
    let Some(data) = data_record(results)? else { return Ok(State::NotStarted) };
    let jobs = jobs(experiment, registry, &data, results)?;
    let (mut done, mut stale, mut begun) = (0, 0, 0);
    for job in &jobs {
        match job.directory.look(&job.inputs)? {
            Found::Done(_) => done += 1,
            Found::Stale(_) => stale += 1,
            Found::Begun => begun += 1,
            Found::Nothing => {}
        }
    }
    let of = jobs.len();
    Ok(match (done, stale, begun) {
        (_, 1.., _) => State::Stale { stale, of },
        (0, 0, 0) => State::NotStarted,
        _ if done == of => State::Done,
        _ => State::Partly { done, of },
    })
}
