//! G_stack: the whole small model stacked on itself k times (Du et al., NeurIPS 2024, "Stacking Your Transformers",
//! arXiv 2405.15319).
//!
//! With k = L2 / L1,
//!
//! ```text
//! W_new_i = W_{i mod L1}        i = 0 … L2 − 1
//! ```
//!
//! norms and biases included; embeddings, final norm and head stay as they are. L2 has to be a multiple of L1. The authors
//! recommend k = 4, at about 10 billion tokens of the small model's training. The function is not preserved.
//!
//! It differs from `stackbert`, which trains the shallow models itself, and from the depth of `bert2bert`, which fills a
//! remainder from the top. It is a rule for depth alone: where widths grow too, they grow by copies that are divided by their
//! number (FPI), before the model is stacked.
//!
//! ```
//! use ligo_g_stack::GStack;
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'llama'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 2
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { num_hidden_layers: 8, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&GStack, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Layers(vec![0, 1, 0, 1, 0, 1, 0, 1]));
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Draw, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task,
    check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "g-stack";

/// The whole model, k times.
#[derive(Debug, Clone, Copy, Default)]
pub struct GStack;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GStackOptions {
    /// How FPI draws its copies where widths grow: `random`, or `balanced`.
    pub draw: Draw,
}

impl<D: Kernels> Method<D> for GStack {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Stacks the whole small model on itself k times, then trains (Du et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "borrowed: copies, divided by their number (FPI)", depth: "the whole model stacked k times" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        Ok(operator(options, task)?.guarantee(&task.small, &task.large))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<CopiedGrowth> {
    let GStackOptions { draw } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    check_head_dim(NAME, &task.small, &task.large)?;
    let (from, to) = (task.small.num_hidden_layers, task.large.num_hidden_layers);
    if !to.is_multiple_of(from) {
        let below = to / from * from;
        return Err(GrowthError::Sizes {
            what: "num_hidden_layers".into(),
            found: to.to_string(),
            expected: format!(
                "a multiple of the small model's {from} layers, which {NAME} stacks whole: {below} or {}; \
                 bert2bert and interpolation take any depth",
                below + from
            ),
        });
    }
    Ok(CopiedGrowth { method: NAME, draw, depth: DepthMap::stack(from, to) })
}
