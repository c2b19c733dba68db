//! Depth up-scaling: two copies of the model, joined without their inner ends (Kim et al. 2024, SOLAR 10.7B, arXiv 2312.15166).
//!
//! The last m layers of the first copy and the first m of the second are dropped, so that where the copies meet, no layer is
//! followed by one that is very far from it:
//!
//! ```text
//! large = 0, 1, …, L1 − m − 1, m, m + 1, …, L1 − 1        L2 = 2 · (L1 − m)
//! ```
//!
//! (L1 = 32 and m = 8 give SOLAR's 48 layers.) So L2 is even and at most 2 · L1, and m follows from the sizes. The function is
//! not preserved.
//!
//! It is a rule for depth alone. Where widths grow too, they grow by copies that are divided by their number (FPI), before the
//! copies are joined; where the depth stays, the layers stay as they are.
//!
//! ```
//! use ligo_depth_up_scaling::DepthUpScaling;
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
//!      num_hidden_layers = 4
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { num_hidden_layers: 6, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&DepthUpScaling, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Layers(vec![0, 1, 2, 1, 2, 3]));
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
const NAME: &str = "depth-up-scaling";

/// Two copies, joined.
#[derive(Debug, Clone, Copy, Default)]
pub struct DepthUpScaling;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DepthUpScalingOptions {
    /// m, the layers that each copy loses. Left out: L1 − L2 / 2, the only one that fits; named, it is checked against the sizes.
    pub drop: Option<usize>,
    /// How FPI draws its copies where widths grow: `random`, or `balanced`.
    pub draw: Draw,
}

impl<D: Kernels> Method<D> for DepthUpScaling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Joins two copies of the small model without their inner ends, then trains (Kim et al. 2024, SOLAR)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes {
            width: "borrowed: copies, divided by their number (FPI)",
            depth: "two copies joined without their inner ends",
        }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        Ok(operator(options, task)?.guarantee(&task.small, &task.large))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<CopiedGrowth> {
    let DepthUpScalingOptions { drop, draw } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    check_head_dim(NAME, &task.small, &task.large)?;
    let (from, to) = (task.small.num_hidden_layers, task.large.num_hidden_layers);
    Ok(CopiedGrowth { method: NAME, draw, depth: DepthMap::list(from, &layers(from, to, drop)?)? })
}

/// For each of the large model's `to` layers the one of the small model's `from` that it copies. `to` is at least `from`.
fn layers(from: usize, to: usize, drop: Option<usize>) -> Result<Vec<usize>> {
    if from == to && drop.is_none() {
        return Ok((0..from).collect());
    }
    if !to.is_multiple_of(2) || to > 2 * from {
        return Err(GrowthError::Sizes {
            what: "num_hidden_layers".into(),
            found: to.to_string(),
            expected: format!(
                "an even number of at most {}, since {NAME} joins two equal parts of {from} layers; \
                 bert2bert and interpolation take any depth",
                2 * from
            ),
        });
    }
    let dropped = from - to / 2;
    if let Some(drop) = drop.filter(|drop| *drop != dropped) {
        let reason =
            format!("found {drop}, expected {dropped}, as 2 · ({from} − {dropped}) layers make the large {to}");
        return Err(GrowthError::option(NAME, "drop", reason));
    }
    Ok((0..from - dropped).chain(dropped..from).collect())
}
