//! One finished model on one task: probed, tuned, measured.

use super::TRAINING;
use super::files::Read;
use super::measures::measures;
use crate::record::DownstreamRecord;
use crate::run::execute::{MODEL, Setting};
use crate::run::jobs::Job;
use crate::run::observer::Event;
use crate::schema::{Probe, TaskConfig};
use anyhow::{Context, Result, bail};
use ligo_data::Tokenizer;
use ligo_data::tasks::Labels;
use ligo_downstream::{Features, FineTuning, Outcome, Scores, Task, Way, fine_tune, image_features, text_features};
use ligo_eval::probes::{Knn, Labelled, LinearProbe, Probed, knn, linear_probe};
use ligo_kernels::Kernels;
use ligo_models::{Model, Parameters, hub};
use ligo_train::Cost;
use std::path::Path;

/// One model on one task with one seed.
pub(super) struct One<'a, D: Kernels> {
    pub(super) setting: &'a Setting<'a, D>,
    pub(super) job: &'a Job<'a, D>,
    pub(super) config: &'a TaskConfig,
    pub(super) seed: u64,
    pub(super) directory: &'a Path,
}

impl<D: Kernels> One<'_, D> {
    /// Probes it and tunes it; none if it was asked to stop.
    ///
    /// # Errors
    /// A model that the task is not for, a training that diverges.
    pub(super) fn scores(&self, read: &Read) -> Result<Option<Vec<DownstreamRecord>>> {
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
        records.push(self.record(way, measures(self.config.task, &tuned.scores), evaluated, cost));
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
            let Probed { accuracy, slope_left, .. } = probed.with_context(|| self.config.label.clone())?;
            if let Some(slope) = slope_left {
                self.setting.options.observer.event(&Event::ProbeUnfinished { probe: probe.name(), slope });
            }
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
