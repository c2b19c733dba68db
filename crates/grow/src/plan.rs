//! A growth that has been checked: everything that can be said without reading a weight or writing a file has been said.

use crate::data::{DataFiles, check_head};
use crate::part::{LONG_TRAINING, growing_part};
use crate::place::Place;
use crate::{GrowError, Result, Target, pooling};
use ligo_growth::{Action, Guarantee, Method, OperatorTraining, Stage, Task};
use ligo_kernels::Kernels;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, Checkpoint};
use ligo_models::{Model, ModelConfig};
use std::path::PathBuf;

/// Tokens in a sequence, if nobody says otherwise and the model reads as many.
const SEQUENCE_LENGTH: usize = 128;
/// No length or batch may be larger, so that their product fits.
const LARGEST_SIZE: usize = 1 << 20;

/// Everything that is asked for.
#[derive(Clone)]
pub struct Request<'a, D: Kernels> {
    /// The checkpoint to grow.
    pub source: Source,
    /// The model that is wanted.
    pub target: Target,
    /// By which method.
    pub method: &'a dyn Method<D>,
    /// All methods, to name others where this one cannot.
    pub methods: &'a [Box<dyn Method<D>>],
    /// The method's own options.
    pub options: toml::Table,
    /// Data to learn an operator on, and to measure losses on.
    pub data: Option<DataFiles>,
    /// How an operator is learnt.
    pub learning: Learning,
    /// The type of the numbers that are written; none: the source's.
    pub dtype: Option<FloatType>,
    /// Whether the operator's factors are written beside the weights.
    pub save_factors: bool,
    /// Of every random choice.
    pub seed: u64,
    /// Where the grown checkpoint goes.
    pub out: PathBuf,
    /// The command line, for the card and for messages.
    pub command: String,
}

/// The checkpoint to grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As it was written.
    pub name: String,
    /// Where it lies.
    pub directory: PathBuf,
}

/// How an operator is learnt, where not as the method says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learning {
    /// Optimiser steps.
    pub steps: Option<u64>,
    /// Sequences or images in a step.
    pub batch_size: Option<usize>,
    /// Tokens in a sequence.
    pub sequence_length: Option<usize>,
    /// Learning rate after the warm-up.
    pub learning_rate: Option<f32>,
}

/// A growth that has been checked.
pub struct Plan<'a, D: Kernels> {
    pub(crate) request: Request<'a, D>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) task: Task,
    pub(crate) stages: Vec<Stage<D>>,
    pub(crate) guarantee: Guarantee,
    pub(crate) dtype: FloatType,
    pub(crate) place: Place,
    /// Files of a sentence embedder's modules that are written anew.
    pub(crate) modules: Vec<(PathBuf, String)>,
    pub(crate) sequence_length: usize,
    /// Weights before and after.
    parameters: (u64, u64),
}

impl<D: Kernels> std::fmt::Debug for Plan<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("task", &self.task).field("stages", &self.stages).finish_non_exhaustive()
    }
}

impl<'a, D: Kernels> Plan<'a, D> {
    /// Checks all of a request. Reads no weight, writes nothing.
    ///
    /// # Errors
    /// [`GrowError`] for the first thing that cannot be: a place that is taken, a checkpoint that cannot be read, a target that cannot
    /// be grown to, a method that does not do it, data that are missing or of another kind, a flag that means nothing here.
    pub fn new(request: Request<'a, D>) -> Result<Self> {
        let place = Place::check(&request.out)?;
        let checkpoint = hub::open(&request.source.directory)?;
        checkpoint.check()?;
        let small = checkpoint.config().clone();
        let large = request.target.config(&small)?;
        let modules = pooling::resized(&checkpoint, small.hidden_size, large.hidden_size)?;
        let task = Task { small, large, steps: LONG_TRAINING };
        let mut stages = growing_part(request.method, &request.options, &task, request.methods)?;
        let guarantee = promised(&request, &task)?;
        let sequence_length = sequence_length(&request, checkpoint.config())?;
        for stage in &mut stages {
            if let Action::Learn { training, .. } = &mut stage.action {
                overrule(training, &request.learning)?;
            }
        }
        let count = |config: &ModelConfig| Ok::<_, GrowError>(Model::new(config.clone())?.parameter_count() as u64);
        let plan = Self {
            dtype: request.dtype.unwrap_or_else(|| stored_type(&checkpoint)),
            parameters: (count(&task.small)?, count(&task.large)?),
            place,
            checkpoint,
            stages,
            guarantee,
            modules,
            sequence_length,
            task,
            request,
        };
        plan.check_learning()?;
        if let Some(data) = &plan.request.data {
            data.check(&plan.checkpoint)?;
        }
        Ok(plan)
    }

    /// The source's configuration.
    pub fn small(&self) -> &ModelConfig {
        &self.task.small
    }

    /// The configuration that is grown to.
    pub fn large(&self) -> &ModelConfig {
        &self.task.large
    }

    /// Numbers of weights of the source and of the grown model.
    pub fn parameters(&self) -> (u64, u64) {
        self.parameters
    }

    /// What the method promises of the grown model.
    pub fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    /// The type of the numbers that are written.
    pub fn dtype(&self) -> FloatType {
        self.dtype
    }

    /// Whether an operator is learnt; one of 0 steps stays as it starts.
    pub fn learns(&self) -> bool {
        self.learning_stage().is_some_and(|training| training.steps > 0)
    }

    /// How the operator is trained, where there is one with factors.
    pub(crate) fn learning_stage(&self) -> Option<&OperatorTraining> {
        self.stages.iter().find_map(|stage| match &stage.action {
            Action::Learn { training, .. } => Some(training),
            _ => None,
        })
    }

    /// Whether what is said of learning and of data goes with the method.
    fn check_learning(&self) -> Result<()> {
        let (request, method) = (&self.request, self.request.method.name());
        let Some(operator) = self.learning_stage() else {
            let Learning { steps, batch_size, learning_rate, .. } = &request.learning;
            let given = [
                ("--steps", steps.map(|n| n.to_string())),
                ("--batch-size", batch_size.map(|n| n.to_string())),
                ("--learning-rate", learning_rate.map(|x| x.to_string())),
                ("--save-factors", request.save_factors.then(|| "it".to_owned())),
            ];
            if let Some((flag, Some(found))) = given.into_iter().find(|(_, value)| value.is_some()) {
                return Err(GrowError::asked(flag, found, format!("none: the method {method} learns no operator")));
            }
            if let (Some(length), None) = (request.learning.sequence_length, &request.data) {
                let expected = "none without --data, whose sequences it cuts";
                return Err(GrowError::asked("--sequence-length", length, expected));
            }
            return Ok(());
        };
        if operator.steps == 0 || request.data.is_some() {
            return Ok(());
        }
        let refuse =
            |reason: String| Err(GrowError::Method { method, reason: format!("{reason}{}", self.without_learning()) });
        let learns = "it learns its operator on the large model's loss";
        if check_head(&self.task.small).is_err() {
            let (family, head) = (self.task.small.family, self.task.small.head());
            return refuse(format!("{learns}, which a {family} with the head {head} does not give on plain data"));
        }
        let config = self.computation(operator).config;
        let images = self.task.small.family.reads_images();
        let (needs, flags) = match images {
            true => (
                format!("{} steps of {} images", operator.steps, config.batch_size),
                "--data images.parquet --column image --label-column label",
            ),
            false => (
                format!("{} steps of {} × {} tokens", operator.steps, config.batch_size, self.sequence_length),
                "--data text.parquet --column text",
            ),
        };
        let of = if images { "images and their classes" } else { "text" };
        refuse(format!(
            "{learns} and there is no --data; expected Parquet files with columns of {of} for {needs}, as in `{} {flags}`",
            request.command
        ))
    }

    /// Methods that learn nothing and can do this.
    fn without_learning(&self) -> String {
        let fixed = |method: &&dyn Method<D>| {
            let part = growing_part(*method, &toml::Table::new(), &self.task, &[]);
            part.is_ok_and(|stages| stages.iter().all(|stage| matches!(stage.action, Action::Grow { .. })))
        };
        let names: Vec<&str> =
            self.request.methods.iter().map(AsRef::as_ref).filter(fixed).map(|method| method.name()).collect();
        match names[..] {
            [] => String::new(),
            _ => format!("; methods that need no data: {}", names.join(", ")),
        }
    }
}

/// What the method promises. One that reads `steps` is asked as if `--steps` were there: an operator that stays as it starts may
/// promise what a learnt one cannot.
fn promised<D: Kernels>(request: &Request<'_, D>, task: &Task) -> Result<Guarantee> {
    let steps = request.learning.steps.and_then(|steps| i64::try_from(steps).ok());
    let with_steps = steps.and_then(|steps| {
        let mut options = request.options.clone();
        options.insert("steps".into(), steps.into());
        request.method.guarantee(&options, task).ok()
    });
    match with_steps {
        Some(guarantee) => Ok(guarantee),
        None => Ok(request.method.guarantee(&request.options, task)?),
    }
}

/// What the flags say comes before what the method says.
fn overrule(training: &mut OperatorTraining, learning: &Learning) -> Result<()> {
    let Learning { steps, batch_size, learning_rate, .. } = *learning;
    if let Some(steps) = steps {
        training.steps = steps;
    }
    if let Some(rate) = learning_rate {
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(GrowError::asked("--learning-rate", rate, "a number above 0"));
        }
        training.learning_rate = rate;
    }
    if let Some(size) = batch_size {
        if !(1..=LARGEST_SIZE).contains(&size) {
            return Err(GrowError::asked("--batch-size", size, format!("1 to {LARGEST_SIZE}")));
        }
        training.batch_size = Some(size);
    }
    Ok(())
}

/// Tokens in a sequence of the data.
fn sequence_length<D: Kernels>(request: &Request<'_, D>, small: &ModelConfig) -> Result<usize> {
    let longest = small.longest_sequence().unwrap_or(LARGEST_SIZE).min(LARGEST_SIZE);
    if small.family.reads_images() {
        return match request.learning.sequence_length {
            None => Ok(longest),
            Some(found) => {
                let expected = format!("none: a {} reads images", small.family);
                Err(GrowError::asked("--sequence-length", found, expected))
            }
        };
    }
    match request.learning.sequence_length {
        None => Ok(SEQUENCE_LENGTH.min(longest)),
        Some(length) if (2..=longest).contains(&length) => Ok(length),
        Some(length) => {
            let expected = format!("2 to {longest}, as the model has no more positions");
            Err(GrowError::asked("--sequence-length", length, expected))
        }
    }
}

/// The type of most of a checkpoint's numbers, or the nearest that is written.
fn stored_type(checkpoint: &Checkpoint) -> FloatType {
    let bytes = |float: FloatType| -> usize {
        let of_type = checkpoint.tensors().filter(|tensor| format!("{:?}", tensor.dtype) == float.name());
        of_type.map(|tensor| tensor.bytes).sum()
    };
    let types = [FloatType::F32, FloatType::F16, FloatType::BF16];
    types.into_iter().max_by_key(|&float| bytes(float)).filter(|&float| bytes(float) > 0).unwrap_or_default()
}
