//! One stage of a run: a growth, the learning of an operator, or a training.
//!
//! Every stage is charged: steps by count, growing by time and, for a learned operator, by the FLOPs of its last expansion.

use super::execute::{Current, Setting, checkpoints_of, small_model};
use super::jobs::Job;
use super::optimiser_state::no_maps;
use super::seeds::{Purpose, seed};
use crate::cost;
use crate::record::{OperatorLoss, StageAction, StageRecord};
use anyhow::{Context, Result, anyhow, ensure};
use ligo_growth::{
    Action, FactorDiagnostics, Growth, GrowthOperator, LearnedOperator, Moments, OperatorTraining, Stage, Training,
};
use ligo_kernels::Kernels;
use ligo_models::{Model, ModelConfig};
use ligo_train::{
    Cost, LearnerObjective, MetricRow, ModelTraining, Objective, Rate, StageOutcome, StagePlan, StageResult, Teacher,
    TrainingConfig, train_stage,
};
use std::time::Instant;

/// One stage about to be done.
pub(super) struct StageRun<'a, D: Kernels> {
    pub(super) setting: &'a Setting<'a, D>,
    pub(super) job: &'a Job<'a, D>,
    pub(super) stage: &'a Stage<D>,
    pub(super) index: usize,
    pub(super) before: Cost,
}

/// What a finished stage leaves.
pub(super) struct StageDone<D: Kernels> {
    pub(super) current: Current<D>,
    pub(super) record: StageRecord,
    pub(super) rows: Vec<MetricRow>,
    pub(super) operator: Option<(OperatorLoss, Vec<FactorDiagnostics>)>,
}

impl<D: Kernels> StageRun<'_, D> {
    /// Does the stage, or the rest of it; none if it was asked to stop.
    ///
    /// # Errors
    /// A training that diverges, a method that fails, a file that cannot be written.
    pub(super) fn execute(&self, current: Current<D>) -> Result<Option<StageDone<D>>> {
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
        let large = large.with_precision(self.job.training.precision.on_this_machine()?);
        let checkpointing = self.job.training.activation_checkpointing;
        let mut objective = LearnerObjective::new(learner, large, training).recomputing(checkpointing);

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
        let drop_path = self.job.training.drop_path.unwrap_or(0.0);
        let model = model.with_precision(self.job.training.precision.on_this_machine()?);
        let mut objective = ModelTraining::new(model, parameters, charge, teacher)?
            .dropping_paths(drop_path)?
            .recomputing(self.job.training.activation_checkpointing);
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
        let outcome =
            train_stage(*device, objective, moments, &plan, batches.as_ref(), validation, &directory, watch, stop)
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
