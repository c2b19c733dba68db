//! The fine-tuning itself: transfer, train, measure.

use crate::flops::{Work, of_step};
use crate::objective::Tuned;
use crate::prepared::{Prepared, head, prepare};
use crate::scores::{Evaluation, Scores};
use crate::task::Task;
use crate::transfer::{Transferred, transfer};
use crate::{Result, Tuning, batch};
use ligo_kernels::Kernels;
use ligo_models::{Model, Parameters};
use ligo_train::{Cost, Progress, Rate, StageOutcome, StagePlan, StageResult, StopFlag, stage_seed, train_stage};
use std::path::Path;
use std::time::Duration;

/// A pretrained model, a task, and how the one is to learn the other.
#[derive(Debug)]
pub struct FineTuning<'a, D: Kernels> {
    /// Where it is computed.
    pub device: &'a D,
    /// The pretrained model, under whatever head.
    pub model: &'a Model,
    /// Its weights; they stay as they are.
    pub parameters: &'a Parameters<D>,
    /// What it learns, and what it is evaluated with.
    pub task: Task<'a>,
    /// How.
    pub tuning: &'a Tuning,
    /// Of the head's fresh weights, the order of the examples, and dropout.
    pub seed: u64,
    /// For checkpoints, of this fine-tuning alone.
    pub directory: &'a Path,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
}

/// How a fine-tuning ended.
#[derive(Debug)]
pub enum Outcome<D: Kernels> {
    /// It is done.
    Finished(Box<FineTuned<D>>),
    /// It was asked to stop, and left a checkpoint to go on from.
    Stopped,
}

/// A model that has learnt a task.
#[derive(Debug)]
pub struct FineTuned<D: Kernels> {
    /// What it is worth.
    pub scores: Scores,
    /// The architecture, with the task's head.
    pub model: Model,
    /// Its weights.
    pub parameters: Parameters<D>,
}

/// Fine-tunes a model and evaluates it on all of the validation split, or goes on where an earlier process stopped: weights and
/// scores, but for the seconds, end up with the same bits. What was finished before is only evaluated again.
///
/// The loss on the validation split (of images on batches spread over it) is taken before the training and after each epoch.
///
/// # Errors
/// [`Tuning`](crate::DownstreamError::Tuning), [`Family`](crate::DownstreamError::Family) and
/// [`Tokenizer`](crate::DownstreamError::Tokenizer) for what does not go together, before anything is computed;
/// [`Data`](crate::DownstreamError::Data) for data that cannot be encoded or decoded, [`Metric`](crate::DownstreamError::Metric) for
/// predictions that a metric is not defined for (a correlation with one number for everything),
/// [`Train`](crate::DownstreamError::Train) for a training that diverges or a directory that holds another one's checkpoints.
pub fn fine_tune<D: Kernels>(
    setting: &FineTuning<'_, D>,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<Outcome<D>> {
    let FineTuning { device, task, tuning, .. } = setting;
    tuning.check(task.kind())?;
    let wanted = head(task, setting.model.config(), tuning)?;
    let source = (setting.model, setting.parameters);
    let started = transfer(*device, source, wanted, tuning.adapters(), stage_seed(setting.seed, "head"))?;
    let config = started.model.config().clone();
    let prepared = prepare::<D>(task, &config, tuning, stage_seed(setting.seed, "order of the examples"))?;
    let plan = setting.plan(prepared.as_ref(), &started);

    let Transferred { model, parameters, on_top } = started;
    let mut tuned = match tuning.adapters() {
        None => Tuned::whole(model, parameters),
        Some(_) => Tuned::part(model, &parameters, &on_top)?,
    };
    let trained = tuned.trained();
    let (validation, directory) = (prepared.validation()?, setting.directory);
    let objective = tuned.objective();
    let outcome =
        train_stage(*device, objective, &mut None, &plan, prepared.as_ref(), &validation, directory, progress, stop)?;
    let StageOutcome::Finished(StageResult { rows, cost }) = outcome else { return Ok(Outcome::Stopped) };
    drop(validation);

    let (model, parameters) = tuned.into_parts()?;
    let Some(Evaluation { metrics, heading, own }) = prepared.measure(&model, &parameters, stop)? else {
        return Ok(Outcome::Stopped);
    };
    let (examples, evaluated) = prepared.examples();
    let scores = Scores {
        task: task.name().to_owned(),
        metrics,
        heading,
        own,
        examples,
        evaluated,
        trained_parameters: trained as u64,
        parameters: parameters.elements() as u64,
        cost,
        rows,
    };
    Ok(Outcome::Finished(Box::new(FineTuned { scores, model, parameters })))
}

impl<D: Kernels> FineTuning<'_, D> {
    fn plan(&self, prepared: &dyn Prepared<D>, started: &Transferred<D>) -> StagePlan {
        let (samples, batch) = (prepared.samples(), self.tuning.batch_size as u64);
        let steps = self.tuning.steps(samples);
        let lengths = prepared.lengths(steps);
        let sequences = self.tuning.batch_size / self.tuning.accumulate;
        StagePlan {
            stage: format!("fine-tune on {}", self.task.name()),
            config: self.tuning.training(steps),
            schedule_from: 0,
            rate: Rate::Schedule,
            steps,
            flops_per_step: of_step(started.model.config(), &Work { lengths: &lengths, sequences, steps }),
            before: Cost::default(),
            evaluate_every: samples.div_ceil(batch),
            seed: self.seed,
            inputs: self.fingerprint(started),
            checkpoint_every: self.checkpoint_every,
        }
    }

    /// A hash of all that the result depends on and that the plan does not say: the weights that it begins with, the model around
    /// them, the data, the keys.
    fn fingerprint(&self, started: &Transferred<D>) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.task.fingerprint().as_bytes());
        hasher.update(format!("{:?} {:?}", started.model.config(), self.tuning).as_bytes());
        let mut bytes = Vec::new();
        for tensor in started.parameters.tensors() {
            bytes.clear();
            bytes.extend(batch::numbers(tensor).0.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}
