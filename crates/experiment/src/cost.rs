//! What the steps of a stage cost: the one place where a recipe meets the counting of FLOPs, for the plan and the run alike.

use crate::schema::{Experiment, LanguageObjective};
use anyhow::Result;
use ligo_eval::{Convention, Flops, StepShape, forward_flops, operator_step_flops, step_flops};
use ligo_growth::LearnedOperator;
use ligo_kernels::Kernels;
use ligo_models::{Model, ModelConfig};
use ligo_train::TrainingConfig;

/// What one optimiser step works on.
pub(crate) fn step_shape(experiment: &Experiment, training: &TrainingConfig) -> StepShape {
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

/// FLOPs of a step that trains `model`.
pub(crate) fn train_step(experiment: &Experiment, training: &TrainingConfig, model: &ModelConfig) -> f64 {
    step_flops(model, step_shape(experiment, training), Convention::Ours).total()
}

/// FLOPs of learning an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LearnFlops {
    /// Of one step.
    pub(crate) step: f64,
    /// Of making the large weights for keeps, once after the last step.
    pub(crate) materialise: f64,
}

/// FLOPs of learning `operator`; the weights are expanded once for each micro-batch.
pub(crate) fn learn<D: Kernels>(
    experiment: &Experiment,
    training: &TrainingConfig,
    operator: &dyn LearnedOperator<D>,
    small: &Model,
    large: &Model,
) -> Result<LearnFlops> {
    let once = operator.expansion_flops(small, large)?;
    let times = training.accumulate as f64;
    let expansion = Flops { forward: once.forward * times, backward: once.backward * times };
    let step = operator_step_flops(large.config(), step_shape(experiment, training), expansion).total();
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
