//! Tests of the whole operator on tiny models of every family.

mod cost;
mod diagnostics;
mod gradient;
mod learning;
mod moments;
mod order;
mod proposition;
mod starts;

use crate::operator::LigoLearner;
use crate::options::FactorOptions;
use ligo_growth::Growth;
use ligo_growth::testing::config;
use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Batch, Family, Images, Inputs, Model, ModelConfig, Parameters, Targets, Tokens};

/// The map of Eq. 8 and nothing beside it.
fn map_alone() -> FactorOptions {
    FactorOptions { fresh: false, ..FactorOptions::default() }
}

/// Two heads of 4 to each key/value head.
fn grouped(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    let config = config(family, layers, hidden, heads);
    ModelConfig { num_key_value_heads: Some(heads / 2), head_dim: Some(4), ..config }
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
        // Of this seed no factor of any of the tests has a gradient that is lost in the noise of differences.
        let mut parameters = small.fresh(&device, 10).unwrap();
        // A chirp: the rows of its matrices are not multiples of a few.
        let mut next = 0.0_f64;
        let specs = parameters.specs().clone();
        for (spec, tensor) in specs.iter().zip(parameters.tensors_mut()) {
            let values = tensor.as_vec();
            // Queries and keys are larger, so that attention is far from uniform and its gradients are not lost in rounding;
            // where heads talk and layers are scaled, so that it is heard.
            const LOUD: [&str; 11] = [
                "c_attn", "query.", "key.", "q_proj", "k_proj", "qkv", "attn.q.", "attn.k.", "proj_l", "proj_w",
                "gamma",
            ];
            let size = if LOUD.iter().any(|part| spec.name.contains(part)) { 0.8 } else { 0.3 };
            let scrambled: Vec<f32> = values
                .iter()
                .map(|value| {
                    next += 1.0;
                    value + size * (0.37 * next * next).sin() as f32
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

/// Two sequences of 6 with some positions unlabelled and no padding token, whose embedding would have no gradient; or two images.
fn batch(family: Family) -> Batch {
    if family.reads_images() {
        let pixels = (0..2 * 3 * 4 * 4).map(|i| (i as f32 * 0.7).sin()).collect();
        return Batch {
            inputs: Inputs::Images(Images { pixels, batch_size: 2 }),
            targets: Targets::Classes(vec![2, 0]),
        };
    }
    let input_ids = vec![6, 5, 2, 7, 12, 11, 3, 3, 9, 10, 4, 8];
    let targets = vec![5, 2, 7, 12, 0, IGNORED, 3, 9, 10, 4, 8, IGNORED];
    Batch::tokens(Tokens { input_ids, batch_size: 2, sequence_length: 6, ..Tokens::default() }, targets)
}

/// The largest difference relative to the larger of the two tensors' largest entries.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().chain(b).fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
    a.iter().zip(b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / scale
}
