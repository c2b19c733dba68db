//! What the paper's own script would count for a run (PAPER.md 3.7), to hold totals against the paper's.

use crate::cost;
use crate::schema::{Experiment, MethodConfig};
use ligo_eval::{Convention, StepShape, forward_flops, paper_operator_step_flops, step_flops};
use ligo_growth::Training;
use ligo_models::ModelConfig;
use ligo_train::TrainingConfig;

/// The methods whose operator the script counts.
const LIGO: [&str; 3] = ["ligo", "ligo-paper", "ligo-published"];

/// FLOPs of single steps by the paper's convention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperSteps {
    /// Of training the small model.
    pub small: f64,
    /// Of training the large model.
    pub large: f64,
    /// Of learning LiGO's operator.
    pub operator: f64,
}

impl PaperSteps {
    /// Of an experiment; none if the script does not know the family.
    pub(super) fn of(experiment: &Experiment) -> Option<Self> {
        let (small, large) = (&experiment.small, &experiment.large);
        Convention::Paper.knows(large.family).then(|| Self {
            small: step(experiment, &experiment.small_training, small),
            large: step(experiment, &experiment.training, large),
            operator: paper_operator_step_flops(small, large, shape(experiment, &experiment.training)),
        })
    }
}

fn shape(experiment: &Experiment, training: &TrainingConfig) -> StepShape {
    cost::step_shape(experiment, training).as_in_the_paper()
}

fn step(experiment: &Experiment, training: &TrainingConfig, model: &ModelConfig) -> f64 {
    step_flops(model, shape(experiment, training), Convention::Paper).total()
}

/// FLOPs of training `model` for `steps` steps, the first of them step `from` of the schedule. None where the script has no count:
/// for families that it does not know, and for parts of a model.
pub(super) fn train(
    experiment: &Experiment,
    training: &TrainingConfig,
    (model, what): (&ModelConfig, &Training),
    (from, steps): (u64, u64),
) -> Option<f64> {
    let whole = Training { distillation: None, ..what.clone() } == Training::default();
    if !whole || !Convention::Paper.knows(model.family) {
        return None;
    }
    let taught = what.distillation.as_ref().map_or(0, |taught| taught.until.saturating_sub(from).min(steps));
    let teacher = match taught {
        0 => 0.0,
        _ => forward_flops(&experiment.small, shape(experiment, training), Convention::Paper),
    };
    Some(steps as f64 * step(experiment, training, model) + taught as f64 * teacher)
}

/// FLOPs of learning an operator for `steps` steps; none if it is not LiGO's, or the script does not know the family.
pub(super) fn learn(
    experiment: &Experiment,
    row: &MethodConfig,
    training: &TrainingConfig,
    (small, large): (&ModelConfig, &ModelConfig),
    steps: u64,
) -> Option<f64> {
    let counted = LIGO.contains(&row.method.as_str()) && Convention::Paper.knows(large.family);
    counted.then(|| steps as f64 * paper_operator_step_flops(small, large, shape(experiment, training)))
}
