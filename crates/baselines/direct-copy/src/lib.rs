//! Direct copy: the small model in a corner of a fresh large one.
//!
//! Every small weight `W` `[d_out, d_in]` fills the top left of its large counterpart, and whatever is new keeps the large model's
//! own fresh start (matrices N(0, initializer_range²), GPT-2's residual projections smaller by √(2·L2) as in any fresh GPT-2, biases
//! 0, norms gain 1 and bias 0):
//!
//! ```text
//! W_new = [ W  ε ]        b_new = [ b ]
//!         [ ε  ε ]                [ 0 ]
//! ```
//!
//! An axis of attention is filled head by head, so that small heads stay whole. Depth grows by stacking: large layer i holds small
//! layer i mod L1, each with fresh values of its own around it, so no two layers are alike. The function is not preserved (the new
//! channels disturb the norms), and nothing is duplicated either.
//!
//! It is the simplest of all methods, named as a baseline by LiGO's width ablation (PAPER.md section 4, item 7, where the fill is
//! not specified), and on small runs at a high rate the one to beat. As a crate it is also the shortest to read before writing one:
//! an operator that implements [`GrowthOperator`], and a [`Method`] that puts it into a recipe.
//!
//! ```
//! use ligo_direct_copy::DirectCopy;
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, num_hidden_layers: 2, ..small.clone() };
//! let recipe = Method::<Cpu>::recipe(&DirectCopy, &toml::Table::new(), &Task { small, large, steps: 600 })?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["grow", "train"]);
//! # Ok(())
//! # }
//! ```

use ligo_growth::{
    Axes, DepthMap, Expansion, Growth, GrowthOperator, Guarantee, LinearGrowth, Made, Method, Moments, Recipe, Result,
    SpaceMap, Stage, Start, Task, WidthMap, check_growth, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::Parameters;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// The small block, fresh values around it.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectCopy;

/// Direct copy has no options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCopyOptions {}

impl<D: Kernels> Method<D> for DirectCopy {
    fn name(&self) -> &'static str {
        "direct-copy"
    }

    fn summary(&self) -> &'static str {
        "Puts the small weights into the corner of a fresh large model, layers stacked, then trains."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let DirectCopyOptions {} = parse_options("direct-copy", options)?;
        check_growth(&task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), CornerCopy);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "the small block, fresh values around it", depth: "stacking" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let DirectCopyOptions {} = parse_options("direct-copy", options)?;
        check_growth(&task.small, &task.large)?;
        let depth = DepthMap::stack(task.small.num_hidden_layers, task.large.num_hidden_layers);
        Ok(Guarantee::Layers(depth.layers().unwrap_or_default()))
    }
}

/// The operator behind [`DirectCopy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CornerCopy;

impl<D: Kernels> GrowthOperator<D> for CornerCopy {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        linear(growth)?.grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        linear(growth)?.grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        linear(growth)?.grow_moments(growth, moments)
    }
}

fn linear<D: Kernels>(growth: &Growth<'_, D>) -> Result<LinearGrowth> {
    let (small, large) = (growth.small.config(), growth.large.config());
    let width = WidthMap::per_space(small, large, |_, small, large| Ok(SpaceMap::tied(Expansion::pad(small, large))))?;
    Ok(LinearGrowth { width, depth: DepthMap::stack(small.num_hidden_layers, large.num_hidden_layers) })
}
