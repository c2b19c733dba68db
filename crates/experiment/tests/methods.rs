//! Every method of the registry on every family of models: whatever it says of the model that it grows has to be true.
//!
//! A new method joins by its line in the registry. What a method is for, its own crate tests; here stands what all have in common.

use ligo_experiment::methods;
use ligo_growth::testing::config;
use ligo_growth::{Action, Growth, GrowthError, Guarantee, Method, Moments, Recipe, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Images, Inputs, Model, ModelConfig, Parameters, Tokens};
use std::fmt::Write;

/// A pair of models.
struct Pair {
    name: &'static str,
    small: ModelConfig,
    large: ModelConfig,
}

/// What may grow, at once and alone, in multiples and not.
fn pairs(family: Family) -> Vec<Pair> {
    let small = config(family, 2, 8, 2);
    let wider_inside = ModelConfig { intermediate_size: Some(45), ..small.clone() };
    let mut pairs = vec![
        Pair { name: "twice as wide", small: small.clone(), large: config(family, 2, 16, 4) },
        Pair { name: "half as wide again", small: small.clone(), large: config(family, 2, 12, 3) },
        Pair { name: "a wider MLP", small: small.clone(), large: wider_inside },
        Pair { name: "twice as deep", small: small.clone(), large: config(family, 4, 8, 2) },
        Pair { name: "one layer deeper", small: small.clone(), large: config(family, 3, 8, 2) },
        Pair { name: "twice as wide and deep", small: small.clone(), large: config(family, 4, 16, 4) },
        Pair { name: "wider and deeper", small, large: config(family, 5, 20, 5) },
    ];
    if family.is_llama_style() {
        let grouped = |layers, hidden, heads| ModelConfig {
            num_key_value_heads: Some(heads / 2),
            head_dim: Some(4),
            ..config(family, layers, hidden, heads)
        };
        pairs.push(Pair { name: "grouped heads, wider", small: grouped(2, 16, 4), large: grouped(2, 32, 8) });
        pairs.push(Pair { name: "grouped heads, both", small: grouped(2, 16, 4), large: grouped(4, 24, 6) });
    }
    pairs
}

/// Weights of ordinary size in which no value is like another, norms and biases away from their starts.
fn weights(model: &Model) -> Parameters<Cpu> {
    let mut parameters = model.fresh(&Cpu::default(), 1).expect("a small model");
    let mut next = 0.0_f64;
    for tensor in parameters.tensors_mut() {
        let moved: Vec<f32> = tensor
            .as_vec()
            .iter()
            .map(|value| {
                next += 1.0;
                value + 0.3 * (0.37 * next * next).sin() as f32
            })
            .collect();
        tensor.copy_from(&moved);
    }
    parameters
}

fn inputs(family: Family) -> Inputs {
    if family.reads_images() {
        let pixels = (0..2 * 3 * 4 * 4).map(|i| (i as f32 * 0.7).sin()).collect();
        return Inputs::Images(Images { pixels, batch_size: 2 });
    }
    let input_ids = vec![2, 5, 3, 7, 12, 0, 3, 3, 9, 10, 4, 8];
    Inputs::Tokens(Tokens { input_ids, batch_size: 2, sequence_length: 6, ..Tokens::default() })
}

/// A model, its weights, and the optimiser's state if that has grown too.
struct Grown {
    model: Model,
    parameters: Parameters<Cpu>,
    moments: Option<Moments<Cpu>>,
}

/// Carries out the growth of a recipe that starts from the small model; a learned operator stays at its start.
fn grow(recipe: &Recipe<Cpu>, small: &ModelConfig) -> ligo_growth::Result<Grown> {
    let device = Cpu::default();
    let model = Model::new(small.clone())?;
    let parameters = weights(&model);
    let mut second = weights(&model);
    for tensor in second.tensors_mut() {
        let squares: Vec<f32> = tensor.as_vec().iter().map(|v| v * v).collect();
        tensor.copy_from(&squares);
    }
    let moments = Moments { first: weights(&model), second, steps: 3 };
    let mut current = Grown { model, parameters, moments: Some(moments) };
    for stage in &recipe.stages {
        let (Action::Grow { to, .. } | Action::Learn { to, .. }) = &stage.action else { continue };
        let large = Model::new(to.clone())?;
        let growth =
            Growth { small: &current.model, parameters: &current.parameters, large: &large, device: &device, seed: 7 };
        let (parameters, moments) = match &stage.action {
            Action::Grow { operator, .. } => {
                let moments = current.moments.as_ref().map(|moments| operator.grow_moments(&growth, moments));
                (operator.grow(&growth)?, moments.transpose()?.flatten())
            }
            Action::Learn { operator, .. } => {
                let learner = operator.start(&growth)?;
                let moments = current.moments.as_ref().map(|moments| learner.grow_moments(moments));
                (learner.materialise()?, moments.transpose()?.flatten())
            }
            Action::Train { .. } => continue,
        };
        current = Grown { model: large, parameters, moments };
    }
    Ok(current)
}

/// The largest difference between the two models' logits, relative to the largest of the small one's.
fn difference(small: &Model, parameters: &Parameters<Cpu>, grown: &Grown) -> f32 {
    let inputs = inputs(small.config().family);
    let before = small.logits(parameters, &inputs).expect("logits").as_vec();
    let after = grown.model.logits(&grown.parameters, &inputs).expect("logits").as_vec();
    let scale = before.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
    before.iter().zip(&after).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / scale
}

/// What is wrong with what a method grows, if anything.
fn fault(method: &dyn Method<Cpu>, pair: &Pair) -> Option<String> {
    let options = toml::Table::new();
    let task = Task { small: pair.small.clone(), large: pair.large.clone(), steps: 600 };
    let recipe = match method.recipe(&options, &task) {
        Ok(recipe) => recipe,
        // A refusal says which size or option it is about.
        Err(GrowthError::Sizes { .. } | GrowthError::Option { .. }) => return None,
        Err(other) => return Some(format!("refuses by something else than a size or an option: {other}")),
    };
    if recipe.start != Start::Small {
        return None;
    }
    let guarantee = match method.guarantee(&options, &task) {
        Ok(guarantee) => guarantee,
        Err(error) => return Some(format!("has a recipe and no guarantee: {error}")),
    };
    let [grown, again] = [(); 2].map(|()| grow(&recipe, &pair.small));
    let (grown, again) = match (grown, again) {
        (Ok(grown), Ok(again)) => (grown, again),
        (Err(error), _) | (_, Err(error)) => return Some(format!("promises to grow it, and then: {error}")),
    };
    let large = ModelConfig { layer_norm_eps: grown.model.config().layer_norm_eps, ..pair.large.clone() };
    if *grown.model.config() != large {
        return Some(format!("grows to {:?}", grown.model.config()));
    }
    for (one, other) in grown.parameters.tensors().iter().zip(again.parameters.tensors()) {
        let (one, other) = (one.as_vec(), other.as_vec());
        if one.iter().any(|v| !v.is_finite()) {
            return Some("makes weights that are not finite".into());
        }
        if one.iter().zip(&other).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Some("gives other bits for the same seed".into());
        }
    }
    if let Some(moments) = &grown.moments {
        let names = |parameters: &Parameters<Cpu>| -> Vec<String> {
            parameters.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect()
        };
        let expected = names(&grown.parameters);
        if names(&moments.first) != expected || names(&moments.second) != expected || moments.steps != 3 {
            return Some("grows moments of another model".into());
        }
        let values = |parameters: &Parameters<Cpu>| -> Vec<f32> {
            parameters.tensors().iter().flat_map(|tensor| tensor.as_vec()).collect()
        };
        if values(&moments.first).iter().any(|v| !v.is_finite()) {
            return Some("grows first moments that are not finite".into());
        }
        if values(&moments.second).iter().any(|v| !v.is_finite() || *v < 0.0) {
            return Some("grows second moments that are no squares".into());
        }
    }
    let small = Model::new(pair.small.clone()).expect("a small model");
    let parameters = weights(&small);
    match guarantee {
        Guarantee::Function => {
            let difference = difference(&small, &parameters, &grown);
            (difference >= 1e-5).then(|| format!("should preserve the function, and is off by {difference}"))
        }
        Guarantee::Layers(layers) => wrong_layer(pair, &parameters, &grown, &layers),
        Guarantee::Nothing(reason) => {
            reason.trim().is_empty().then(|| "does not say why it guarantees nothing".to_owned())
        }
    }
}

/// The first parameter that is not its small layer's, where only the depth grows.
fn wrong_layer(pair: &Pair, small: &Parameters<Cpu>, grown: &Grown, layers: &[usize]) -> Option<String> {
    if layers.len() != pair.large.num_hidden_layers {
        return Some(format!("lists {} layers", layers.len()));
    }
    let widths = |config: &ModelConfig| (config.hidden_size, config.intermediate_size(), config.num_attention_heads);
    if widths(&pair.small) != widths(&pair.large) {
        return None;
    }
    for (spec, tensor) in grown.parameters.specs().iter().zip(grown.parameters.tensors()) {
        // Behind the blocks stand CaiT's class-attention layers, which count on.
        let source = match spec.layer {
            Some(layer) => spec.module.replace("{}", &layers.get(layer)?.to_string()),
            None => spec.module.clone(),
        };
        let source = small.get(&source).map(|tensor| tensor.as_vec());
        if source.as_deref() != Some(&tensor.as_vec()[..]) {
            return Some(format!("{} is not that of its layer in {layers:?}", spec.name));
        }
    }
    None
}

#[test]
fn what_every_method_says_of_every_family_is_true() {
    let mut wrong = String::new();
    for method in methods::<Cpu>() {
        for family in Family::ALL {
            for pair in pairs(family) {
                if let Some(fault) = fault(method.as_ref(), &pair) {
                    let _ = writeln!(wrong, "{}, {family}, {}: {fault}", method.name(), pair.name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_smaller_target_or_another_vocabulary_is_refused_by_name() {
    let mut wrong = String::new();
    for method in methods::<Cpu>() {
        for family in Family::ALL {
            let small = config(family, 2, 8, 2);
            let taken = |large: &ModelConfig| {
                let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
                method.recipe(&toml::Table::new(), &task)
            };
            if taken(&config(family, 4, 16, 4)).is_ok_and(|recipe| recipe.start != Start::Small) {
                continue;
            }
            let mut cases = vec![
                ("hidden_size", config(family, 4, 4, 1)),
                ("num_hidden_layers", config(family, 1, 16, 4)),
                ("intermediate_size", ModelConfig { intermediate_size: Some(6), ..config(family, 4, 16, 4) }),
            ];
            if !family.reads_images() {
                cases.push(("vocab_size", ModelConfig { vocab_size: 14, ..config(family, 4, 16, 4) }));
            }
            for (what, large) in cases {
                match taken(&large) {
                    Err(GrowthError::Sizes { what: found, .. }) if found == what => {}
                    Err(error) => {
                        let _ = writeln!(wrong, "{}, {family}, {what}: {error}", method.name());
                    }
                    Ok(_) => {
                        let _ = writeln!(wrong, "{}, {family}: takes a wrong {what}", method.name());
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_method_introduces_itself() {
    let methods = methods::<Cpu>();
    for (i, method) in methods.iter().enumerate() {
        let name = method.name();
        assert!(methods[..i].iter().all(|other| other.name() != name), "two methods are called {name}");
        let axes = method.axes();
        assert!(method.summary().ends_with('.') && !axes.width.is_empty() && !axes.depth.is_empty(), "{name}");
    }
}
