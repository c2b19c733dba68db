//! Block expansion (LLaMA-Pro: Wu et al. 2024, arXiv 2401.02415; TencentARC/LLaMA-Pro `block_expansion.py`).
//!
//! The l blocks are cut into n = L − l groups; behind each group stands a copy of its last block whose attention and MLP hand 0
//! to the residual stream:
//!
//! ```text
//! φ_new(x) = x + 0 · attention(norm(x)) + 0 · mlp(norm(x)) = x          o = 0, ffn.out = 0
//! ```
//!
//! so the function is preserved. Where n does not divide l the groups differ by a block ([`DepthMap::spread`]); where L > 2 l,
//! several copies stand behind each block. In a post-norm model (BERT, RoBERTa) a block norms its input even so: the norm in
//! front of a new block moves behind it, and what is left in its place norms what is normed next anyway.
//!
//! LLaMA-Pro then trains the new blocks alone, so that what the model knows stays; `train = "new-blocks"`. Trained on the data
//! that it was made for, a model has no reason to hold anything back, and `train = "all"` is the default.
//!
//! Width is not its subject. Where it grows too it is borrowed: copies divided by their number (FPI), balanced, so that the
//! function is preserved where the large hidden size is a multiple of the small one.
//!
//! ```
//! use ligo_block_expansion::BlockExpansion;
//! use ligo_growth::{Action, Method, Task, Trained};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'llama'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 4
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { num_hidden_layers: 6, ..small.clone() };
//! let options = toml::toml! { train = "new-blocks" };
//! let recipe = Method::<Cpu>::recipe(&BlockExpansion, &options, &Task { small, large, steps: 600 })?;
//! let Action::Train { training, .. } = &recipe.stages[1].action else { unreachable!("the second stage trains") };
//! assert_eq!(training.trained, Trained::Layers(vec![2, 5]));
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Draw, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task, Trained,
    Training, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "block-expansion";

/// Blocks that start as the identity.
#[derive(Debug, Clone, Copy, Default)]
pub struct BlockExpansion;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockExpansionOptions {
    /// What is trained after growing.
    pub train: Train,
}

/// What is trained after growing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Train {
    /// `"all"`: everything.
    #[default]
    All,
    /// `"new-blocks"`: the new blocks alone (LLaMA-Pro).
    NewBlocks,
}

/// The growth of one task: the new blocks are the silent ones.
fn expansion(task: &Task) -> Result<CopiedGrowth> {
    let (small, large) = (&task.small, &task.large);
    check_growth(small, large)?;
    check_head_dim(NAME, small, large)?;
    let depth = DepthMap::spread(small.num_hidden_layers, large.num_hidden_layers);
    Ok(CopiedGrowth { method: NAME, draw: Draw::Balanced, depth })
}

/// Which weights change.
fn trained(train: Train, expansion: &CopiedGrowth, task: &Task) -> Result<Trained> {
    let new = expansion.depth.silent();
    match train {
        Train::All => Ok(Trained::All),
        Train::NewBlocks if new.is_empty() => {
            let reason = format!(
                "found \"new-blocks\", but num_hidden_layers is {} as in the small model; expected more, or \"all\"",
                task.large.num_hidden_layers
            );
            Err(GrowthError::option(NAME, "train", reason))
        }
        Train::NewBlocks => Ok(Trained::Layers(new)),
    }
}

impl<D: Kernels> Method<D> for BlockExpansion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Spreads copies of blocks that add nothing over the depth, and trains them, alone or with the rest (Wu et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let BlockExpansionOptions { train } = parse_options(NAME, options)?;
        let expansion = expansion(task)?;
        let trained = trained(train, &expansion, task)?;
        let grow = Stage::grow("grow", task.large.clone(), expansion);
        let train = Stage::train_as("train", 0..task.steps, Training { trained, ..Training::default() });
        Ok(Recipe { start: Start::Small, stages: vec![grow, train] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "borrowed: balanced copies (FPI)", depth: "silent copies" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let BlockExpansionOptions { train } = parse_options(NAME, options)?;
        let expansion = expansion(task)?;
        trained(train, &expansion, task)?;
        Ok(expansion.guarantee(&task.small, &task.large))
    }
}
