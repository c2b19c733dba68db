//! The models from outside: held against `transformers` and `timm`, and what they promise about themselves.

mod adapters;
mod batches;
mod checkpoints;
mod configs;
mod declarations;
mod dropout;
mod fresh;
mod generation;
mod proofs;
mod recompute;
mod references;
mod routes;
mod shares;

use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Batch, Family, Images, Inputs, Model, ModelConfig, Parameters, Targets, Tokens};

/// The families that read tokens.
const TEXT: [Family; 7] =
    [Family::Gpt2, Family::Bert, Family::Roberta, Family::Llama, Family::Mistral, Family::Qwen2, Family::Qwen3];

/// A small model in which hardly two widths are alike.
fn config(family: Family) -> ModelConfig {
    let mut config = ModelConfig::new(family, 6, 2, 3);
    config.intermediate_size = Some(11);
    if family.reads_images() {
        config.image_size = Some(4);
        config.patch_size = Some(2);
        config.num_labels = Some(5);
    } else {
        config.vocab_size = 13;
        // RoBERTa's padding is a token that no test uses.
        config.pad_token_id = (family == Family::Roberta).then_some(11);
        config.max_position_embeddings = config.positions_for(7);
    }
    config
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

/// Two sequences of 5.
fn tokens() -> Tokens {
    Tokens { input_ids: vec![1, 5, 2, 7, 12, 0, 3, 3, 9, 10], batch_size: 2, sequence_length: 5, ..Tokens::default() }
}

/// For a family's usual head: two sequences of 5, some tokens unlabelled, or two images.
fn batch(family: Family) -> Batch {
    if family.reads_images() {
        let pixels = (0..2 * 3 * 4 * 4).map(|i| (i as f32 * 0.7).sin()).collect();
        return Batch {
            inputs: Inputs::Images(Images { pixels, batch_size: 2 }),
            targets: Targets::Classes(vec![3, 0]),
        };
    }
    Batch::tokens(tokens(), vec![5, 2, IGNORED, 12, 0, 3, IGNORED, 9, 10, 4])
}
