//! Tiling: the small weights laid over the large ones, round and round (Warner et al. 2024, ModernBERT, arXiv 2412.13663, which
//! started its large model from its base model so).
//!
//! Large coordinate j of every axis takes a small coordinate, rows and columns alike:
//!
//! ```text
//! g(j) = (j − off) mod d        off = ⌊(D − d) / 2⌋
//! W_new[i, k] = W[g_out(i), g_in(k)]        b_new[i] = b[g_out(i)]
//! ```
//!
//! so a whole copy of the small weights lies in the middle and its edges are continued around it. Nothing is divided by the
//! number of copies: whatever reads the copies sums to about D / d of what it was, norms set that right, and nothing is
//! preserved. Queries, keys and values, and both halves of a gated MLP, are tiled each for itself; norms, biases, embeddings
//! and the head by the same map as the weights.
//!
//! **Heads.** The original tiles queries, keys and values by coordinates too, so that a copy begins in the middle of a head where
//! off is no multiple of a head's length: a large head's scores are then sums over parts of two small heads. The default here,
//! `heads = "whole"`, departs from that: g is a map of heads, and query heads that share a value head go with it, so that each
//! large head attends to what a small one attends to. `heads = "cut"` is the paper's map on every axis. The two are one wherever
//! off is whole heads, as with the 12 and 16 heads of 64 of the original, and where the two models' heads are not equally long:
//! coordinates are tiled then.
//!
//! Rotary positions turn a head's coordinates in pairs, and a cut head's pairs would be of two heads; grouped query heads would
//! leave the key head that they share. So there `"cut"` is refused by name unless off is whole key heads.
//!
//! Depth: layer i takes the small layer round(i · L1 / L2), halves to even, at most the last (22 to 28 layers repeats 2, 6, 9,
//! 13, 16 and 20). The authors train on with a fresh optimiser and a longer warm-up.
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_modernbert_tiling::ModernBertTiling;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'bert'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 2
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, num_hidden_layers: 3, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&ModernBertTiling, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Layers(vec![0, 1, 1]));
//! # Ok(())
//! # }
//! ```

mod operator;
#[cfg(test)]
mod tests;

pub use operator::{Around, Heads, Offset, Tiling};

use ligo_growth::{Axes, Guarantee, Method, Recipe, Result, Stage, Start, Task, check_growth, parse_options};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "modernbert-tiling";

/// The small weights, round and round.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModernBertTiling;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModernBertTilingOptions {
    /// Where the whole copy lies: `centre`, or at the `edge` (off = 0).
    pub offset: Offset,
    /// What lies around it: `tiles`, or the large model's own `fresh` start.
    pub around: Around,
    /// What is tiled in attention: `whole` heads, or coordinates, so that heads may be `cut` (the paper's map on every axis).
    pub heads: Heads,
}

impl<D: Kernels> Method<D> for ModernBertTiling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Tiles the large weights with the small ones around a centred copy, then trains (Warner et al. 2024, ModernBERT)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "tiled around a centred copy, not divided", depth: "spread evenly, rounded half to even" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        operator(options, task)?;
        Ok(Guarantee::Layers(operator::layers(task.small.num_hidden_layers, task.large.num_hidden_layers)))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<Tiling> {
    let ModernBertTilingOptions { offset, around, heads } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    let tiling = Tiling { offset, around, heads };
    tiling.check(&task.small, &task.large)?;
    Ok(tiling)
}
