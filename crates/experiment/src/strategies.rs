//! What a row asks of any method's recipe: strategies of training, the optimiser's state and the learning rate after a growth.
//!
//! The recipe that a method returns is changed here, and here alone, before it is planned, fingerprinted or run; so a strategy goes
//! with every method, and those that it cannot go with are refused by the row's key.

use crate::cost;
use crate::schema::{AfterGrowth, Experiment, MethodConfig, OptimiserState, StagedTraining};
use ligo_growth::{Action, GrowthError, Method, Recipe, Stage, Start, Trained, Training};
use ligo_kernels::Kernels;
use ligo_models::{Model, ModelConfig};
use ligo_train::Rate;

/// The name, in a checkpoint's directory and in a small model's run, of what the optimiser remembers.
pub(crate) const OPTIMISER: &str = "optimiser.safetensors";

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The method does not take its options or the models.
    #[error(transparent)]
    Method(#[from] GrowthError),
    /// A key of the row does not go with the method or the models.
    #[error("'{key}' is {found}, expected {expected}")]
    Key {
        /// Dotted, within the row: `layer_dropping.max_rate`.
        key: String,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
    },
    /// The method's own recipe cannot be carried out.
    #[error("the method's recipe cannot be carried out: stage '{stage}': {reason}")]
    Stage {
        /// The stage.
        stage: String,
        /// Why.
        reason: String,
    },
}

fn refused<T>(key: &str, found: impl Into<String>, expected: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Key { key: key.into(), found: found.into(), expected: expected.into() })
}

/// A row's recipe: its method's with what the row asks of any method.
///
/// # Errors
/// [`Refused`] for the first thing that does not go together.
pub(crate) fn recipe<D: Kernels>(
    experiment: &Experiment,
    row: &MethodConfig,
    method: &dyn Method<D>,
) -> Result<Recipe<D>, Refused> {
    let mut recipe = method.recipe(&row.options, &experiment.task(row))?;
    check_after_growth(&recipe, experiment, row)?;
    // Whatever comes after the last growth trains the large model.
    let last = recipe.stages.iter().rposition(|stage| grows(&stage.action)).map_or(0, |growth| growth + 1);
    if let Some(staged) = &row.staged_training {
        split(&mut recipe, last, staged, &experiment.large)?;
    }
    for stage in &mut recipe.stages[last..] {
        if let Action::Train { training, .. } = &mut stage.action {
            training.layer_dropping = row.layer_dropping.clone().or(training.layer_dropping.take());
            training.token_dropping = row.token_dropping.clone().or(training.token_dropping.take());
        }
    }
    check_training(&recipe, experiment, row)?;
    Ok(recipe)
}

fn grows<D: Kernels>(action: &Action<D>) -> bool {
    matches!(action, Action::Grow { .. } | Action::Learn { .. })
}

/// Cuts the first stage that trains the large model in two: at first its bottom layers, then all.
fn split<D: Kernels>(
    recipe: &mut Recipe<D>,
    at: usize,
    staged: &StagedTraining,
    large: &ModelConfig,
) -> Result<(), Refused> {
    let layers = large.num_hidden_layers;
    if !(1..layers).contains(&staged.layers) {
        let expected = format!("1 or more and less than the large model's layers ({layers})");
        return refused("staged_training.layers", staged.layers.to_string(), expected);
    }
    if !(staged.share > 0.0 && staged.share < 1.0) {
        return refused("staged_training.share", staged.share.to_string(), "more than 0 and less than 1");
    }
    let Some(Stage { name, action: Action::Train { steps, schedule_from, training } }) = recipe.stages.get(at) else {
        return Ok(());
    };
    if training.trained != Trained::All || training.sub_models.is_some() || training.masks.is_some() {
        let expected = format!("nothing of the kind: the method trains parts of its model by itself (stage '{name}')");
        return refused("staged_training", "asked for", expected);
    }
    let first = (staged.share * *steps as f64).round() as u64;
    if !(1..*steps).contains(&first) {
        let expected = format!("a share that leaves a step of the stage's {steps} to either part");
        return refused("staged_training.share", staged.share.to_string(), expected);
    }
    let (from, between, end) = (*schedule_from, schedule_from + first, schedule_from + steps);
    let bottom = Training { trained: Trained::Bottom(staged.layers), ..(**training).clone() };
    let parts = [
        Stage::train_as(format!("{name}-bottom"), from..between, bottom),
        Stage::train_as(name.clone(), between..end, (**training).clone()),
    ];
    recipe.stages.splice(at..=at, parts);
    Ok(())
}

/// Whether every training stage can be carried out on the model that it has.
fn check_training<D: Kernels>(recipe: &Recipe<D>, experiment: &Experiment, row: &MethodConfig) -> Result<(), Refused> {
    let mut model = match &recipe.start {
        Start::Small => &experiment.small,
        Start::Random(model) => model,
    };
    for Stage { name, action } in &recipe.stages {
        match action {
            Action::Grow { to, .. } | Action::Learn { to, .. } => model = to,
            Action::Train { training, .. } => {
                let model = Model::new(model.clone()).map_err(GrowthError::from)?;
                if let Err(error) = cost::charge(experiment, &row.training, &model, training) {
                    let asked = ["layer_dropping", "token_dropping", "staged_training"];
                    let by_row = |key: &&&str| error.key.starts_with(**key) && is_set(row, key);
                    return match asked.iter().find(by_row) {
                        Some(_) => refused(error.key, error.found, error.expected),
                        None => Err(Refused::Stage { stage: name.clone(), reason: error.to_string() }),
                    };
                }
            }
        }
    }
    Ok(())
}

fn is_set(row: &MethodConfig, key: &str) -> bool {
    match key {
        "layer_dropping" => row.layer_dropping.is_some(),
        "token_dropping" => row.token_dropping.is_some(),
        _ => row.staged_training.is_some(),
    }
}

/// Whether what is asked for after a growth has a growth to come after.
fn check_after_growth<D: Kernels>(
    recipe: &Recipe<D>,
    experiment: &Experiment,
    row: &MethodConfig,
) -> Result<(), Refused> {
    match (row.learning_rate_after_growth, row.rewarm_steps) {
        (Some(AfterGrowth::ReWarm), None) => {
            return refused("learning_rate_after_growth", "re-warm", "'rewarm_steps' beside it");
        }
        (Some(AfterGrowth::ReWarm), Some(0)) => return refused("rewarm_steps", "0", "1 or more"),
        (Some(AfterGrowth::ReWarm), Some(_)) | (_, None) => {}
        (_, Some(steps)) => {
            return refused("rewarm_steps", steps.to_string(), "learning_rate_after_growth = \"re-warm\" beside it");
        }
    }
    let nothing_grows = || format!("no such key: the method {} grows nothing", row.method);
    let first = recipe.stages.iter().position(|stage| grows(&stage.action));
    if row.learning_rate_after_growth.is_some() && first.is_none() {
        return refused("learning_rate_after_growth", "given", nothing_grows());
    }
    if row.optimiser_state == OptimiserState::Fresh {
        return Ok(());
    }
    let Some(last) = recipe.stages.iter().rposition(|stage| grows(&stage.action)) else {
        return refused("optimiser_state", "grown", nothing_grows());
    };
    let trains = |stage: &Stage<D>| matches!(stage.action, Action::Train { .. });
    match (&recipe.start, &experiment.checkpoint) {
        (Start::Random(_), _) if !recipe.stages[..last].iter().any(trains) => {
            let expected = format!("fresh: the method {} trains nothing before it grows", row.method);
            refused("optimiser_state", "grown", expected)
        }
        (Start::Small, Some(checkpoint)) if !checkpoint.directory.join(OPTIMISER).is_file() => {
            let expected = format!("fresh: the checkpoint {} has no {OPTIMISER}", checkpoint.name);
            refused("optimiser_state", "grown", expected)
        }
        _ => Ok(()),
    }
}

/// For each stage how its learning rate follows from the schedule; of no meaning where nothing is trained.
pub(crate) fn rates<D: Kernels>(recipe: &Recipe<D>, row: &MethodConfig) -> Vec<Rate> {
    let policy = |from| match row.learning_rate_after_growth {
        None => Rate::Schedule,
        Some(AfterGrowth::Restart) => Rate::Restart { from },
        Some(AfterGrowth::Continue) => Rate::Continue,
        Some(AfterGrowth::ReWarm) => Rate::ReWarm { from, steps: row.rewarm_steps.unwrap_or(1) },
    };
    let (mut grown, mut since) = (false, None);
    let rate = |stage: &Stage<D>| match &stage.action {
        Action::Grow { .. } | Action::Learn { .. } => {
            (grown, since) = (true, None);
            Rate::Schedule
        }
        // Stages that follow one another without a growth go on in the same schedule.
        Action::Train { schedule_from, .. } if grown => policy(*since.get_or_insert(*schedule_from)),
        Action::Train { .. } => Rate::Schedule,
    };
    recipe.stages.iter().map(rate).collect()
}
