//! How far each experiment of a directory has come, without running anything or reading data.

use crate::registry::Registry;
use crate::run::data_record;
use crate::run::directory::Found;
use crate::run::jobs::{Homes, Job, jobs};
use crate::run::search::{diverges, grid, settle};
use crate::schema::{ConfigError, Experiment, MethodConfig};
use anyhow::{Context, Result};
use ligo_kernels::Kernels;
use std::path::{Path, PathBuf};

/// An experiment file and how far it has come.
#[derive(Debug)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// What the command line calls it: its path below the directory, without `.toml`. Results lie under the last part of it.
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

/// What files extend, in a directory of experiments or in one below: no experiments by themselves.
const BASES: &str = "bases";

/// Every `*.toml` in `directory` and then in those below, each by name, but for what lies in `bases`; with its state in `results`
/// (which holds a directory per experiment).
///
/// # Errors
/// If a directory cannot be listed, or a result cannot be read. A file that is wrong is no error but a [`Status`].
pub fn states<D: Kernels>(
    directory: &Path,
    registry: &Registry<D>,
    workspace: &Path,
    results: &Path,
) -> Result<Vec<Status>> {
    let status = |path: PathBuf| {
        let experiment = Experiment::load(&path, &[], registry, workspace);
        let state = match &experiment {
            Ok(experiment) => state(experiment, registry, &results.join(&experiment.name))?,
            Err(_) => State::Broken,
        };
        let below = path.strip_prefix(directory).unwrap_or(&path).with_extension("");
        let name = below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        Ok(Status { path, name, experiment, state })
    };
    experiment_files(directory)?.into_iter().map(status).collect()
}

/// The files that [`states`] looks at, in its order.
fn experiment_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = || format!("{}: the experiments cannot be listed", directory.display());
    let (mut files, mut below) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(directory).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        match path.extension() {
            Some(extension) if extension == "toml" => files.push(path),
            None if path.is_dir() && !path.ends_with(BASES) => below.push(path),
            _ => {}
        }
    }
    files.sort();
    below.sort();
    for directory in below {
        files.extend(experiment_files(&directory)?);
    }
    Ok(files)
}

fn state<D: Kernels>(experiment: &Experiment, registry: &Registry<D>, results: &Path) -> Result<State> {
    let Some(data) = data_record(results)? else { return Ok(State::NotStarted) };
    let (mut done, mut stale, mut begun) = (0, 0, 0);
    let mut count = |job: &Job<'_, D>| -> Result<()> {
        match job.directory.look(&job.inputs)? {
            Found::Done(_) => done += 1,
            Found::Stale(_) => stale += 1,
            Found::Begun if diverges(job)? => done += 1,
            Found::Begun => begun += 1,
            Found::Nothing => {}
        }
        Ok(())
    };
    let mut of = 0;
    if let Some(grid) = grid(experiment) {
        let jobs = jobs(&grid, registry, &data, results, &Homes::new())?;
        of += jobs.len();
        jobs.iter().try_for_each(&mut count)?;
    }
    let settled = settle(experiment, registry, &data, results)?;
    // A row has a run for every seed, whether its choice is known or not; those of the grid are counted already, the small
    // model among them.
    let chosen = |row: &MethodConfig| settled.experiment.methods.iter().find(|known| known.label == row.label).cloned();
    let methods = experiment.methods.iter().map(|row| chosen(row).unwrap_or_else(|| row.clone())).collect();
    let whole = Experiment { methods, ..experiment.clone() };
    let first = experiment.seeds.first().filter(|_| experiment.search.is_some());
    let jobs = jobs(&whole, registry, &data, results, &settled.homes)?;
    for job in jobs.iter().filter(|job| Some(&job.seed) != first) {
        of += 1;
        count(job)?;
    }
    Ok(match (done, stale, begun) {
        (_, 1.., _) => State::Stale { stale, of },
        (0, 0, 0) => State::NotStarted,
        _ if done == of => State::Done,
        _ => State::Partly { done, of },
    })
}
