//! bert2BERT's function-preserving initialisation, FPI (Chen et al. 2022, arXiv 2110.07143), after Net2Net (arXiv 1511.05641).
//!
//! Each space has an index map g: large coordinate i copies small coordinate g(i); g is the identity on the old range and drawn at
//! random beyond. With c(j) = |g⁻¹(j)| copies of coordinate j,
//!
//! ```text
//! W_new[i, k] = W[g_out(i), g_in(k)] / c_in(g_in(k))        b_new[i] = b[g_out(i)]
//! ```
//!
//! so whatever reads the copies sums to what it read before. The residual stream has one map for the whole net, every layer one for
//! its MLP and one for its attention: whole heads are copied, the same ones for queries, keys and values, so that scores and their
//! scale 1/√head_dim stay; where several query heads share a value head they are copied with it, and CaiT's talking heads follow the
//! same map. The class-attention layers of CaiT have maps of their own. Norm gains and biases follow the residual map; the norm in front of an output tied to the embedding
//! divides by the counts, since the tied matrix itself cannot.
//!
//! The function is preserved exactly if all residual coordinates have equally many copies: then the mean and the variance that the
//! norms see do not change. A random draw makes the counts differ, and the function is preserved but for the norms, as in the
//! original; `draw = "balanced"` copies every coordinate equally often (within one).
//!
//! Depth grows by stacking the widened model ⌊L2 / L1⌋ times, the remainder being its top layers. Going deeper is not function
//! preserving. Neither AKI nor the two-stage training of the same paper is here.
//!
//! ```
//! use ligo_bert2bert::Bert2Bert;
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'bert'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, num_hidden_layers: 2, ..small.clone() };
//! let options = toml::toml! { draw = "balanced" };
//! let recipe = Method::<Cpu>::recipe(&Bert2Bert, &options, &Task { small, large, steps: 600 })?;
//! assert_eq!(recipe.stages.len(), 2);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

pub use ligo_growth::Draw;

use ligo_growth::{
    Axes, DepthMap, Growth, GrowthOperator, Guarantee, LinearGrowth, Method, Recipe, Result, Stage, Start, Task,
    WidthMap, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::Parameters;
use serde::Deserialize;

/// Function-preserving widening, then stacking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bert2Bert;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bert2BertOptions {
    /// How the copied coordinates are drawn: `random` (the authors'), or `balanced`.
    pub draw: Draw,
}

impl<D: Kernels> Method<D> for Bert2Bert {
    fn name(&self) -> &'static str {
        "bert2bert"
    }

    fn summary(&self) -> &'static str {
        "Widens by copying neurons and heads and dividing whatever reads them (FPI), stacks layers, then trains (Chen et al. 2022)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let Bert2BertOptions { draw } = parse_options("bert2bert", options)?;
        check_growth(&task.small, &task.large)?;
        check_head_dim("bert2bert", &task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), FunctionPreserving { draw });
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies, divided by their number (FPI)", depth: "stacking, the remainder from the top" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let Bert2BertOptions { draw } = parse_options("bert2bert", options)?;
        let (small, large) = (&task.small, &task.large);
        let even = small.hidden_size == large.hidden_size
            || draw == Draw::Balanced && large.hidden_size.is_multiple_of(small.hidden_size);
        Ok(match (small.num_hidden_layers == large.num_hidden_layers, even) {
            (true, true) => Guarantee::Function,
            (true, false) => Guarantee::Nothing("the norms see unequal numbers of copies".into()),
            (false, _) => {
                let depth = DepthMap::stack_then_top(small.num_hidden_layers, large.num_hidden_layers);
                Guarantee::Layers(depth.layers().unwrap_or_default())
            }
        })
    }
}

/// The operator behind [`Bert2Bert`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionPreserving {
    /// How the copied coordinates are drawn.
    pub draw: Draw,
}

impl<D: Kernels> GrowthOperator<D> for FunctionPreserving {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check_growth(small, large)?;
        check_head_dim("bert2bert", small, large)?;
        let width = WidthMap::copies(small, large, self.draw, growth.seed)?;
        let depth = DepthMap::stack_then_top(small.num_hidden_layers, large.num_hidden_layers);
        LinearGrowth { width, depth }.grow(growth)
    }
}
