//! What the tests of growth methods share, here and in the crates of the methods: small models of every family, weights that are
//! nobody's start, inputs, and what a recipe grows. It panics where a test should fail.

use crate::{Action, Growth, GrowthOperator, Recipe, Start};
use ligo_kernels::{Cpu, GradTape, Matrix, gradients_for};
use ligo_models::{Batch, Family, Images, Inputs, Mode, Model, ModelConfig, Parameters, Targets, Tokens};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A configuration of any family that a test trains or grows in no time, whose sizes are not all alike: a vocabulary of 13 and 8
/// positions, or images of 4 × 4 in patches of 2 × 2 and 3 classes.
pub fn config(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    let mut config = ModelConfig::new(family, hidden, layers, heads);
    if family.reads_images() {
        (config.image_size, config.patch_size, config.num_labels) = (Some(4), Some(2), Some(3));
    } else {
        (config.vocab_size, config.max_position_embeddings) = (13, 8);
    }
    config
}

/// [`config`] of every family, and of each Llama-style one besides with two heads to each key and value head, the second time
/// with a tied output too; each with a name for messages. An even number of heads.
///
/// Two calls give the same kinds in the same order, so that one list can be grown into the other.
pub fn variants(layers: usize, hidden: usize, heads: usize) -> Vec<(String, ModelConfig)> {
    let mut variants = Vec::new();
    for family in Family::ALL {
        let plain = config(family, layers, hidden, heads);
        variants.push((family.to_string(), plain.clone()));
        if family.is_llama_style() {
            let grouped = ModelConfig { num_key_value_heads: Some(heads / 2), ..plain };
            let tied = ModelConfig { tie_word_embeddings: Some(true), ..grouped.clone() };
            variants.extend([(format!("grouped {family}"), grouped), (format!("grouped, tied {family}"), tied)]);
        }
    }
    variants
}

/// [`variants`] in two sizes, (layers, hidden size, heads) of the small and of the large models: what a method grows.
pub fn pairs(
    small: (usize, usize, usize),
    large: (usize, usize, usize),
) -> impl Iterator<Item = (String, ModelConfig, ModelConfig)> {
    let (small, large) = (variants(small.0, small.1, small.2), variants(large.0, large.1, large.2));
    small.into_iter().zip(large).map(|((name, small), (_, large))| (name, small, large))
}

/// Weights of ordinary size, biases and norms away from their starts too.
///
/// # Panics
/// Never on the [`Cpu`] that it is for, unless memory ends.
pub fn scrambled(model: &Model, seed: u64) -> Parameters<Cpu> {
    let mut parameters = model.fresh(&Cpu::default(), seed).expect("memory for a small model");
    let mut next = seed as f32;
    for tensor in parameters.tensors_mut() {
        let mut moved = tensor.as_vec();
        for value in &mut moved {
            next += 0.37;
            *value += 0.3 * next.sin();
        }
        tensor.copy_from(&moved);
    }
    parameters
}

/// Two sequences of six tokens, or two images, for a [`config`] of that family.
pub fn inputs(family: Family) -> Inputs {
    if family.reads_images() {
        let pixels = (0..2 * 3 * 4 * 4).map(|i| (i as f32 * 0.7).sin()).collect();
        return Inputs::Images(Images { pixels, batch_size: 2 });
    }
    let input_ids = vec![1, 5, 2, 7, 12, 0, 3, 3, 9, 10, 4, 8];
    Inputs::Tokens(Tokens { input_ids, batch_size: 2, sequence_length: 6, ..Tokens::default() })
}

/// [`inputs`] with what a language model or a classifier should say to them.
pub fn batch(family: Family) -> Batch {
    let targets = if family.reads_images() {
        Targets::Classes(vec![2, 0])
    } else {
        Targets::Tokens(vec![5, 2, 7, 12, 0, 6, 3, 9, 10, 4, 8, 11])
    };
    Batch { inputs: inputs(family), targets }
}

/// The loss of a [`batch`] and its gradients, one for each weight.
///
/// # Panics
/// If the weights are not the model's.
pub fn gradients(model: &Model, parameters: &Parameters<Cpu>) -> (f32, Parameters<Cpu>) {
    let mut tape = GradTape::default();
    let batch = batch(model.config().family);
    let loss = model.loss(&mut tape, parameters, &batch, Mode::Train { dropout_key: 1 }).expect("a loss");
    let mut gradients = gradients_for(parameters.tensors());
    tape.backward(&loss, 1.0, &mut gradients).expect("gradients");
    let tensors: Vec<Matrix<Cpu>> = parameters.tensors().iter().map(|tensor| gradients.get(tensor)).collect();
    (loss.as_vec()[0], Parameters::new(parameters.specs().clone(), tensors).expect("the weights' own shapes"))
}

/// The largest difference between the two models' logits on [`inputs`], relative to the small model's largest logit.
///
/// # Panics
/// If weights are not their model's, or the models do not have equally many logits.
pub fn difference(small: &Model, parameters: &Parameters<Cpu>, large: &Model, grown: &Parameters<Cpu>) -> f32 {
    let inputs = inputs(small.config().family);
    let logits = |model: &Model, weights| model.logits(weights, &inputs).expect("logits").as_vec();
    let (small, large) = (logits(small, parameters), logits(large, grown));
    assert_eq!(small.len(), large.len(), "logits");
    let scale = small.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
    // Not a maximum, which would pass over numbers that are none.
    let apart = |most: f32, d: f32| if d > most || d.is_nan() { d } else { most };
    small.iter().zip(&large).map(|(a, b)| (a - b).abs()).fold(0.0, apart) / scale
}

/// The largest difference between two sets of one make-up, weights or gradients, relative to the largest value of the second.
///
/// # Panics
/// If they are not of one make-up.
pub fn distance(found: &Parameters<Cpu>, expected: &Parameters<Cpu>) -> f32 {
    let (mut largest, mut apart) = (0.0_f32, 0.0_f32);
    for ((spec, found), expected) in expected.specs().iter().zip(found.tensors()).zip(expected.tensors()) {
        let (found, expected) = (found.as_vec(), expected.as_vec());
        assert_eq!(found.len(), expected.len(), "{}", spec.name);
        for (found, expected) in found.into_iter().zip(expected) {
            largest = largest.max(expected.abs());
            let difference = (found - expected).abs();
            apart = if difference > apart || difference.is_nan() { difference } else { apart };
        }
    }
    apart / largest
}

/// What a recipe has made of the small model when all growing is done: `Grow` stages are carried out, operators to be learnt
/// stand at their start, and nothing is trained. A recipe that starts from a fresh model starts from one of that seed.
///
/// # Panics
/// If an operator refuses.
pub fn grown_by(
    recipe: &Recipe<Cpu>,
    small: &Model,
    parameters: &Parameters<Cpu>,
    seed: u64,
) -> (Model, Parameters<Cpu>) {
    let device = Cpu::default();
    let (mut model, mut weights) = match &recipe.start {
        Start::Small => (small.clone(), parameters.clone()),
        Start::Random(config) => {
            let model = Model::new((**config).clone()).expect("a model");
            let weights = model.fresh(&device, seed).expect("memory for a small model");
            (model, weights)
        }
    };
    for stage in &recipe.stages {
        let to = match &stage.action {
            Action::Grow { to, .. } | Action::Learn { to, .. } => Model::new(to.clone()).expect("a model"),
            Action::Train { .. } => continue,
        };
        let growth = Growth { small: &model, parameters: &weights, large: &to, device: &device, seed };
        let grown = match &stage.action {
            Action::Grow { operator, .. } => Ok(grown_and_shown(operator.as_ref(), &growth)),
            Action::Learn { operator, .. } => operator.start(&growth).and_then(|learner| learner.materialise()),
            Action::Train { .. } => unreachable!("has been passed over"),
        };
        weights = grown.unwrap_or_else(|error| panic!("stage {}: {error}", stage.name));
        model = to;
    }
    (model, weights)
}

/// What an operator grows, after a check that it shows each tensor once, with its last value.
///
/// # Panics
/// If it does not, or does not grow.
pub fn grown_and_shown(operator: &dyn GrowthOperator<Cpu>, growth: &Growth<'_, Cpu>) -> Parameters<Cpu> {
    let shown = Mutex::new(BTreeMap::new());
    let made = |i: usize, tensor: &Matrix<Cpu>| {
        let before = shown.lock().expect("nobody panics with it").insert(i, bits(tensor));
        assert!(before.is_none(), "parameter {i} is shown twice");
    };
    let grown = operator.grow_showing(growth, &made).unwrap_or_else(|error| panic!("{error}"));
    let all: BTreeMap<_, _> = grown.tensors().iter().map(bits).enumerate().collect();
    assert!(shown.into_inner().expect("nobody panics with it") == all, "another set is shown than what is grown");
    let again = operator.grow(growth).unwrap_or_else(|error| panic!("{error}"));
    assert!(again.tensors().iter().map(bits).eq(grown.tensors().iter().map(bits)), "what is grown without being shown");
    grown
}

fn bits(tensor: &Matrix<Cpu>) -> Vec<u32> {
    tensor.as_vec().into_iter().map(f32::to_bits).collect()
}

/// Checks that large layer i is small layer `layers[i]` to the bit, and everything outside the layers the small model's.
///
/// # Panics
/// At the first parameter that is another.
pub fn assert_layers(small: &Parameters<Cpu>, grown: &Parameters<Cpu>, layers: &[usize]) {
    let last = grown.specs().iter().filter_map(|spec| spec.layer).max();
    assert_eq!(last.map_or(0, |last| last + 1), layers.len(), "layers");
    for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
        let source = match spec.layer {
            Some(layer) => spec.module.replace("{}", &layers[layer].to_string()),
            None => spec.name.clone(),
        };
        let source = small.get(&source).unwrap_or_else(|| panic!("no parameter {source}"));
        assert_eq!(tensor.as_vec(), source.as_vec(), "{}", spec.name);
    }
}
