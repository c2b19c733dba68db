//! Fresh weights.

use crate::{TEXT, batch, config};
use ligo_kernels::{Cpu, NoneTape};
use ligo_models::{Family, Init, Mode, Model, ModelConfig, Parameters};

fn wide(family: Family, layers: usize) -> Model {
    let mut config =
        ModelConfig { hidden_size: 96, num_hidden_layers: layers, intermediate_size: None, ..config(family) };
    if !family.reads_images() {
        config.vocab_size = 499;
        config.max_position_embeddings = config.positions_for(64);
    }
    Model::new(config).unwrap()
}

fn fresh(model: &Model, seed: u64) -> Parameters<Cpu> {
    model.fresh(&Cpu::default(), seed).unwrap()
}

#[test]
fn weights_have_the_mean_and_spread_of_their_declaration() {
    for family in Family::ALL {
        let parameters = fresh(&wide(family, 2), 3);
        for (spec, tensor) in parameters.specs().iter().zip(parameters.tensors()) {
            let (values, n) = (tensor.as_vec(), spec.elements() as f64);
            match spec.init {
                Init::Zeros => assert!(values.iter().all(|&v| v == 0.0), "{}", spec.name),
                Init::Ones => assert!(values.iter().all(|&v| v == 1.0), "{}", spec.name),
                Init::Constant(value) => assert!(values.iter().all(|&v| v == value), "{}", spec.name),
                Init::Normal(std) => {
                    let std = f64::from(std);
                    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
                    // Five standard errors of the mean and of the standard deviation.
                    assert!(mean.abs() < 5.0 * std / n.sqrt(), "{}: mean {mean}", spec.name);
                    let error = (variance.sqrt() - std).abs();
                    assert!(error < 5.0 * std / (2.0 * n).sqrt(), "{}: deviation off by {error}", spec.name);
                }
            }
        }
    }
}

#[test]
fn what_feeds_gpt2s_residual_stream_starts_smaller_the_deeper_the_model() {
    for layers in [1, 2, 8] {
        for spec in wide(Family::Gpt2, layers).specs().iter().filter(|spec| spec.shape.len() == 2) {
            let scale = if spec.name.contains("c_proj") { 1.0 / (2.0 * layers as f32).sqrt() } else { 1.0 };
            assert_eq!(spec.init, Init::Normal(0.02 * scale), "{}", spec.name);
        }
    }
}

#[test]
fn a_parameter_depends_on_seed_and_name_alone() {
    let (shallow, deep) = (fresh(&wide(Family::Bert, 2), 3), fresh(&wide(Family::Bert, 3), 3));
    for (spec, tensor) in shallow.specs().iter().zip(shallow.tensors()) {
        assert_eq!(tensor.as_vec(), deep.get(&spec.name).unwrap().as_vec(), "{}", spec.name);
    }
    let values = |parameters: &Parameters<Cpu>, name: &str| parameters.get(name).unwrap().as_vec();
    let (query, key) =
        ("bert.encoder.layer.0.attention.self.query.weight", "bert.encoder.layer.0.attention.self.key.weight");
    assert_ne!(values(&shallow, query), values(&shallow, key));
    assert_ne!(values(&shallow, query), values(&fresh(&wide(Family::Bert, 2), 4), query));
}

#[test]
fn a_fresh_model_finds_all_tokens_equally_likely() {
    for family in TEXT {
        let model = wide(family, 2);
        let loss = model.loss(&mut NoneTape, &fresh(&model, 1), &batch(family), Mode::Evaluate).unwrap().as_vec()[0];
        assert!((loss - 499.0_f32.ln()).abs() < 0.2, "{family:?}: {loss}");
    }
}
