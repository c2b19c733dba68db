//! What the steps of a stage cost: the one place where a recipe meets the counting of FLOPs, for the plan and the run alike.

use crate::run::seeds::{Purpose, seed};
use crate::schema::{Experiment, LanguageObjective};
use anyhow::Result;
use ligo_eval::{Convention, Flops, StepShape, forward_flops, operator_step_flops, step_flops, without_dropout};
use ligo_growth::{LearnedOperator, OperatorTraining, Training};
use ligo_kernels::Kernels;
use ligo_models::{Model, ModelConfig};
use ligo_train::{Charge, InvalidTraining, TrainingConfig, stage_seed};

/// What one optimiser step works on.
pub(crate) fn step_shape(experiment: &Experiment, training: &TrainingConfig) -> StepShape {
    if experiment.data.images.is_some() {
        // A model of images knows how long its sequences are, and says one thing of each image.
        return StepShape { sequences: training.batch_size, sequence_length: 1, labelled_share: 1.0 };
    }
    StepShape {
        sequences: training.batch_size,
        sequence_length: experiment.data.sequence_length,
        labelled_share: match experiment.data.objective {
            LanguageObjective::Causal => 1.0,
            // [CLS] and [SEP] of each sequence are never masked.
            LanguageObjective::Masked => {
                let length = experiment.data.sequence_length as f64;
                experiment.data.masked_share * (length - 2.0).max(1.0) / length
            }
        },
    }
}

/// FLOPs of a step that trains all of `model` by the plain loss.
pub(crate) fn train_step(experiment: &Experiment, training: &TrainingConfig, model: &ModelConfig) -> f64 {
    step_flops(model, step_shape(experiment, training), Convention::Ours).total()
}

/// Counts the FLOPs of a stage that trains `model` as `training` says, micro-batch by micro-batch.
///
/// # Errors
/// The first option that does not go with the model.
pub(crate) fn charge(
    experiment: &Experiment,
    config: &TrainingConfig,
    model: &Model,
    training: &Training,
) -> Result<Charge, InvalidTraining> {
    let shape = StepShape { sequences: config.micro_batch_size(), ..step_shape(experiment, config) };
    let teacher = training.distillation.as_ref().map(|_| &experiment.small);
    Charge::new(training, model, config.steps, shape, teacher)
}

/// FLOPs of `steps` steps, the first of them step `from` of the schedule, as they are drawn for the experiment's first seed.
///
/// # Errors
/// As [`charge`].
pub(crate) fn train_stage(
    experiment: &Experiment,
    config: &TrainingConfig,
    (model, training): (&Model, &Training),
    stage: &str,
    (from, steps): (u64, u64),
) -> Result<f64, InvalidTraining> {
    let plain = train_step(experiment, config, model.config());
    if *training == Training::default() {
        return Ok(steps as f64 * plain);
    }
    let first = experiment.seeds.first().copied().unwrap_or_default();
    let drawn = stage_seed(seed(first, Purpose::Training), stage);
    Ok(charge(experiment, config, model, training)?.stage(drawn, from, steps, config.accumulate, plain))
}

/// FLOPs of learning an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LearnFlops {
    /// Of one step.
    pub(crate) step: f64,
    /// Of making the large weights for keeps, once after the last step.
    pub(crate) materialise: f64,
}

/// FLOPs of learning `operator` as `learning` says; the weights are expanded once for each micro-batch.
pub(crate) fn learn<D: Kernels>(
    experiment: &Experiment,
    training: &TrainingConfig,
    (operator, learning): (&dyn LearnedOperator<D>, &OperatorTraining),
    small: &Model,
    large: &Model,
) -> Result<LearnFlops> {
    let once = operator.expansion_flops(small, large)?;
    let config = training.for_operator(learning);
    let times = config.accumulate as f64;
    let expansion = Flops { forward: once.forward * times, backward: once.backward * times };
    let trained = if learning.dropout { large.config().clone() } else { without_dropout(large.config()) };
    let step = operator_step_flops(&trained, step_shape(experiment, &config), expansion).total();
    Ok(LearnFlops { step, materialise: once.forward })
}

/// FLOPs of a stage's evaluations, which no method is charged with.
pub(crate) fn evaluations(experiment: &Experiment, model: &ModelConfig, steps: u64) -> f64 {
    let evaluation = &experiment.evaluation;
    let shape = StepShape {
        sequences: experiment.training.micro_batch_size() * evaluation.batches,
        ..step_shape(experiment, &experiment.training)
    };
    let times = 1 + steps.div_ceil(evaluation.every.max(1));
    times as f64 * forward_flops(model, shape, Convention::Ours)
}
