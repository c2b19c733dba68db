//! The tasks of `[[tasks]]`: every finished model tuned on them and probed with them.
//!
//! What a model scored lies in its run's directory, `tasks/<task>-<seed>/scores.json`, and goes with it: a model that is
//! trained anew is tuned anew. A tuning that was stopped goes on where it was.

use super::directory::{read_json, write_json};
use super::execute::{MODEL, Setting};
use super::jobs::Job;
use super::observer::Event;
use crate::record::DownstreamRecord;
use crate::schema::{Experiment, ImagesConfig, Probe, TaskConfig};
use anyhow::{Context, Result, bail};
use ligo_data::Tokenizer;
use ligo_data::images::{ImageSource, Preprocessing};
use ligo_data::tasks::squad::SquadSource;
use ligo_data::tasks::{LabelKind, Labels, TaskSource};
use ligo_downstream::{
    Features, FineTuning, ImageTask, Outcome, Scores, SquadTask, Task, TextTask, Way, fine_tune, image_features,
    text_features,
};
use ligo_eval::probes::{Knn, Labelled, LinearProbe, knn, linear_probe};
use ligo_kernels::Kernels;
use ligo_models::{Model, Parameters, hub};
use ligo_train::Cost;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const SCORES: &str = "scores.json";
/// Beside them while it lasts.
const TRAINING: &str = "training";

/// Scores, and what they depend on beside the model.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    fingerprint: String,
    scores: Vec<DownstreamRecord>,
}

/// A task that has been read.
enum Read {
    Texts(TextTask),
    Squad(SquadTask),
    Images(ImageTask),
}

impl Read {
    fn task<'a>(&'a self, tokenizer: Option<&'a Tokenizer>) -> Result<Task<'a>> {
        let missing = "a task of text, and a model without a tokenizer";
        Ok(match self {
            Self::Texts(task) => Task::Texts(task, tokenizer.context(missing)?),
            Self::Squad(task) => Task::Squad(task, tokenizer.context(missing)?),
            Self::Images(task) => Task::Images(task),
        })
    }
}

/// How the tasks ended.
pub(super) enum Evaluated {
    Done,
    Stopped,
}

/// Tunes and probes the models of `jobs` on all tasks, as far as that is not done.
///
/// # Errors
/// A task's file that is missing or unfit, a model that the task is not for, a training that diverges.
pub(super) fn evaluate<D: Kernels>(setting: &Setting<'_, D>, jobs: &[Job<'_, D>]) -> Result<Evaluated> {
    for config in &setting.experiment.tasks {
        let mut read = None;
        for job in jobs {
            for &seed in &config.seeds {
                if setting.options.stop.is_set() {
                    return Ok(Evaluated::Stopped);
                }
                let directory = directory(job, config, seed);
                let fingerprint = fingerprint(job, config)?;
                let kept = read_json::<Kept>(&directory.join(SCORES))?;
                if kept.is_some_and(|kept| kept.fingerprint == fingerprint) {
                    continue;
                }
                let task = match &read {
                    Some(task) => task,
                    None => read.insert(self::read(setting.experiment, config, &setting.options.workspace)?),
                };
                let one = One { setting, job, config, seed, directory: &directory };
                let Some(scores) = one.scores(task)? else { return Ok(Evaluated::Stopped) };
                setting.options.observer.event(&Event::TaskFinished(&scores));
                write_json(&directory.join(SCORES), &Kept { fingerprint, scores })?;
                job.directory.discard(&training_of(config, seed))?;
            }
        }
    }
    Ok(Evaluated::Done)
}

/// What `jobs` scored, as far as it is there and of these tasks.
///
/// # Errors
/// Scores that cannot be read.
pub(super) fn collect<D: Kernels>(experiment: &Experiment, jobs: &[Job<'_, D>]) -> Result<Vec<DownstreamRecord>> {
    let mut found = Vec::new();
    for config in &experiment.tasks {
        for job in jobs {
            for &seed in &config.seeds {
                let Some(kept) = read_json::<Kept>(&directory(job, config, seed).join(SCORES))? else { continue };
                if kept.fingerprint == fingerprint(job, config)? {
                    let labelled = |scores| DownstreamRecord { label: job.label.into(), ..scores };
                    found.extend(kept.scores.into_iter().map(labelled));
                }
            }
        }
    }
    Ok(found)
}

fn place(config: &TaskConfig, seed: u64) -> String {
    format!("tasks/{}-{seed}", config.label)
}

fn directory<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig, seed: u64) -> PathBuf {
    job.directory.join(place(config, seed))
}

fn training_of(config: &TaskConfig, seed: u64) -> String {
    format!("{}/{TRAINING}", place(config, seed))
}

/// Of the model's run and of how it is tuned. Files are known by their names: what they hold is read only where something is to do.
fn fingerprint<D: Kernels>(job: &Job<'_, D>, config: &TaskConfig) -> Result<String> {
    let values = serde_json::to_value(config)?;
    Ok(blake3::hash(format!("{} {values}", job.inputs.fingerprint).as_bytes()).to_hex().to_string())
}

fn read(experiment: &Experiment, config: &TaskConfig, workspace: &Path) -> Result<Read> {
    let paths = |files: &[PathBuf]| files.iter().map(|file| workspace.join(file)).collect::<Vec<_>>();
    let (train, validation) = (paths(&config.train), paths(&config.validation));
    if let Some(version) = config.task.squad() {
        let source = SquadSource::new;
        return Ok(Read::Squad(SquadTask::read(version, &source(train), &source(validation))?));
    }
    if let Some(glue) = config.task.glue() {
        let mut splits = vec![validation];
        if !config.validation_mismatched.is_empty() {
            splits.push(paths(&config.validation_mismatched));
        }
        return Ok(Read::Texts(TextTask::glue(glue, train, splits)?));
    }
    // The schema lets neither through without.
    let classes = config.num_labels.unwrap_or_default();
    if let Some(images) = &experiment.data.images {
        return Ok(Read::Images(image_task(experiment, images, config, (train, validation), classes)?));
    }
    let source = |files| {
        let column = config.column.as_deref().unwrap_or("text");
        let source = TaskSource::new(files, column, LabelKind::Classes(classes));
        let label_column = config.label_column.clone().unwrap_or_else(|| "label".into());
        TaskSource { pair_column: config.pair_column.clone(), label_column, ..source }
    };
    Ok(Read::Texts(TextTask::labelled(config.label.clone(), &source(train), source(validation))?))
}

fn image_task(
    experiment: &Experiment,
    images: &ImagesConfig,
    config: &TaskConfig,
    (train, validation): (Vec<PathBuf>, Vec<PathBuf>),
    classes: usize,
) -> Result<ImageTask> {
    let source =
        |files| ImageSource::new::<PathBuf>(files).with_columns(config.column.clone(), config.label_column.clone());
    let model = &experiment.large;
    let preprocessing = Preprocessing::new(model.num_channels(), model.image_size())?;
    let preprocessing = preprocessing.normalised(&images.mean, &images.std)?.keeping(images.crop_share)?;
    let task = ImageTask::read(config.label.clone(), &source(train), &source(validation), classes, preprocessing)?;
    Ok(task.augmented(config.augmentation.clone())?)
}

/// One model on one task with one seed.
struct One<'a, D: Kernels> {
    setting: &'a Setting<'a, D>,
    job: &'a Job<'a, D>,
    config: &'a TaskConfig,
    seed: u64,
    directory: &'a Path,
}

impl<D: Kernels> One<'_, D> {
    /// None if it was asked to stop.
    fn scores(&self, read: &Read) -> Result<Option<Vec<DownstreamRecord>>> {
        let Setting { device, options, .. } = self.setting;
        let from = self.job.directory.join(MODEL);
        let (model, parameters) = hub::open(&from)?.load(*device, &hub::LoadOptions::default())?;
        let tokenizer = from.join("tokenizer.json");
        let tokenizer = tokenizer.is_file().then(|| Tokenizer::from_file(&tokenizer)).transpose()?;
        let task = read.task(tokenizer.as_ref())?;
        let label = format!("{} on {}", self.job.label, self.config.label);
        let (run, on) = (self.job.label, self.config.label.as_str());
        options.observer.event(&Event::TaskStarted { label: run, seed: self.job.seed, task: on });

        let mut records = self.probes(task, &model, &parameters)?;
        if self.config.probes_only {
            return Ok(Some(records));
        }
        let tuning = FineTuning {
            device: *device,
            model: &model,
            parameters: &parameters,
            task,
            tuning: &self.config.tuning,
            seed: self.seed,
            directory: &self.directory.join(TRAINING),
            checkpoint_every: options.checkpoint_every,
        };
        let outcome = fine_tune(&tuning, options.observer, &options.stop).with_context(|| label)?;
        let Outcome::Finished(tuned) = outcome else { return Ok(None) };
        let way = match self.config.tuning.way {
            Way::Full => "full",
            Way::Adapters => "adapters",
        };
        let Scores { evaluated, cost, .. } = tuned.scores;
        records.push(self.record(way, measures(&tuned.scores), evaluated, cost));
        Ok(Some(records))
    }

    fn probes(&self, task: Task<'_>, model: &Model, parameters: &Parameters<D>) -> Result<Vec<DownstreamRecord>> {
        if self.config.probes.is_empty() {
            return Ok(Vec::new());
        }
        let (train, validation) = self.features(task, (model, parameters))?;
        let probe = |probe: &Probe| -> Result<DownstreamRecord> {
            let (train, validation) = (labelled(&train)?, labelled(&validation)?);
            let examples = validation.labels.len() as u64;
            let probed = match probe {
                Probe::Knn => knn(train, validation, &Knn::default()),
                Probe::LinearProbe => linear_probe(train, validation, &LinearProbe::default()),
            };
            let accuracy = probed.with_context(|| self.config.label.clone())?.accuracy;
            Ok(self.record(probe.name(), vec![("accuracy".into(), accuracy)], examples, Cost::default()))
        };
        self.config.probes.iter().map(probe).collect()
    }

    /// Of the training set and of the task's own validation split.
    fn features(&self, task: Task<'_>, model: (&Model, &Parameters<D>)) -> Result<(Features, Features)> {
        let batch = self.config.tuning.batch_size;
        match task {
            Task::Images(task) => {
                let of = |images| image_features(model, images, task.preprocessing(), batch);
                Ok((of(task.train())?, of(task.validation())?))
            }
            Task::Texts(task, tokenizer) => {
                let longest = model.0.config().longest_sequence().unwrap_or(usize::MAX);
                let length = self.config.tuning.max_sequence_length.unwrap_or(longest).min(longest);
                let of = |texts| text_features(model, texts, tokenizer, length, batch);
                let (_, own) = task.validation().first().context("a task without a validation split")?;
                Ok((of(task.train())?, of(own)?))
            }
            Task::Squad(..) => bail!("{}: has no classes to probe for", self.config.label),
        }
    }

    fn record(&self, way: &str, scores: Vec<(String, f64)>, examples: u64, cost: Cost) -> DownstreamRecord {
        DownstreamRecord {
            label: self.job.label.into(),
            seed: self.job.seed,
            task: self.config.label.clone(),
            tuning_seed: self.seed,
            way: way.into(),
            scores,
            examples,
            cost,
        }
    }
}

/// Features as the probes read them.
fn labelled(features: &Features) -> Result<Labelled<'_>> {
    match &features.labels {
        Labels::Classes(labels) => Ok(Labelled { features: &features.rows, width: features.width, labels }),
        Labels::Numbers(_) | Labels::Spans(_) => bail!("found other labels, expected classes to probe for"),
    }
}

/// Every measure by its name, the one that the paper prints first, and the task's own score last where it is none of them.
fn measures(scores: &Scores) -> Vec<(String, f64)> {
    let own_split = scores.metrics.first().map(|measured| measured.split.clone()).unwrap_or_default();
    let mut measures: Vec<(String, f64)> = scores
        .metrics
        .iter()
        .map(|measured| match measured.split == own_split {
            true => (measured.name.clone(), measured.value),
            false => (format!("{} ({})", measured.name, measured.split), measured.value),
        })
        .collect();
    if let Some(place) = measures.iter().position(|(_, value)| Some(*value) == scores.heading) {
        measures[..=place].rotate_right(1);
    }
    if measures.iter().all(|(_, value)| *value != scores.own) {
        measures.push(("score".into(), scores.own));
        if scores.heading.is_none() {
            measures.rotate_right(1);
        }
    }
    measures
}
