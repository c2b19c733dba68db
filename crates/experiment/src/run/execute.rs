//! One run, stage by stage, each to be resumed where it was left.
//!
//! After each stage the weights (with them what the optimiser remembers, where that outlives a stage) and then the state are
//! written, so that a killed run goes on with the same bits; within a stage the training loop keeps its own checkpoints.

use super::Options;
use super::data::Data;
use super::directory::{RunDirectory, read_json, write_json};
use super::jobs::{Job, SMALL};
use super::stage::StageRun;
use crate::record::{OperatorLoss, Provenance, RunRecord, StageRecord};
use crate::schema::Experiment;
use crate::strategies::OPTIMISER;
use anyhow::{Context, Result};
use ligo_growth::{Action, FactorDiagnostics, Moments, Start};
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, ModelConfig, Parameters, checkpoint, hub};
use ligo_train::{Cost, MetricRow, load_moments, save_moments};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const STATE: &str = "state.json";
/// The final weights, in the Hub's layout.
pub(super) const MODEL: &str = "model";
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
pub(super) struct Current<D: Kernels> {
    pub(super) model: Model,
    pub(super) parameters: Parameters<D>,
    /// What the optimiser remembers, where that outlives a stage.
    pub(super) moments: Option<Moments<D>>,
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
        setting.data.save_beside(&model)?;
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

pub(super) fn checkpoints_of(stage: usize) -> String {
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
pub(super) fn small_model<D: Kernels>(setting: &Setting<'_, D>, seed: u64) -> Result<(Model, Parameters<D>)> {
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
