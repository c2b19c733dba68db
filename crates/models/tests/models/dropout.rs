//! Where dropout falls, and what names its masks.

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, NoneTape};
use ligo_models::{Family, Mode, Model, ModelConfig, Parameters};

/// Families with both kinds of dropout.
const FAMILIES: [Family; 6] = [Family::Gpt2, Family::Bert, Family::Roberta, Family::Vit, Family::Deit, Family::Cait];

/// So near 1 that nothing in a small model is kept.
const ALL: f32 = 0.999_999_9;

fn with_dropout(family: Family, hidden_dropout: f32, attention_dropout: f32) -> Model {
    Model::new(ModelConfig { hidden_dropout, attention_dropout, ..config(family) }).unwrap()
}

fn loss(model: &Model, parameters: &Parameters<Cpu>, mode: Mode) -> f32 {
    model.loss(&mut NoneTape, parameters, &batch(model.config().family), mode).unwrap().as_vec()[0]
}

fn train(model: &Model, parameters: &Parameters<Cpu>, dropout_key: u64) -> f32 {
    loss(model, parameters, Mode::Train { dropout_key })
}

#[test]
fn without_dropout_training_and_evaluating_give_the_same_bits() {
    for family in FAMILIES {
        let model = with_dropout(family, 0.0, 0.0);
        let parameters = scrambled(&model);
        assert_eq!(train(&model, &parameters, 1), loss(&model, &parameters, Mode::Evaluate));
    }
}

#[test]
fn evaluating_is_the_same_whatever_the_dropout() {
    for family in FAMILIES {
        let (plain, model) = (with_dropout(family, 0.0, 0.0), with_dropout(family, 0.5, 0.5));
        let parameters = scrambled(&plain);
        assert_eq!(loss(&model, &parameters, Mode::Evaluate), loss(&plain, &parameters, Mode::Evaluate));
    }
}

#[test]
fn the_key_names_the_masks() {
    for family in FAMILIES {
        for (hidden, attention) in [(0.3, 0.0), (0.0, 0.3)] {
            let model = with_dropout(family, hidden, attention);
            let parameters = scrambled(&model);
            assert_eq!(train(&model, &parameters, 1), train(&model, &parameters, 1));
            assert_ne!(train(&model, &parameters, 1), train(&model, &parameters, 2));
            assert_ne!(train(&model, &parameters, 1), loss(&model, &parameters, Mode::Evaluate));
        }
    }
}

/// The loss with the given modules' weights, or weights and biases, set to zero.
fn silenced(family: Family, modules: &[&str]) -> f32 {
    let model = with_dropout(family, 0.0, 0.0);
    let mut parameters = scrambled(&model);
    let specs = parameters.specs().clone();
    let mut silenced = 0;
    for (spec, tensor) in specs.iter().zip(parameters.tensors_mut()) {
        if modules.iter().any(|module| spec.module.contains(module)) {
            tensor.copy_from(&vec![0.0; spec.elements()]);
            silenced += 1;
        }
    }
    assert!(silenced > 0);
    loss(&model, &parameters, Mode::Evaluate)
}

#[test]
fn full_hidden_dropout_silences_embeddings_attention_and_mlp_alike() {
    // The residual stream is all zeros. In GPT-2 only the last norm's bias is left, as if its gain were 0.
    let cases: [(Family, &[&str]); 2] = [
        (Family::Gpt2, &["ln_f.weight"]),
        (Family::Bert, &["embeddings.LayerNorm", "attention.output.dense", "{}.output.dense"]),
    ];
    for (family, modules) in cases {
        let model = with_dropout(family, ALL, 0.0);
        let found = train(&model, &scrambled(&model), 5);
        let expected = silenced(family, modules);
        assert!((found - expected).abs() < 1e-5, "{family:?}: {found}, expected {expected}");
        let without = loss(&model, &scrambled(&model), Mode::Evaluate);
        assert!((found - without).abs() > 1e-2, "{family:?}: silence makes a difference, {found} and {without}");
    }
}

#[test]
fn full_attention_dropout_leaves_the_projections_bias() {
    for (family, modules) in [(Family::Gpt2, ["attn.c_proj.weight"]), (Family::Bert, ["attention.output.dense.weight"])]
    {
        let model = with_dropout(family, 0.0, ALL);
        let found = train(&model, &scrambled(&model), 5);
        let expected = silenced(family, &modules);
        assert!((found - expected).abs() < 1e-5, "{family:?}: {found}, expected {expected}");
    }
}
