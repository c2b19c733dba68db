//! Carrying out a recipe's growths, the optimiser's state with them.

use ligo_growth::testing::scrambled;
use ligo_growth::{Action, Growth, Moments, Recipe, Result, Start};
use ligo_kernels::Cpu;
use ligo_models::{Model, Parameters};

/// Steps that the optimiser's state has seen before it grows.
pub(crate) const STEPS: u64 = 3;

/// A model and its weights.
pub(crate) struct Grown {
    pub(crate) model: Model,
    pub(crate) parameters: Parameters<Cpu>,
    /// The optimiser's state, for as long as there was a map for it.
    pub(crate) moments: Option<Moments<Cpu>>,
    /// How often it has grown.
    pub(crate) times: usize,
}

/// Carries out all growths of a recipe; a learned operator stays at its start, and nothing is trained. The same to the bit as
/// [`ligo_growth::testing::grown_by`], which knows no optimiser's state.
pub(crate) fn grow(recipe: &Recipe<Cpu>, small: &Model, parameters: &Parameters<Cpu>, seed: u64) -> Result<Grown> {
    let device = Cpu::default();
    let (model, parameters) = match &recipe.start {
        Start::Small => (small.clone(), parameters.clone()),
        Start::Random(config) => {
            let model = Model::new((**config).clone())?;
            let parameters = model.fresh(&device, seed)?;
            (model, parameters)
        }
    };
    let moments = Some(some_moments(&model));
    let mut grown = Grown { model, parameters, moments, times: 0 };
    for stage in &recipe.stages {
        let (Action::Grow { to, .. } | Action::Learn { to, .. }) = &stage.action else { continue };
        let large = Model::new(to.clone())?;
        let growth =
            Growth { small: &grown.model, parameters: &grown.parameters, large: &large, device: &device, seed };
        let (parameters, moments) = match &stage.action {
            Action::Grow { operator, .. } => {
                let moments = grown.moments.as_ref().map(|moments| operator.grow_moments(&growth, moments));
                (operator.grow(&growth)?, moments.transpose()?.flatten())
            }
            Action::Learn { operator, .. } => {
                let learner = operator.start(&growth)?;
                let moments = grown.moments.as_ref().map(|moments| learner.grow_moments(moments));
                (learner.materialise()?, moments.transpose()?.flatten())
            }
            Action::Train { .. } => continue,
        };
        grown = Grown { model: large, parameters, moments, times: grown.times + 1 };
    }
    Ok(grown)
}

/// First moments of either sign, second ones that are squares.
fn some_moments(model: &Model) -> Moments<Cpu> {
    let mut second = scrambled(model, 3);
    for tensor in second.tensors_mut() {
        let squares: Vec<f32> = tensor.as_vec().iter().map(|value| value * value).collect();
        tensor.copy_from(&squares);
    }
    Moments { first: scrambled(model, 2), second, steps: STEPS }
}
