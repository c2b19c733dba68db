//! Learning an operator: the stage of a recipe that needs data, with checkpoints of its own.

use crate::computation::Computation;
use crate::{GrowError, Plan, Result};
use ligo_eval::{Flops, operator_step_flops};
use ligo_growth::{Growth, LearnedOperator, OperatorTraining};
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, Parameters};
use ligo_train::{
    BatchSource, Cost, LearnerObjective, MetricRow, Objective, Progress, Rate, StageOutcome, StagePlan, StopFlag,
    train_stage,
};
use std::path::Path;
use std::time::Duration;

/// Evaluations along the way.
const EVALUATIONS: u64 = 10;

/// What is needed beside the plan.
pub(crate) struct Lesson<'a> {
    /// The stage's name in the recipe.
    pub(crate) name: &'a str,
    pub(crate) training: &'a OperatorTraining,
    pub(crate) batches: &'a dyn BatchSource,
    pub(crate) held_out: &'a [Batch],
    pub(crate) seed: u64,
    /// Of everything that the result depends on.
    pub(crate) fingerprint: &'a str,
    /// The stage's own directory.
    pub(crate) directory: &'a Path,
    pub(crate) checkpoint_every: Duration,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) stop: &'a StopFlag,
}

/// A large model that an operator has made.
pub(crate) struct Learnt<D: Kernels> {
    pub(crate) model: Model,
    pub(crate) parameters: Parameters<D>,
    pub(crate) factors: Parameters<D>,
    pub(crate) rows: Vec<MetricRow>,
}

/// How often losses are measured.
pub(crate) fn evaluate_every(steps: u64) -> u64 {
    steps.div_ceil(EVALUATIONS).max(1)
}

impl<D: Kernels> Plan<'_, D> {
    /// Learns `operator` and grows `small` by it; none if asked to stop. The small weights are let go as soon as the operator has
    /// taken what it needs.
    pub(crate) fn learn(
        &self,
        device: &D,
        (small, parameters): (Model, Parameters<D>),
        large: Model,
        operator: &dyn LearnedOperator<D>,
        lesson: Option<&Lesson<'_>>,
        seed: u64,
    ) -> Result<Option<Learnt<D>>> {
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device, seed };
        let learner = operator.start(&growth)?;
        let expansion = operator.expansion_flops(&small, &large)?;
        drop(parameters);
        let Some(lesson) = lesson else {
            let (parameters, factors) = (learner.materialise()?, learner.factors().clone());
            return Ok(Some(Learnt { model: large, parameters, factors, rows: Vec::new() }));
        };
        let Computation { config, recompute, .. } = self.computation(lesson.training);
        let times = config.accumulate as f64;
        let expansion = Flops { forward: times * expansion.forward, backward: times * expansion.backward };
        let plan = StagePlan {
            stage: lesson.name.to_owned(),
            schedule_from: 0,
            rate: Rate::Schedule,
            steps: lesson.training.steps,
            flops_per_step: operator_step_flops(large.config(), self.shape(config.batch_size), expansion).total(),
            before: Cost::default(),
            evaluate_every: evaluate_every(lesson.training.steps),
            seed: lesson.seed,
            inputs: lesson.fingerprint.to_owned(),
            checkpoint_every: lesson.checkpoint_every,
            config,
        };
        let mut objective = LearnerObjective::new(learner, large, lesson.training).recomputing(recompute);
        let outcome = train_stage(
            device,
            &mut objective as &mut dyn Objective<D>,
            &mut None,
            &plan,
            lesson.batches,
            lesson.held_out,
            lesson.directory,
            lesson.progress,
            lesson.stop,
        )
        .map_err(GrowError::Train)?;
        let StageOutcome::Finished(result) = outcome else { return Ok(None) };
        let (model, learner) = objective.into_parts();
        let parameters = learner.materialise()?;
        let factors = learner.factors().clone();
        Ok(Some(Learnt { model, parameters, factors, rows: result.rows }))
    }
}
