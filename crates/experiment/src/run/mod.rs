//! The run that an experiment file describes: data, small model, methods, results. What is done is not done again, what is
//! begun goes on, what the file has changed since is done anew.

mod data;
pub(crate) mod directory;
pub(crate) mod equal_compute;
mod execute;
pub(crate) mod jobs;
mod lock;
mod observer;
mod optimiser_state;
mod owner;
pub(crate) mod search;
pub(crate) mod seeds;
mod stage;
mod tasks;

#[cfg(test)]
mod downstream;
#[cfg(test)]
mod fair;
#[cfg(test)]
mod from_checkpoint;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vision;

pub use observer::{Event, Observer};

use crate::record::{DataRecord, Results, RunRecord};
use crate::registry::Registry;
use crate::report;
use crate::schema::Experiment;
use anyhow::{Context, Result, bail};
use data::Data;
use directory::{Found, read_json, write_json};
use execute::{Setting, execute};
use jobs::{Homes, jobs, stale};
use ligo_kernels::{Kernels, on_workers};
use ligo_models::hub;
use ligo_train::{StopFlag, TrainError};
use lock::Lock;
use search::Settled;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tasks::Evaluated;

/// In an experiment's results: what the data were, so that the state can be told without reading them.
pub(crate) const DATA_RECORD: &str = "runs/data.json";

/// What a run needs to know beside the experiment.
pub struct Options<'a> {
    /// Paths in the TOML file are relative to it; it is also where the git commit and `Cargo.lock` are looked for.
    pub workspace: PathBuf,
    /// Holds a directory per experiment.
    pub results_dir: PathBuf,
    /// Corpora, tokenizers, packed text.
    pub data_dir: PathBuf,
    /// Threads that rayon's pool has been set up with; recorded with the results.
    pub threads: usize,
    /// The command line, recorded with the results.
    pub command: String,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Asks the run to stop.
    pub stop: StopFlag,
    /// Is told what happens.
    pub observer: &'a dyn Observer,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is done and the results are written.
    Finished(Box<Results>),
    /// It was asked to stop; started again, it goes on.
    Stopped,
}

/// Runs an experiment as far as it has not been run, then writes its results.
///
/// # Errors
/// Another process in the same results directory, or another file's results in it; data of the experiment or of its tasks that are
/// missing or unfit; a directory that cannot be written; a full disk; a training that diverges, after all other runs are done. What
/// was done until then is kept.
pub fn run<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    device: &D,
    options: &Options<'_>,
) -> Result<Outcome> {
    // From inside the pool an operation wakes one thread less.
    on_workers(|| run_here(experiment, registry, device, options))
}

/// Refuses what this machine does not compute before anything is trained.
fn check_precision(experiment: &Experiment) -> Result<()> {
    let rows = experiment.methods.iter().map(|row| (format!("methods.{}.training", row.label), &row.training));
    let all = [("training", &experiment.training), ("small_training", &experiment.small_training)];
    for (table, training) in all.map(|(table, training)| (table.to_owned(), training)).into_iter().chain(rows) {
        training.precision.on_this_machine().with_context(|| format!("{}.toml, [{table}]", experiment.name))?;
    }
    Ok(())
}

fn run_here<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    device: &D,
    options: &Options<'_>,
) -> Result<Outcome> {
    let results = options.results_dir.join(&experiment.name);
    let _lock = Lock::acquire(&results)?;
    owner::check(&results, experiment.file.as_deref())?;
    check_precision(experiment)?;
    let data = Data::prepare(experiment, options).with_context(|| format!("{}.toml, [data]", experiment.name))?;
    options.observer.event(&Event::DataReady(data.record()));
    let validation = data.validation(experiment)?;
    let tasks = tasks::check(experiment, registry, data.record(), (options, &results))?;
    owner::claim(&results, experiment.file.as_deref())?;
    write_json(&results.join(DATA_RECORD), data.record())?;
    let checkpoint = experiment.checkpoint.as_ref().map(|small| hub::open(&small.directory)).transpose()?;
    let (data, validation, checkpoint) = (&data, validation.as_slice(), checkpoint.as_ref());
    let results = results.as_path();
    let phase = |experiment: &Experiment, homes: &Homes, searching: bool| {
        let setting = Setting { experiment, device, data, validation, checkpoint, options, results };
        run_phase(&setting, registry, homes, searching)
    };
    if let Some(grid) = search::grid(experiment)
        && let Phase::Stopped = phase(&grid, &Homes::new(), true)?
    {
        return Ok(Outcome::Stopped);
    }
    let settled = search::settle(experiment, registry, data.record(), results)?;
    if let Some(row) =
        experiment.methods.iter().find(|row| !settled.experiment.methods.iter().any(|known| known.label == row.label))
    {
        bail!("{}: every point of [search] diverged, expected one that does not", row.label);
    }
    let Phase::Done { diverged } = phase(&settled.experiment, &settled.homes, false)? else {
        return Ok(Outcome::Stopped);
    };
    if diverged.is_empty() && !experiment.equal_compute_seeds.is_empty() {
        let (_, runs) = finished(&settled, registry, data.record(), results)?;
        if let Some(rows) = equal_compute::rows(&settled.experiment, &runs)
            && let Phase::Stopped = phase(&rows, &Homes::new(), false)?
        {
            return Ok(Outcome::Stopped);
        }
    }
    if diverged.is_empty() && !experiment.tasks.is_empty() {
        let experiment = &settled.experiment;
        let setting = Setting { experiment, device, data, validation, checkpoint, options, results };
        let jobs = jobs(&settled.experiment, registry, data.record(), results, &settled.homes)?;
        if let Evaluated::Stopped = tasks::evaluate(&setting, &jobs, &tasks)? {
            return Ok(Outcome::Stopped);
        }
    }
    let found = collect(experiment, registry, options)?;
    let written =
        report::write(&found, results).with_context(|| format!("{}: the results cannot be written", results.display()));
    if !diverged.is_empty() {
        // Without the reference row there is no report; what diverged is the better message then.
        bail!("{}", diverged.join("\n"));
    }
    written?;
    Ok(Outcome::Finished(Box::new(found)))
}

/// How the runs of a phase ended.
enum Phase {
    /// All are done but those that diverged.
    Done {
        /// Why.
        diverged: Vec<String>,
    },
    /// It was asked to stop.
    Stopped,
}

/// Does the runs of an experiment that are not done; of a search, remembers those that diverge.
fn run_phase<D: Kernels>(
    setting: &Setting<'_, D>,
    registry: &Registry<D>,
    homes: &Homes,
    searching: bool,
) -> Result<Phase> {
    let Setting { experiment, device, data, options, results, .. } = *setting;
    let jobs = jobs(experiment, registry, data.record(), results, homes)?;
    for (change, runs) in stale(&jobs)? {
        options.observer.event(&Event::Stale { change: &change, runs: &runs });
    }
    optimiser_state::check(&jobs, experiment, device, results)?;
    let mut diverged = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        if let Found::Done(record) = job.directory.look(&job.inputs)? {
            options.observer.event(&Event::RunKept(&record));
            continue;
        }
        if searching && search::diverges(job)? {
            continue;
        }
        options.observer.event(&Event::RunStarted {
            label: job.label,
            seed: job.seed,
            number: index + 1,
            of: jobs.len(),
        });
        match execute(setting, job) {
            Ok(Some(record)) => options.observer.event(&Event::RunFinished(&record)),
            Ok(None) => return Ok(Phase::Stopped),
            // The other rows are worth having; without the small model there are none.
            Err(error) if has_diverged(&error) && !job.is_small() => {
                let reason = format!("{error:#}");
                options.observer.event(&Event::RunFailed { label: job.label, seed: job.seed, reason: &reason });
                if searching {
                    search::diverged(job, &reason)?;
                }
                diverged.push(reason);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Phase::Done { diverged })
}

fn has_diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<TrainError>(), Some(TrainError::Diverged { .. }))
}

/// The records of all runs that are done and still what the experiment says.
///
/// # Errors
/// If there is none, or a record cannot be read, or they are another file's.
pub fn collect<D: Kernels>(experiment: &Experiment, registry: &Registry<D>, options: &Options<'_>) -> Result<Results> {
    let results = options.results_dir.join(&experiment.name);
    owner::check(&results, experiment.file.as_deref())?;
    let nothing = format!("{}: no finished run of {}", results.display(), experiment.name);
    let data = data_record(&results)?.with_context(|| format!("{nothing}, expected one or more"))?;
    let settled = search::settle(experiment, registry, &data, &results)?;
    let (small, methods) = finished(&settled, registry, &data, &results)?;
    let newest = small.iter().chain(&methods).max_by(|a: &&RunRecord, b| a.provenance.date.cmp(&b.provenance.date));
    let Some(newest) = newest else { bail!("{nothing}{}", other_states(experiment, registry, &data, &results)?) };
    let provenance = newest.provenance.clone();
    let runs = jobs(&settled.experiment, registry, &data, &results, &settled.homes)?;
    let downstream = tasks::collect(&settled.experiment, &runs, &options.workspace)?;
    drop(runs);
    let equal_compute = equal_compute::compared(&settled.experiment, registry, &data, &results, &methods)?;
    Ok(Results {
        experiment: settled.experiment,
        data,
        small,
        methods,
        searches: settled.records,
        equal_compute,
        downstream,
        provenance,
    })
}

/// What there is where nothing is done: runs of another state of the file, if there are any.
fn other_states<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    data: &DataRecord,
    results: &Path,
) -> Result<String> {
    let (mut changes, mut runs) = (BTreeSet::new(), BTreeSet::new());
    for experiment in search::grid(experiment).iter().chain([experiment]) {
        for (change, of) in stale(&jobs(experiment, registry, data, results, &Homes::new())?)? {
            changes.insert(change.to_string());
            runs.extend(of);
        }
    }
    let Some(first) = changes.first() else { return Ok(", expected one or more".into()) };
    let more = if changes.len() > 1 { format!(" and {} more", changes.len() - 1) } else { String::new() };
    Ok(format!(
        " as its file and --set are now, {} of another state of it ({first}{more}): run it, or change that back",
        runs.len()
    ))
}

/// The records of the small models and of the rows that are done.
fn finished<D: Kernels>(
    settled: &Settled,
    registry: &Registry<D>,
    data: &DataRecord,
    results: &Path,
) -> Result<(Vec<RunRecord>, Vec<RunRecord>)> {
    let (mut small, mut methods) = (Vec::new(), Vec::new());
    for job in jobs(&settled.experiment, registry, data, results, &settled.homes)? {
        if let Found::Done(record) = job.directory.look(&job.inputs)? {
            // What a grid chose was done under another label.
            let record = RunRecord { label: job.label.into(), ..*record };
            if job.is_small() { small.push(record) } else { methods.push(record) }
        }
    }
    Ok((small, methods))
}

/// What the data of an experiment were when it ran last.
pub(crate) fn data_record(results: &Path) -> Result<Option<DataRecord>> {
    read_json(&results.join(DATA_RECORD))
}
