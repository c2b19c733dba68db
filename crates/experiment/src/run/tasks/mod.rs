//! The tasks of `[[tasks]]`: every finished model tuned on them and probed with them.
//!
//! Their files are read before anything is trained, so that a mistake in them does not wait for the end. What a model scored lies in
//! its run's directory, `tasks/<task>-<seed>/scores.json`, and goes with it: a model that is trained anew is tuned anew, and so is
//! one whose task has other files. A tuning that was stopped goes on where it was.

mod files;
mod measures;
mod model;

use super::Options;
use super::directory::{read_json, write_json};
use super::execute::Setting;
use super::jobs::{Job, jobs};
use super::observer::Event;
use super::search;
use crate::record::{DataRecord, DownstreamRecord};
use crate::registry::Registry;
use crate::schema::{Experiment, TaskConfig};
use anyhow::Result;
use ligo_kernels::Kernels;
use model::One;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const SCORES: &str = "scores.json";
/// What a tuning was begun with, beside its checkpoints while it lasts.
const BEGUN: &str = "begun.json";
const TRAINING: &str = "training";

/// Scores, none while a tuning lasts, and what they depend on beside the model.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    fingerprint: String,
    /// Of the task's files. Scores from before it was written down are of whatever files are there.
    #[serde(default)]
    content: Option<String>,
    scores: Vec<DownstreamRecord>,
}

impl Kept {
    /// Whether it is of this model and recipe, and of these files as far as they are there.
    fn is_of(&self, fingerprint: &str, content: Option<&str>) -> bool {
        let same = |found: &String| content.is_none_or(|content| found == content);
        self.fingerprint == fingerprint && self.content.as_ref().is_none_or(same)
    }
}

/// What the files of every task hold: none of one that is not there and is not needed.
pub(super) type Contents = Vec<Option<String>>;

/// How the tasks ended.
pub(super) enum Evaluated {
    Done,
    Stopped,
}

/// Reads the files of every task that is not done yet, and keeps nothing of them but what tells them from others.
///
/// # Errors
/// A task's file that is missing or unfit.
pub(super) fn check<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    data: &DataRecord,
    (options, results): (&Options<'_>, &Path),
) -> Result<Contents> {
    let known = search::settle(experiment, registry, data, results)?;
    let jobs = jobs(&known.experiment, registry, data, results, &known.homes)?;
    // Of a row whose rate is still to be found no model is done.
    let whole = known.experiment.methods.len() == experiment.methods.len();
    let mut contents = Contents::new();
    for config in &experiment.tasks {
        let content = files::content(experiment, config, &options.workspace)?;
        if !(whole && is_done(&jobs, config, content.as_deref())?) {
            options.observer.event(&Event::Preparing(&format!("task {}", config.label)));
            files::read(experiment, config, &options.workspace)?;
        }
        contents.push(content);
    }
    Ok(contents)
}

/// Whether all models have been tuned on a task.
fn is_done<D: Kernels>(jobs: &[Job<'_, D>], config: &TaskConfig, content: Option<&str>) -> Result<bool> {
    for job in jobs {
        for &seed in &config.seeds {
            if kept(job, config, seed, content)?.is_none() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Tunes and probes the models of `jobs` on all tasks, as far as that is not done; `contents` as [`check`] found them.
///
/// # Errors
/// A task's file that is missing or unfit, a model that the task is not for, a training that diverges.
pub(super) fn evaluate<D: Kernels>(
    setting: &Setting<'_, D>,
    jobs: &[Job<'_, D>],
    contents: &Contents,
) -> Result<Evaluated> {
    for (config, content) in setting.experiment.tasks.iter().zip(contents) {
        let mut read = None;
        for job in jobs {
            for &seed in &config.seeds {
                if setting.options.stop.is_set() {
                    return Ok(Evaluated::Stopped);
                }
                if kept(job, config, seed, content.as_deref())?.is_some() {
                    continue;
                }
                let task = match &read {
                    Some(task) => task,
                    None => read.insert(files::read(setting.experiment, config, &setting.options.workspace)?),
                };
                let directory = directory(job, config, seed);
                let begun = begin(job, config, seed, content.clone())?;
                let one = One { setting, job, config, seed, directory: &directory };
                let Some(scores) = one.scores(task)? else { return Ok(Evaluated::Stopped) };
                setting.options.observer.event(&Event::TaskFinished(&scores));
                write_json(&directory.join(SCORES), &Kept { scores, ..begun })?;
                job.directory.discard(&place(config, seed, TRAINING))?;
                job.directory.discard(&place(config, seed, BEGUN))?;
            }
        }
    }
    Ok(Evaluated::Done)
}

/// Makes a directory ready for a tuning: without the checkpoints of one that was begun with another recipe or other files.
fn begin<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig, seed: u64, content: Option<String>) -> Result<Kept> {
    let path = directory(job, config, seed).join(BEGUN);
    let now = Kept { fingerprint: fingerprint(job, config)?, content, scores: Vec::new() };
    if let Some(found) = read_json::<Kept>(&path)?
        && !found.is_of(&now.fingerprint, now.content.as_deref())
    {
        job.directory.discard(&place(config, seed, TRAINING))?;
    }
    write_json(&path, &now)?;
    Ok(now)
}

/// What `jobs` scored, as far as it is there and of these tasks. A task's files need not be there; if they are, they have to be those
/// that the scores are of.
///
/// # Errors
/// Scores that cannot be read, or files.
pub(super) fn collect<D: Kernels>(
    experiment: &Experiment,
    jobs: &[Job<'_, D>],
    workspace: &Path,
) -> Result<Vec<DownstreamRecord>> {
    let mut found = Vec::new();
    for config in &experiment.tasks {
        let content = files::content(experiment, config, workspace)?;
        for job in jobs {
            for &seed in &config.seeds {
                let Some(kept) = kept(job, config, seed, content.as_deref())? else { continue };
                let labelled = |scores| DownstreamRecord { label: job.label.into(), ..scores };
                found.extend(kept.scores.into_iter().map(labelled));
            }
        }
    }
    Ok(found)
}

/// What a model scored on a task with these files, if that is known.
fn kept<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig, seed: u64, content: Option<&str>) -> Result<Option<Kept>> {
    let Some(kept) = read_json::<Kept>(&directory(job, config, seed).join(SCORES))? else { return Ok(None) };
    let fingerprint = fingerprint(job, config)?;
    Ok(Some(kept).filter(|kept| kept.is_of(&fingerprint, content)))
}

fn place(config: &TaskConfig, seed: u64, name: &str) -> String {
    format!("tasks/{}-{seed}/{name}", config.label)
}

fn directory<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig, seed: u64) -> PathBuf {
    job.directory.join(format!("tasks/{}-{seed}", config.label))
}

/// Of the model's run and of how it is tuned. Files are in it by their names; what they hold is told by their content.
fn fingerprint<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig) -> Result<String> {
    let values = serde_json::to_value(config)?;
    Ok(blake3::hash(format!("{} {values}", job.inputs.fingerprint).as_bytes()).to_hex().to_string())
}
