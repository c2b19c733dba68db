//! The models from outside: held against `transformers`, and what they promise about themselves.

mod batches;
mod checkpoints;
mod declarations;
mod dropout;
mod fresh;
mod transformers;

use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Family, Model, ModelConfig, Parameters, TokenBatch};

const FAMILIES: [Family; 2] = [Family::Gpt2, Family::Bert];

/// A small model in which no two widths are alike.
fn config(family: Family) -> ModelConfig {
    ModelConfig {
        family,
        vocab_size: 13,
        hidden_size: 6,
        num_hidden_layers: 2,
        num_attention_heads: 3,
        intermediate_size: Some(11),
        max_position_embeddings: 7,
        type_vocab_size: None,
        layer_norm_eps: None,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        initializer_range: 0.02,
    }
}

fn model(family: Family) -> Model {
    Model::new(config(family)).unwrap()
}

/// Weights in which no entry is like another, biases and norms included.
fn scrambled(model: &Model) -> Parameters<Cpu> {
    let mut parameters = model.fresh(&Cpu::default(), 1).unwrap();
    let mut next = 0.0_f32;
    for tensor in parameters.tensors_mut() {
        let scramble = |value: &f32| {
            next += 0.37;
            value + 0.5 * next.sin()
        };
        let values: Vec<f32> = tensor.as_vec().iter().map(scramble).collect();
        tensor.copy_from(&values);
    }
    parameters
}

/// Two sequences of 5, some tokens unlabelled.
fn batch() -> TokenBatch {
    TokenBatch {
        input_ids: vec![1, 5, 2, 7, 12, 0, 3, 3, 9, 10],
        targets: vec![5, 2, IGNORED, 12, 0, 3, IGNORED, 9, 10, 4],
        batch_size: 2,
        sequence_length: 5,
        real_tokens: None,
    }
}
