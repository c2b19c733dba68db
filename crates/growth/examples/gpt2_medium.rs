//! How long growing GPT-2 (124 M) to GPT-2 medium (355 M) takes by a selection, by short sums and by dense maps, with fresh
//! weights: `cargo run -p ligo-growth --example gpt2_medium`. It needs 5 GiB of memory.

#![allow(clippy::print_stdout, reason = "an example speaks on the terminal")]

use ligo_growth::{DepthMap, Expansion, Growth, GrowthOperator, LinearGrowth, SpaceMap, WidthMap};
use ligo_kernels::{Cpu, on_workers};
use ligo_models::{Family, Model, ModelConfig, SpaceSize};
use std::time::Instant;

type Map = fn(SpaceSize, SpaceSize) -> Expansion;

fn config(layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    let config = ModelConfig::new(Family::Gpt2, hidden, layers, heads);
    ModelConfig { vocab_size: 50257, max_position_embeddings: 1024, ..config }
}

/// The mean of the small coordinates in every new one: the old ones once, the rest alike.
fn short_sums(small: SpaceSize, large: SpaceSize) -> Expansion {
    let (d, share) = (small.width(), 1.0 / small.width() as f32);
    let mean = || (0..d).map(|j| (j, share)).collect();
    Expansion::Sparse { rows: (0..large.width()).map(|i| if i < d { vec![(i, 1.0)] } else { mean() }).collect() }
}

fn dense(small: SpaceSize, large: SpaceSize) -> Expansion {
    let (d, large) = (small.width(), large.width());
    let matrix = (0..d * large).map(|i| (i as f32).sin() / d as f32).collect();
    Expansion::Dense { matrix, small: d }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (small, large) = (Model::new(config(12, 768, 12))?, Model::new(config(24, 1024, 16))?);
    let device = Cpu::default();
    let parameters = small.fresh(&device, 1)?;
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 2 };
    println!("{} to {} M parameters", small.parameter_count() / 1_000_000, large.parameter_count() / 1_000_000);

    let maps: [(&str, Map); 4] = [
        ("selection", |small, large| Expansion::select((0..large.width()).map(|i| i % small.width()))),
        ("selection, the rest fresh", Expansion::pad),
        ("short sums", short_sums),
        ("dense", dense),
    ];
    for (name, map) in maps {
        let width = WidthMap::per_space(small.config(), large.config(), |_, small, large| {
            Ok(SpaceMap::tied(map(small, large)))
        })?;
        let operator = LinearGrowth { width, depth: DepthMap::stack(12, 24) };
        let start = Instant::now();
        let grown = on_workers(|| operator.grow(&growth))?;
        println!("{name:<28} {:5.1} s, {} tensors", start.elapsed().as_secs_f64(), grown.tensors().len());
    }
    Ok(())
}
