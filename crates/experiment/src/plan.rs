//! What an experiment will cost, before anything runs: parameters, FLOPs by stage, memory, time.
//!
//! No data are read and no large model is made: all but the time follows from the sizes in the file, and what `[[tasks]]` cost from the
//! footers of their files.

mod images;
mod paper;
mod tasks;

use crate::checkpoint::SmallCheckpoint;
use crate::cost;
use crate::registry::{Registry, find};
use crate::run::directory::RunDirectory;
use crate::run::equal_compute::{scratch_for, steps_for};
use crate::run::jobs::SMALL;
use crate::schema::{Experiment, MethodConfig, OptimiserState};
use crate::strategies;
use anyhow::{Context, Result};
pub use images::ImageMemory;
use ligo_eval::{Convention, Memory, StepShape, memory, recomputed_activations, step_flops};
use ligo_growth::{Action, Recipe, Stage, Start, Training};
use ligo_kernels::{GradTape, Kernels, gradients_for};
use ligo_models::{Batch, Images, Inputs, Mode, Model, ModelConfig, Targets, Tokens};
use ligo_train::{Cost, TrainingConfig};
pub use paper::PaperSteps;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;
pub use tasks::PlannedTask;

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
    /// The rows of the table.
    pub methods: Vec<PlannedRun>,
    /// What is trained beside the rows: scratch with the compute of each, for `equal_compute_seeds`.
    pub beside: Vec<PlannedRun>,
    /// Number of seeds.
    pub seeds: usize,
    /// Points of the grid of `[search]`, which every row is trained with on the first seed; 1 without.
    pub points: usize,
    /// Steps as the paper's script counts them; none for families that it does not know.
    pub paper: Option<PaperSteps>,
    /// What finished models are evaluated with.
    pub tasks: Vec<PlannedTask>,
    /// FLOPs of an evaluation of the large model in those of its training up to the next one: above 1 evaluating takes longer.
    pub evaluation_share: f64,
    /// What images take in memory, beside the steps; none for text, which stays on disk.
    pub images: Option<ImageMemory>,
    /// Seconds for everything, evaluations included; tasks as far as their files are there.
    pub seconds: f64,
    /// What the seconds are reckoned from.
    pub time_source: TimeSource,
}

/// What a run will cost, once.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// The row's label, or `small`.
    pub label: String,
    /// How often it is run: with every seed, and on the first with every point of a grid.
    pub times: usize,
    /// Its stages.
    pub stages: Vec<PlannedStage>,
    /// FLOPs of the evaluations, which no method is charged with.
    pub evaluation_flops: f64,
    /// Memory of its largest step. The factors of an operator that is learnt are not in it, few beside the weights.
    pub memory: Memory,
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
    /// FLOPs as the paper's script counts them; none where it has no count.
    pub paper_flops: Option<f64>,
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
    /// FLOPs per second.
    pub fn flops_per_second(self) -> f64 {
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

    /// The same as the paper's script counts; none if it does not count one of them.
    pub fn paper_flops(&self) -> Option<f64> {
        self.stages.iter().map(|stage| stage.paper_flops).sum()
    }

    /// FLOPs of everything, as often as it is run, evaluations included.
    pub fn all_flops(&self) -> f64 {
        self.times as f64 * (self.flops() + self.evaluation_flops)
    }
}

impl Plan {
    /// Everything that is run: the small model, the rows, what is trained beside them.
    pub fn runs(&self) -> impl Iterator<Item = &PlannedRun> {
        self.small.iter().chain(&self.methods).chain(&self.beside)
    }

    /// The run with the step that takes the most memory.
    pub fn largest_run(&self) -> Option<&PlannedRun> {
        self.runs().max_by_key(|run| run.memory.total())
    }
}

/// Plans an experiment. `workspace`: what paths of data are relative to; `results`: its own directory, where earlier runs are looked for.
///
/// # Errors
/// If a method refuses, or the step that is timed fails.
pub fn plan<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    device: &D,
    (workspace, results): (&Path, &Path),
) -> Result<Plan> {
    let seeds = experiment.seeds.len();
    let points = experiment.methods.first().map_or(1, |row| experiment.candidates(row).len().max(1));
    let mut needs_small = false;
    let mut methods = Vec::new();
    for row in &experiment.methods {
        let recipe = recipe(experiment, registry, row)?;
        needs_small |= recipe.needs_small();
        methods.push(planned(experiment, row, &recipe, points + seeds.saturating_sub(1))?);
    }
    let small = if needs_small && experiment.checkpoint.is_none() {
        let training = experiment.small_training.clone();
        let recipe = Recipe::<D> {
            start: Start::Random(experiment.small.clone().into()),
            stages: vec![Stage::train("train", 0..training.steps)],
        };
        Some(planned(experiment, &row_of(SMALL, SMALL, training), &recipe, seeds)?)
    } else {
        None
    };
    let beside = equal_compute(experiment, registry, &methods)?;
    let time_source = match earlier_runs(experiment, results) {
        Some(source) => source,
        None => timed_step(experiment, device)?,
    };
    let tasks = tasks::planned(experiment, workspace, small.is_some());
    let pretraining: f64 = small.iter().chain(&methods).chain(&beside).map(PlannedRun::all_flops).sum();
    let flops = pretraining + tasks.iter().map(PlannedTask::all_flops).sum::<f64>();
    Ok(Plan {
        toml: experiment.to_toml()?,
        small_parameters: Model::new(experiment.small.clone())?.parameter_count(),
        large_parameters: Model::new(experiment.large.clone())?.parameter_count(),
        checkpoint: experiment.checkpoint.clone(),
        seeds,
        points,
        paper: PaperSteps::of(experiment),
        seconds: flops / time_source.flops_per_second(),
        time_source,
        small,
        methods,
        beside,
        tasks,
        evaluation_share: evaluation_share(experiment),
        images: ImageMemory::of(experiment, workspace),
    })
}

fn evaluation_share(experiment: &Experiment) -> f64 {
    let (training, large) = (&experiment.training, &experiment.large);
    let interval = experiment.evaluation.every as f64 * cost::train_step(experiment, training, large);
    cost::evaluations(experiment, large, 0) / interval
}

fn recipe<D: Kernels>(experiment: &Experiment, registry: &Registry<D>, row: &MethodConfig) -> Result<Recipe<D>> {
    let method = find(registry, &row.method).with_context(|| format!("no method is called '{}'", row.method))?;
    Ok(strategies::recipe(experiment, row, method)?)
}

/// Scratch with the compute of each row, on the seeds that ask for it. Rows that cost the same share a run.
fn equal_compute<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    methods: &[PlannedRun],
) -> Result<Vec<PlannedRun>> {
    let times = experiment.equal_compute_seeds.len();
    let reference = experiment.methods.iter().find(|row| row.label == experiment.report.reference);
    let Some(reference) = reference.filter(|_| times > 0) else { return Ok(Vec::new()) };
    let steps: BTreeSet<u64> = methods.iter().map(|run| steps_for(experiment, reference, run.flops())).collect();
    let others = steps.into_iter().filter(|&steps| steps != reference.training.steps);
    let runs = others.map(|steps| {
        let scratch = scratch_for(reference, steps);
        planned(experiment, &scratch, &recipe(experiment, registry, &scratch)?, times)
    });
    runs.collect()
}

fn planned<D: Kernels>(
    experiment: &Experiment,
    row: &MethodConfig,
    recipe: &Recipe<D>,
    times: usize,
) -> Result<PlannedRun> {
    let training = &row.training;
    let mut model: &ModelConfig = match &recipe.start {
        Start::Small => &experiment.small,
        Start::Random(config) => config,
    };
    let mut run = PlannedRun {
        label: row.label.clone(),
        times,
        stages: Vec::new(),
        evaluation_flops: 0.0,
        memory: Memory::default(),
    };
    for stage in &recipe.stages {
        let (steps, flops, paper_flops) = match &stage.action {
            Action::Grow { to, .. } => {
                model = to;
                (0, 0.0, Some(0.0))
            }
            Action::Learn { to, operator, training: learning } => {
                let (small, large) = (Model::new(model.clone())?, Model::new(to.clone())?);
                let flops = cost::learn(experiment, training, (operator.as_ref(), learning), &small, &large)?;
                let config = training.for_operator(learning);
                run.needs(learning_memory(experiment, &config, &small, &large));
                let of_script = paper::learn(experiment, row, &config, (model, to), learning.steps);
                model = to;
                (learning.steps, learning.steps as f64 * flops.step + flops.materialise, of_script)
            }
            Action::Train { steps, schedule_from, training: what } => {
                let trained = Model::new(model.clone())?;
                run.needs(training_memory(experiment, training, &trained, what)?);
                let part = (*schedule_from, *steps);
                let flops = cost::train_stage(experiment, training, (&trained, what), &stage.name, part)?;
                (*steps, flops, paper::train(experiment, training, (model, what), part))
            }
        };
        if !matches!(stage.action, Action::Grow { .. }) {
            run.evaluation_flops += cost::evaluations(experiment, model, steps);
        }
        run.stages.push(PlannedStage { name: stage.name.clone(), steps, flops, paper_flops });
    }
    Ok(run)
}

/// A row that no file has.
fn row_of(label: &str, method: &str, training: TrainingConfig) -> MethodConfig {
    MethodConfig {
        method: method.into(),
        label: label.into(),
        training,
        optimiser_state: OptimiserState::Fresh,
        learning_rate_after_growth: None,
        rewarm_steps: None,
        layer_dropping: None,
        token_dropping: None,
        staged_training: None,
        options: toml::Table::new(),
    }
}

impl PlannedRun {
    fn needs(&mut self, memory: Memory) {
        if memory.total() > self.memory.total() {
            self.memory = memory;
        }
    }
}

/// Memory of a step that trains all of `model`; a teacher's weights and the moving mean of its own lie beside it.
fn training_memory(
    experiment: &Experiment,
    training: &TrainingConfig,
    model: &Model,
    what: &Training,
) -> Result<Memory> {
    let mut memory = step_memory(experiment, training, model);
    if training.ema_decay.is_some() {
        memory.weights += 4 * model.parameter_count() as u64;
    }
    if what.distillation.is_some() {
        memory.weights += 4 * Model::new(experiment.small.clone())?.parameter_count() as u64;
    }
    Ok(memory)
}

/// Memory of a step that learns an operator, but for its factors: both models' weights, the large one's gradients.
fn learning_memory(experiment: &Experiment, training: &TrainingConfig, small: &Model, large: &Model) -> Memory {
    let whole = step_memory(experiment, training, large);
    Memory { weights: whole.weights + 4 * small.parameter_count() as u64, moments: 0, ..whole }
}

/// Memory of a step of all of `model`'s weights.
fn step_memory(experiment: &Experiment, training: &TrainingConfig, model: &Model) -> Memory {
    let micro_batch = micro_batch(experiment, training);
    let memory = memory(model.config(), model.parameter_count() as u64, micro_batch);
    match training.activation_checkpointing {
        true => Memory { activations: recomputed_activations(model.config(), micro_batch), ..memory },
        false => memory,
    }
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
    /// Shorter sequences than these would say little of longer ones.
    const SHORTEST: usize = 64;
    let mut shape = micro_batch(experiment, &experiment.training);
    let layers = experiment.large.num_hidden_layers.min(2);
    let config = ModelConfig { num_hidden_layers: layers, ..experiment.large.clone() };
    let flops = |shape| step_flops(&config, shape, Convention::Ours).total();
    let one = |shape| flops(StepShape { sequences: 1, ..shape });
    while !config.family.reads_images() && shape.sequence_length >= 2 * SHORTEST && one(shape) > ENOUGH_FLOPS {
        shape.sequence_length /= 2;
    }
    shape.sequences = ((ENOUGH_FLOPS / one(shape)) as usize).clamp(1, shape.sequences);
    let flops = flops(shape);

    let model = Model::new(config)?;
    let parameters = model.fresh(device, 0)?;
    let batch = match model.config().family.reads_images() {
        true => images(model.config(), shape.sequences),
        false => tokens(model.config(), shape),
    };
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

/// Sequences of tokens without sense, as many of them labelled as in training.
fn tokens(config: &ModelConfig, shape: StepShape) -> Batch {
    let ids = (0..shape.sequences * shape.sequence_length).map(|i| (i * 7919 % config.vocab_size) as u32);
    let every = (1.0 / shape.labelled_share).round().max(1.0) as usize;
    let target = |(i, id)| if i % every == 0 { id as i32 } else { ligo_kernels::IGNORED };
    let targets = ids.clone().enumerate().map(target).collect();
    let tokens = Tokens {
        input_ids: ids.collect(),
        batch_size: shape.sequences,
        sequence_length: shape.sequence_length,
        ..Tokens::default()
    };
    Batch::tokens(tokens, targets)
}

/// Images without sense, in every class.
fn images(config: &ModelConfig, images: usize) -> Batch {
    let numbers = images * config.num_channels() * config.image_size() * config.image_size();
    let pixels = (0..numbers).map(|i| (i * 7919 % 511) as f32 / 255.5 - 1.0).collect();
    let classes = (0..images).map(|image| (image % config.num_labels()) as i32).collect();
    Batch { inputs: Inputs::Images(Images { pixels, batch_size: images }), targets: Targets::Classes(classes) }
}
