//! One run, stage by stage, each to be resumed where it was left.
//!
//! After each stage the weights (with them what the optimiser remembers, where that outlives a stage) and then the state are
//! written, so that a killed run goes on with the same bits; within a stage the training loop keeps its own checkpoints. Every stage is charged: steps by count, growing by time and, for a
//! learned operator, by the FLOPs of its last expansion.

use super::Options;
use super::data::Data;
use super::directory::{RunDirectory, read_json, write_json};
use super::jobs::{Job, SMALL};
use super::optimiser_state::no_maps;
use super::seeds::{Purpose, seed};
use crate::cost;
use crate::record::{OperatorLoss, Provenance, RunRecord, StageAction, StageRecord};
use crate::schema::Experiment;
use crate::strategies::OPTIMISER;
use anyhow::{Context, Result, anyhow, ensure};
use ligo_growth::{
    Action, FactorDiagnostics, Growth, GrowthOperator, LearnedOperator, Moments, OperatorTraining, Stage, Start,
    Training,
};
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, ModelConfig, Parameters, checkpoint, hub};
use ligo_train::{
    Cost, LearnerObjective, MetricRow, ModelTraining, Objective, Rate, StageOutcome, StagePlan, StageResult, Teacher,
    TrainingConfig, load_moments, save_moments, train_stage,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const STATE: &str = "state.json";
/// The final weights, in the Hub's layout.
const MODEL: &str = "model";
/// Among them.
const WEIGHTS: &str = "model.safetensors";

/// What all runs of an experiment have in common.
pub(super) struct Setting<'a, D: Kernels> {
    pub(super) experiment: &'a Experiment,
    pub(super) device: &'a D,
    pub(super) data: &'a Data,
    pub(super) validation: &'a [Batch],
    /// The small model, if it is not trained here.
    pub(super) checkpoint: Option<&'a hub::Checkpoint>,
    pub(super) options: &'a Options<'a>,
    /// `results/<experiment>`.
    pub(super) results: &'a Path,
}

/// How far a run is, as of its last finished stage.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    stages: Vec<StageRecord>,
    rows: Vec<MetricRow>,
    operator: Option<OperatorLoss>,
    #[serde(default)]
    operator_diagnostics: Vec<FactorDiagnostics>,
}

impl State {
    fn total(&self) -> Cost {
        self.stages.iter().map(|stage| stage.cost).sum()
    }
}

/// A model with its weights, between two stages.
struct Current<D: Kernels> {
    model: Model,
    parameters: Parameters<D>,
    /// What the optimiser remembers, where that outlives a stage.
    moments: Option<Moments<D>>,
}

/// Does a run, or the rest of it; none if it was asked to stop.
///
/// # Errors
/// A file that cannot be written, a training that diverges, a method that fails.
pub(super) fn execute<D: Kernels>(setting: &Setting<'_, D>, job: &Job<'_, D>) -> Result<Option<RunRecord>> {
    job.directory.begin(&job.inputs)?;
    let mut state: State = read_json(&job.directory.join(STATE))?.unwrap_or_default();
    let mut current = current(setting, job, state.stages.len())?;
    for index in state.stages.len()..job.recipe.stages.len() {
        if setting.options.stop.is_set() {
            return Ok(None);
        }
        let run = StageRun { setting, job, stage: &job.recipe.stages[index], index, before: state.total() };
        let Some(done) = run.execute(current)? else { return Ok(None) };
        current = done.current;
        state.stages.push(done.record);
        state.rows.extend(done.rows);
        if let Some((loss, diagnostics)) = done.operator {
            (state.operator, state.operator_diagnostics) = (Some(loss), diagnostics);
        }

        checkpoint::save(&job.directory.join(weights_after(index + 1)), &current.parameters, &BTreeMap::new())?;
        if let Some(moments) = &current.moments {
            save_moments(&job.directory.join(optimiser_after(index + 1)), moments)?;
        }
        write_json(&job.directory.join(STATE), &state)?;
        job.directory.discard(&weights_after(index))?;
        job.directory.discard(&optimiser_after(index))?;
        job.directory.discard(&checkpoints_of(index))?;
    }

    let model = job.directory.join(MODEL);
    let from = setting.checkpoint;
    hub::export(&model, &current.model, &current.parameters, &hub::ExportOptions { from, ..Default::default() })?;
    if from.is_none() {
        setting.data.save_tokenizer(&model)?;
    }
    if let Some(moments) = current.moments.as_ref().filter(|_| job.is_small()) {
        save_moments(&job.directory.join(OPTIMISER), moments)?;
    }
    let needs_small = job.recipe.needs_small();
    let record = RunRecord {
        label: job.label.into(),
        method: job.method.into(),
        summary: job.summary.into(),
        seed: job.seed,
        parameters: current.model.parameter_count() as u64,
        total: state.total(),
        stages: state.stages,
        rows: state.rows,
        small: match needs_small && from.is_none() {
            true => Some(small_record(setting, job.seed)?.total),
            false => None,
        },
        checkpoint: setting.experiment.checkpoint.as_ref().filter(|_| needs_small).map(|found| found.name.clone()),
        operator: state.operator,
        operator_diagnostics: state.operator_diagnostics,
        fingerprint: job.inputs.fingerprint.clone(),
        provenance: Provenance::here(&setting.options.workspace, setting.options.threads, &setting.options.command),
    };
    job.directory.finish(&record)?;
    // A kill may have come between a stage's end and the removal of what it began with.
    for stage in 0..job.recipe.stages.len() {
        job.directory.discard(&weights_after(stage))?;
        job.directory.discard(&optimiser_after(stage))?;
        job.directory.discard(&checkpoints_of(stage))?;
    }
    job.directory.discard(&weights_after(job.recipe.stages.len()))?;
    job.directory.discard(&optimiser_after(job.recipe.stages.len()))?;
    job.directory.discard(STATE)?;
    Ok(Some(record))
}

fn weights_after(stages: usize) -> String {
    format!("weights-{stages}.safetensors")
}

fn optimiser_after(stages: usize) -> String {
    format!("optimiser-{stages}.safetensors")
}

fn checkpoints_of(stage: usize) -> String {
    format!("stage-{stage}")
}

/// The weights that stage number `done` begins with.
fn current<D: Kernels>(setting: &Setting<'_, D>, job: &Job<'_, D>, done: usize) -> Result<Current<D>> {
    let mut config: &ModelConfig = match &job.recipe.start {
        Start::Random(config) => config,
        Start::Small => &setting.experiment.small,
    };
    for stage in &job.recipe.stages[..done.min(job.recipe.stages.len())] {
        if let Action::Grow { to, .. } | Action::Learn { to, .. } = &stage.action {
            config = to;
        }
    }
    if done == 0 && job.recipe.start == Start::Small {
        let (model, parameters) = small_model(setting, job.seed)?;
        let path = match &setting.experiment.checkpoint {
            Some(checkpoint) => checkpoint.directory.join(OPTIMISER),
            None => RunDirectory::new(setting.results, SMALL, job.seed).join(OPTIMISER),
        };
        let moments = job.keeps_moments().then(|| load_moments(&path, model.specs(), setting.device)).transpose()?;
        return Ok(Current { model, parameters, moments });
    }
    let model = Model::new(config.clone())?;
    let parameters = match done {
        0 => model.fresh(setting.device, job.weights_seed())?,
        _ => checkpoint::load(&job.directory.join(weights_after(done)), model.specs().clone(), setting.device)?,
    };
    // Where nothing had been trained yet there is nothing to remember.
    let path = Some(job.directory.join(optimiser_after(done))).filter(|path| job.keeps_moments() && path.is_file());
    let moments = path.map(|path| load_moments(&path, model.specs(), setting.device)).transpose()?;
    Ok(Current { model, parameters, moments })
}

/// The experiment's small model, trained.
fn small_model<D: Kernels>(setting: &Setting<'_, D>, seed: u64) -> Result<(Model, Parameters<D>)> {
    if let Some(checkpoint) = setting.checkpoint {
        return Ok(checkpoint.load(setting.device, &hub::LoadOptions::default())?);
    }
    let model = Model::new(setting.experiment.small.clone())?;
    let path = RunDirectory::new(setting.results, SMALL, seed).join(MODEL).join(WEIGHTS);
    let parameters = checkpoint::load(&path, model.specs().clone(), setting.device)?;
    Ok((model, parameters))
}

fn small_record<D: Kernels>(setting: &Setting<'_, D>, seed: u64) -> Result<RunRecord> {
    let record = RunDirectory::new(setting.results, SMALL, seed).record()?;
    record.with_context(|| format!("the small model's run of seed {seed} is gone"))
}

/// One stage about to be done.
struct StageRun<'a, D: Kernels> {
    setting: &'a Setting<'a, D>,
    job: &'a Job<'a, D>,
    stage: &'a Stage<D>,
    index: usize,
    before: Cost,
}

/// What a finished stage leaves.
struct StageDone<D: Kernels> {
    current: Current<D>,
    record: StageRecord,
    rows: Vec<MetricRow>,
    operator: Option<(OperatorLoss, Vec<FactorDiagnostics>)>,
}

impl<D: Kernels> StageRun<'_, D> {
    fn execute(&self, current: Current<D>) -> Result<Option<StageDone<D>>> {
        match &self.stage.action {
            Action::Grow { to, operator } => self.grow(current, to, operator.as_ref()).map(Some),
            Action::Learn { to, operator, training } => self.learn(current, to, operator.as_ref(), training),
            Action::Train { steps, schedule_from, training } => self.train(current, (*schedule_from, *steps), training),
        }
    }

    fn record(&self, action: StageAction, cost: Cost) -> StageRecord {
        StageRecord { name: self.stage.name.clone(), action, cost }
    }

    fn growth<'b>(&'b self, current: &'b Current<D>, large: &'b Model) -> Growth<'b, D> {
        Growth {
            small: &current.model,
            parameters: &current.parameters,
            large,
            device: self.setting.device,
            seed: seed(self.job.seed, Purpose::Growth),
        }
    }

    /// What the optimiser remembers, grown by `maps`; nothing if nothing is there.
    fn grown_moments(
        &self,
        current: &Current<D>,
        maps: impl FnOnce(&Moments<D>) -> ligo_growth::Result<Option<Moments<D>>>,
    ) -> Result<Option<Moments<D>>> {
        let Some(moments) = &current.moments else { return Ok(None) };
        let grown = maps(moments)?.ok_or_else(|| anyhow!(no_maps(self.job, &self.stage.name)))?;
        Ok(Some(grown))
    }

    fn grow(&self, current: Current<D>, to: &ModelConfig, operator: &dyn GrowthOperator<D>) -> Result<StageDone<D>> {
        let model = Model::new(to.clone())?;
        let start = Instant::now();
        let growth = self.growth(&current, &model);
        let parameters = operator.grow(&growth)?;
        let moments = self.grown_moments(&current, |moments| operator.grow_moments(&growth, moments))?;
        let cost = Cost { wall_seconds: start.elapsed().as_secs_f64(), ..Cost::default() };
        Ok(StageDone {
            current: Current { model, parameters, moments },
            record: self.record(StageAction::Grow, cost),
            rows: Vec::new(),
            operator: None,
        })
    }

    fn learn(
        &self,
        current: Current<D>,
        to: &ModelConfig,
        operator: &dyn LearnedOperator<D>,
        training: &OperatorTraining,
    ) -> Result<Option<StageDone<D>>> {
        let large = Model::new(to.clone())?;
        let Setting { experiment, .. } = self.setting;
        let flops = cost::learn(experiment, self.job.training, (operator, training), &current.model, &large)?;
        let start = Instant::now();
        let learner = operator.start(&self.growth(&current, &large))?;
        let starting = start.elapsed();
        let mut objective = LearnerObjective::new(learner, large, training);

        let plan = Steps {
            config: self.job.training.for_operator(training),
            from: 0,
            rate: Rate::Schedule,
            steps: training.steps,
            flops: flops.step,
            batches: seed(self.job.seed, Purpose::OperatorTraining),
        };
        let Some(StageResult { rows, mut cost }) = self.steps(&mut objective, &mut None, plan)? else {
            return Ok(None);
        };

        let start = Instant::now();
        let parameters = objective.learner().materialise()?;
        let moments = self.grown_moments(&current, |moments| objective.learner().grow_moments(moments))?;
        cost.flops += flops.materialise;
        cost.wall_seconds += (starting + start.elapsed()).as_secs_f64();
        // There is a row at the start, however few the steps.
        let loss = rows.first().zip(rows.last()).context("it was never evaluated")?;
        let loss = OperatorLoss { before: loss.0.validation_loss, after: loss.1.validation_loss };
        let diagnostics = objective.learner().diagnostics()?;
        Ok(Some(StageDone {
            current: Current { model: objective.into_parts().0, parameters, moments },
            record: self.record(StageAction::Learn, cost),
            rows,
            operator: Some((loss, diagnostics)),
        }))
    }

    fn train(
        &self,
        current: Current<D>,
        (from, steps): (u64, u64),
        training: &Training,
    ) -> Result<Option<StageDone<D>>> {
        let Current { model, parameters, mut moments } = current;
        let Setting { experiment, .. } = self.setting;
        let charge = cost::charge(experiment, self.job.training, &model, training)?;
        let teacher = match training.distillation {
            Some(_) => {
                let (model, parameters) = small_model(self.setting, self.job.seed)?;
                Some(Teacher { model, parameters })
            }
            None => None,
        };
        let flops = cost::train_step(experiment, self.job.training, model.config());
        let mut objective = ModelTraining::new(model, parameters, charge, teacher)?;
        let plan = Steps {
            config: self.job.training.clone(),
            from,
            rate: self.job.rates.get(self.index).copied().unwrap_or_default(),
            steps,
            flops,
            batches: self.job.training_seed(),
        };
        let Some(StageResult { rows, cost }) = self.steps(&mut objective, &mut moments, plan)? else {
            return Ok(None);
        };
        let (model, parameters) = objective.into_parts();
        let moments = moments.filter(|_| self.job.keeps_moments());
        Ok(Some(StageDone {
            current: Current { model, parameters, moments },
            record: self.record(StageAction::Train, cost),
            rows,
            operator: None,
        }))
    }

    /// The steps of a stage; none if it was asked to stop.
    fn steps(
        &self,
        objective: &mut dyn Objective<D>,
        moments: &mut Option<Moments<D>>,
        steps: Steps,
    ) -> Result<Option<StageResult>> {
        let Setting { experiment, device, data, validation, options, .. } = self.setting;
        let batches = data.training(&steps.config, steps.batches)?;
        let plan = StagePlan {
            stage: self.stage.name.clone(),
            config: steps.config,
            schedule_from: steps.from,
            rate: steps.rate,
            steps: steps.steps,
            flops_per_step: steps.flops,
            before: self.before,
            evaluate_every: experiment.evaluation.every,
            seed: steps.batches,
            inputs: format!("{} {}", self.job.inputs.fingerprint, self.index),
            checkpoint_every: options.checkpoint_every,
        };
        let directory = self.job.directory.join(checkpoints_of(self.index));
        let (watch, stop) = (options.observer, &options.stop);
        let outcome = train_stage(*device, objective, moments, &plan, &batches, validation, &directory, watch, stop)
            .with_context(|| self.job.name())?;
        match outcome {
            StageOutcome::Stopped => Ok(None),
            StageOutcome::Finished(result) => {
                ensure!(!result.rows.is_empty(), "{}: stage {} was never evaluated", self.job.name(), self.stage.name);
                Ok(Some(result))
            }
        }
    }
}

/// The steps of a stage.
struct Steps {
    config: TrainingConfig,
    /// Where in the schedule.
    from: u64,
    /// How the learning rate follows from it.
    rate: Rate,
    steps: u64,
    /// Per step.
    flops: f64,
    /// Seed of the order of the batches.
    batches: u64,
}
