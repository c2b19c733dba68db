//! What a method does with one pair of models, and whether it is what the method says.

use crate::cases::Pair;
use crate::growth::{Grown, STEPS, grow};
use ligo_growth::testing::{assert_layers, difference, grown_by, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Moments, Recipe, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Model, ModelConfig, Parameters};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Of every random choice.
const SEED: u64 = 7;

/// What has come of a case in which the method told the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It grows the small model, with that guarantee.
    Grows { guarantee: &'static str, moments: bool },
    /// It starts from a fresh model.
    FromItself(Grows),
    /// Not with this size or option.
    Refused(String),
}

/// Whether what starts from a fresh model grows later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grows {
    Never,
    WithMoments,
    WithoutMoments,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grows { guarantee, moments: true } => write!(f, "{guarantee}, moments grow"),
            Self::Grows { guarantee, moments: false } => write!(f, "{guarantee}, no moments"),
            Self::FromItself(Grows::Never) => f.write_str("starts from itself, never grows"),
            Self::FromItself(Grows::WithMoments) => f.write_str("starts from itself, moments grow"),
            Self::FromItself(Grows::WithoutMoments) => f.write_str("starts from itself, no moments"),
            Self::Refused(what) => write!(f, "refuses {what}"),
        }
    }
}

/// A recipe and its guarantee, or the refusal that both share; a fault if one of them says something else.
pub(crate) fn agreed(
    method: &dyn Method<Cpu>,
    options: &toml::Table,
    task: &Task,
) -> Result<Result<(Recipe<Cpu>, Guarantee), GrowthError>, String> {
    match (method.recipe(options, task), method.guarantee(options, task)) {
        (Ok(recipe), Ok(guarantee)) => Ok(Ok((recipe, guarantee))),
        (Err(one), Err(other)) if one.to_string() == other.to_string() => Ok(Err(one)),
        (Err(one), Err(other)) => Err(format!("is refused with `{one}`, its guarantee with `{other}`")),
        (Err(error), Ok(guarantee)) => Err(format!("guarantees {guarantee:?} of what it refuses with `{error}`")),
        (Ok(_), Err(error)) => Err(format!("has a recipe and no guarantee: {error}")),
    }
}

/// What a method does with a pair, or what is wrong with it.
pub(crate) fn outcome(method: &dyn Method<Cpu>, options: &toml::Table, pair: &Pair) -> Result<Outcome, String> {
    // A panic somewhere in a method is to be told with the case in which it came.
    let outcome = catch_unwind(AssertUnwindSafe(|| checked(method, options, pair)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panics: {}", text.unwrap_or("no message")))
    })
}

fn checked(method: &dyn Method<Cpu>, options: &toml::Table, pair: &Pair) -> Result<Outcome, String> {
    let task = Task { small: pair.small.clone(), large: pair.large.clone(), steps: 600 };
    let (recipe, guarantee) = match agreed(method, options, &task)? {
        Ok(said) => said,
        // A refusal says which size or option it is about.
        Err(GrowthError::Sizes { what, .. }) => return Ok(Outcome::Refused(what)),
        Err(GrowthError::Option { option, .. }) => return Ok(Outcome::Refused(format!("option {option}"))),
        Err(other) => return Err(format!("refuses by something else than a size or an option: {other}")),
    };
    let small = Model::new(pair.small.clone()).expect("a small model");
    let parameters = scrambled(&small, 1);
    let grown = grow(&recipe, &small, &parameters, SEED);
    let grown = grown.map_err(|error| format!("promises to grow it, and then: {error}"))?;
    check_model(&grown, &pair.large)?;
    let (_, again) = grown_by(&recipe, &small, &parameters, SEED);
    check_weights(&grown.parameters, &again)?;
    if let Some(moments) = &grown.moments {
        check_moments(&grown.parameters, moments)?;
    }
    if recipe.start != Start::Small {
        let Guarantee::Nothing(_) = &guarantee else {
            return Err(format!("starts from itself, and guarantees {guarantee:?}"));
        };
    }
    let name = check_guarantee(&guarantee, pair, (&small, &parameters), &grown)?;
    Ok(match (&recipe.start, grown.moments.is_some()) {
        (Start::Small, moments) => Outcome::Grows { guarantee: name, moments },
        (Start::Random(_), _) if grown.times == 0 => Outcome::FromItself(Grows::Never),
        (Start::Random(_), true) => Outcome::FromItself(Grows::WithMoments),
        (Start::Random(_), false) => Outcome::FromItself(Grows::WithoutMoments),
    })
}

/// The architecture is what was asked for; but that ε of the norms may follow the width.
fn check_model(grown: &Grown, large: &ModelConfig) -> Result<(), String> {
    let config = grown.model.config();
    let large = ModelConfig { layer_norm_eps: config.layer_norm_eps, ..large.clone() };
    if *config == large { Ok(()) } else { Err(format!("grows to {config:?}")) }
}

/// Numbers, and the same ones for the same seed.
fn check_weights(once: &Parameters<Cpu>, again: &Parameters<Cpu>) -> Result<(), String> {
    let (once, again) = (values(once), values(again));
    if once.iter().any(|value| !value.is_finite()) {
        return Err("makes weights that are not finite".into());
    }
    if once.len() != again.len() || once.iter().zip(&again).any(|(a, b)| a.to_bits() != b.to_bits()) {
        return Err("gives other bits for the same seed".into());
    }
    Ok(())
}

/// Moments of the grown weights: numbers, the second ones squares, as old as they were.
fn check_moments(grown: &Parameters<Cpu>, moments: &Moments<Cpu>) -> Result<(), String> {
    let shapes = |parameters: &Parameters<Cpu>| -> Vec<String> {
        parameters.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect()
    };
    let expected = shapes(grown);
    if shapes(&moments.first) != expected || shapes(&moments.second) != expected || moments.steps != STEPS {
        return Err("grows moments of another model".into());
    }
    if values(&moments.first).iter().any(|value| !value.is_finite()) {
        return Err("grows first moments that are not finite".into());
    }
    if values(&moments.second).iter().any(|value| !value.is_finite() || *value < 0.0) {
        return Err("grows second moments that are no squares".into());
    }
    Ok(())
}

/// What is guaranteed, in a word.
fn check_guarantee(
    guarantee: &Guarantee,
    pair: &Pair,
    (small, parameters): (&Model, &Parameters<Cpu>),
    grown: &Grown,
) -> Result<&'static str, String> {
    match guarantee {
        Guarantee::Function => {
            let difference = difference(small, parameters, &grown.model, &grown.parameters);
            // Not one that is no number either.
            if (0.0..1e-5).contains(&difference) {
                Ok("function")
            } else {
                Err(format!("should preserve the function, and is off by {difference}"))
            }
        }
        Guarantee::Layers(layers) => {
            if layers.len() != pair.large.num_hidden_layers {
                return Err(format!("lists {} layers", layers.len()));
            }
            if let Some(layer) = layers.iter().find(|&&layer| layer >= pair.small.num_hidden_layers) {
                return Err(format!("lists layer {layer}, which the small model does not have"));
            }
            if widths(&pair.small) == widths(&pair.large) {
                assert_layers(parameters, &grown.parameters, layers);
            }
            Ok("layers")
        }
        Guarantee::Nothing(reason) if reason.trim().is_empty() => Err("does not say why it guarantees nothing".into()),
        Guarantee::Nothing(_) => Ok("nothing"),
    }
}

fn widths(config: &ModelConfig) -> (usize, usize, usize) {
    (config.hidden_size, config.intermediate_size(), config.num_attention_heads)
}

fn values(parameters: &Parameters<Cpu>) -> Vec<f32> {
    parameters.tensors().iter().flat_map(|tensor| tensor.as_vec()).collect()
}
