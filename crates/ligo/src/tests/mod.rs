//! Tests of the whole operator on tiny models of both families.

mod cost;
mod gradient;
mod learning;
mod order;
mod proposition;

use crate::operator::LigoLearner;
use crate::options::FactorOptions;
use ligo_growth::Growth;
use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Family, Model, ModelConfig, Parameters, TokenBatch};

const FAMILIES: [Family; 2] = [Family::Gpt2, Family::Bert];

fn config(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    ModelConfig {
        family,
        vocab_size: 13,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: None,
        max_position_embeddings: 8,
        type_vocab_size: None,
        layer_norm_eps: None,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        initializer_range: 0.02,
    }
}

/// A small and a large model, and weights of the small one in which no entry is like another.
struct Pair {
    device: Cpu,
    small: Model,
    large: Model,
    parameters: Parameters<Cpu>,
}

impl Pair {
    fn new(small: ModelConfig, large: ModelConfig) -> Self {
        let device = Cpu::default();
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let mut parameters = small.fresh(&device, 1).unwrap();
        let mut next = 0.0_f32;
        let specs = parameters.specs().clone();
        for (spec, tensor) in specs.iter().zip(parameters.tensors_mut()) {
            let values = tensor.as_vec();
            // Queries and keys are larger, so that attention is far from uniform and its gradients are not lost in rounding.
            let scores = ["c_attn", ".query.", ".key."].iter().any(|part| spec.name.contains(part));
            let size = if scores { 0.8 } else { 0.3 };
            let scrambled: Vec<f32> = values
                .iter()
                .map(|value| {
                    next += 0.37;
                    value + size * next.sin()
                })
                .collect();
            tensor.copy_from(&scrambled);
        }
        Self { device, small, large, parameters }
    }

    fn growth(&self) -> Growth<'_, Cpu> {
        Growth { small: &self.small, parameters: &self.parameters, large: &self.large, device: &self.device, seed: 3 }
    }

    fn learner(&self, options: &FactorOptions) -> LigoLearner<Cpu> {
        LigoLearner::start(options, &self.growth()).unwrap()
    }
}

/// Two sequences of 6 with some positions unlabelled.
fn batch() -> TokenBatch {
    TokenBatch {
        input_ids: vec![1, 5, 2, 7, 12, 0, 3, 3, 9, 10, 4, 8],
        targets: vec![5, 2, 7, 12, 0, IGNORED, 3, 9, 10, 4, 8, IGNORED],
        batch_size: 2,
        sequence_length: 6,
        real_tokens: None,
    }
}

/// The largest difference relative to the larger of the two tensors' largest entries.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().chain(b).fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
    a.iter().zip(b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / scale
}
