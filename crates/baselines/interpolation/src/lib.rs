//! Interpolation: every layer repeated in place (Eq. 1 of Wang et al., ICLR 2023; PAPER.md 1.6).
//!
//! A model of L1 layers becomes one of L2 = k · L1, each layer followed by k − 1 copies of itself:
//!
//! ```text
//! W_new_i = W_{⌊i / k⌋}        i = 0 … L2 − 1
//! ```
//!
//! norms and biases included. Where L2 is no multiple of L1, layer i takes layer ⌊i · L1 / L2⌋, which is the same where it is
//! one. The function is not preserved: a layer applied twice is another function.
//!
//! It is a rule for depth alone. Where widths grow too, they grow by copies that are divided by their number (FPI, as in
//! `bert2bert`), before the layers are repeated.
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_interpolation::Interpolation;
//! use ligo_kernels::Cpu;
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
//! let large = ModelConfig { num_hidden_layers: 4, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&Interpolation, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Layers(vec![0, 0, 1, 1]));
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Draw, Guarantee, Method, Recipe, Result, Stage, Start, Task, check_growth,
    check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "interpolation";

/// Every layer repeated in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Interpolation;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterpolationOptions {
    /// How FPI draws its copies where widths grow: `random`, or `balanced`.
    pub draw: Draw,
}

impl<D: Kernels> Method<D> for Interpolation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Repeats every layer in place, then trains (Eq. 1 of the LiGO paper)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "borrowed: copies, divided by their number (FPI)", depth: "every layer repeated in place" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        Ok(operator(options, task)?.guarantee(&task.small, &task.large))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<CopiedGrowth> {
    let InterpolationOptions { draw } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    check_head_dim(NAME, &task.small, &task.large)?;
    let depth = DepthMap::interpolate(task.small.num_hidden_layers, task.large.num_hidden_layers);
    Ok(CopiedGrowth { method: NAME, draw, depth })
}
