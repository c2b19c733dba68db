//! What an experiment will cost, before anything runs: parameters, FLOPs by stage, memory, time.

use crate::checkpoint::SmallCheckpoint;
use crate::cost;
use crate::registry::{Registry, find};
use crate::run::directory::RunDirectory;
use crate::run::jobs::SMALL;
use crate::schema::Experiment;
use crate::strategies;
use anyhow::{Context, Result};
use ligo_eval::{Convention, Memory, StepShape, memory, step_flops};
use ligo_growth::{Action, Recipe, Stage, Start};
use ligo_kernels::{GradTape, Kernels, gradients_for};
use ligo_models::{Batch, Mode, Model, ModelConfig, Tokens};
use ligo_train::{Cost, TrainingConfig};
use std::path::Path;
use std::time::Instant;

/// What an experiment will cost.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The resolved file.
    pub toml: String,
    /// Weights of the small model.
    pub small_parameters: usize,
    /// Weights of the large model.
    pub large_parameters: usize,
    /// The checkpoint that the small model is, if it is not trained here: as it is named, and where it lies.
    pub checkpoint: Option<SmallCheckpoint>,
    /// The small model's training, if a method needs it and it is no checkpoint.
    pub small: Option<PlannedRun>,
    /// The rows of the table, for one seed each.
    pub methods: Vec<PlannedRun>,
    /// Number of seeds.
    pub seeds: usize,
    /// Memory of the largest training step.
    pub memory: Memory,
    /// Seconds for everything, evaluations included.
    pub seconds: f64,
    /// What the seconds are reckoned from.
    pub time_source: TimeSource,
}

/// What a run will cost.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// The row's label, or `small`.
    pub label: String,
    /// Its stages.
    pub stages: Vec<PlannedStage>,
    /// FLOPs of the evaluations, which no method is charged with.
    pub evaluation_flops: f64,
}

/// What a stage will cost.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Its name in the recipe.
    pub name: String,
    /// Optimiser steps.
    pub steps: u64,
    /// FLOPs.
    pub flops: f64,
}

/// What the expected time is reckoned from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeSource {
    /// Seconds and FLOPs of this experiment's earlier runs.
    EarlierRuns {
        /// How many.
        runs: usize,
        /// What they reached.
        flops_per_second: f64,
    },
    /// A step of the large model, timed just now.
    TimedStep {
        /// What it reached.
        flops_per_second: f64,
    },
}

impl TimeSource {
    fn flops_per_second(self) -> f64 {
        match self {
            Self::EarlierRuns { flops_per_second, .. } | Self::TimedStep { flops_per_second } => flops_per_second,
        }
    }
}

impl PlannedRun {
    /// FLOPs of all stages.
    pub fn flops(&self) -> f64 {
        self.stages.iter().map(|stage| stage.flops).sum()
    }
}

/// Plans an experiment. `results`: its own directory, where earlier runs are looked for.
///
/// # Errors
/// If a method refuses, or the step that is timed fails.
pub fn plan<D: Kernels>(experiment: &Experiment, registry: &Registry<D>, device: &D, results: &Path) -> Result<Plan> {
    let mut needs_small = false;
    let mut methods = Vec::new();
    for row in &experiment.methods {
        let method = find(registry, &row.method).with_context(|| format!("no method is called '{}'", row.method))?;
        let recipe = strategies::recipe(experiment, row, method)?;
        needs_small |= recipe.needs_small();
        methods.push(planned(experiment, &row.label, &row.training, &recipe)?);
    }
    let small = if needs_small && experiment.checkpoint.is_none() {
        let recipe = Recipe::<D> {
            start: Start::Random(experiment.small.clone().into()),
            stages: vec![Stage::train("train", 0..experiment.small_training.steps)],
        };
        Some(planned(experiment, SMALL, &experiment.small_training, &recipe)?)
    } else {
        None
    };
    let time_source = match earlier_runs(experiment, results) {
        Some(source) => source,
        None => timed_step(experiment, device)?,
    };
    let seeds = experiment.seeds.len();
    let large_parameters = Model::new(experiment.large.clone())?.parameter_count();
    let flops: f64 = small.iter().chain(&methods).map(|run| run.flops() + run.evaluation_flops).sum();
    Ok(Plan {
        toml: experiment.to_toml()?,
        small_parameters: Model::new(experiment.small.clone())?.parameter_count(),
        large_parameters,
        checkpoint: experiment.checkpoint.clone(),
        small,
        methods,
        seeds,
        memory: memory(&experiment.large, large_parameters as u64, micro_batch(experiment, &experiment.training)),
        seconds: seeds as f64 * flops / time_source.flops_per_second(),
        time_source,
    })
}

fn planned<D: Kernels>(
    experiment: &Experiment,
    label: &str,
    training: &TrainingConfig,
    recipe: &Recipe<D>,
) -> Result<PlannedRun> {
    let mut model: &ModelConfig = match &recipe.start {
        Start::Small => &experiment.small,
        Start::Random(config) => config,
    };
    let mut stages = Vec::new();
    let mut evaluation_flops = 0.0;
    for stage in &recipe.stages {
        let (steps, flops) = match &stage.action {
            Action::Grow { to, .. } => {
                model = to;
                (0, 0.0)
            }
            Action::Learn { to, operator, training: learning } => {
                let (small, large) = (Model::new(model.clone())?, Model::new(to.clone())?);
                let flops = cost::learn(experiment, training, (operator.as_ref(), learning), &small, &large)?;
                model = to;
                (learning.steps, learning.steps as f64 * flops.step + flops.materialise)
            }
            Action::Train { steps, schedule_from, training: what } => {
                let trained = Model::new(model.clone())?;
                let part = (*schedule_from, *steps);
                (*steps, cost::train_stage(experiment, training, (&trained, what), &stage.name, part)?)
            }
        };
        if !matches!(stage.action, Action::Grow { .. }) {
            evaluation_flops += cost::evaluations(experiment, model, steps);
        }
        stages.push(PlannedStage { name: stage.name.clone(), steps, flops });
    }
    Ok(PlannedRun { label: label.into(), stages, evaluation_flops })
}

/// What is computed at once.
fn micro_batch(experiment: &Experiment, training: &TrainingConfig) -> StepShape {
    StepShape { sequences: training.micro_batch_size(), ..cost::step_shape(experiment, training) }
}

/// The speed of this experiment's finished runs, whatever has been edited since.
fn earlier_runs(experiment: &Experiment, results: &Path) -> Option<TimeSource> {
    let labels = experiment.methods.iter().map(|row| row.label.as_str());
    let mut total = Cost::default();
    let mut runs = 0;
    for label in labels {
        for &seed in &experiment.seeds {
            // A record that cannot be read is no reason to refuse a plan.
            if let Ok(Some(record)) = RunDirectory::new(results, label, seed).record() {
                total = total + record.total;
                runs += 1;
            }
        }
    }
    let speed = total.flops / total.wall_seconds;
    (runs > 0 && speed.is_finite() && speed > 0.0).then_some(TimeSource::EarlierRuns { runs, flops_per_second: speed })
}

/// Times forward and backward of two of the large model's layers on at most a few sequences, after one for warming up.
fn timed_step<D: Kernels>(experiment: &Experiment, device: &D) -> Result<TimeSource> {
    /// A first impression need not take longer than a second or so anywhere.
    const ENOUGH_FLOPS: f64 = 2e10;
    let shape = micro_batch(experiment, &experiment.training);
    let layers = experiment.large.num_hidden_layers.min(2);
    let config = ModelConfig { num_hidden_layers: layers, ..experiment.large.clone() };
    let flops = |sequences| step_flops(&config, StepShape { sequences, ..shape }, Convention::Ours).total();
    let sequences = ((ENOUGH_FLOPS / flops(1)) as usize).clamp(1, shape.sequences);
    let flops = flops(sequences);

    let model = Model::new(config)?;
    let parameters = model.fresh(device, 0)?;
    let ids = (0..sequences * shape.sequence_length).map(|i| (i * 7919 % experiment.large.vocab_size) as u32);
    let every = (1.0 / shape.labelled_share).round().max(1.0) as usize;
    let target = |(i, id)| if i % every == 0 { id as i32 } else { ligo_kernels::IGNORED };
    let targets = ids.clone().enumerate().map(target).collect();
    let tokens = Tokens {
        input_ids: ids.collect(),
        batch_size: sequences,
        sequence_length: shape.sequence_length,
        ..Tokens::default()
    };
    let batch = Batch::tokens(tokens, targets);
    let mut gradients = gradients_for(parameters.tensors());
    let mut fastest = f64::INFINITY;
    for key in 0..3 {
        let start = Instant::now();
        let mut tape = GradTape::default();
        let loss = model.loss(&mut tape, &parameters, &batch, Mode::Train { dropout_key: key })?;
        tape.backward(&loss, 1.0, &mut gradients)?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(TimeSource::TimedStep { flops_per_second: flops / fastest.max(1e-9) })
}
