//! HyperCloning (Samragh et al. 2024, arXiv 2409.12903; apple/ml-hypercloning).
//!
//! The residual stream h becomes n copies of itself, `[h, h, …, h]`, and so do heads and MLP neurons, each by a factor of its
//! own. A map W between two such widths is made of blocks
//!
//! ```text
//!               [ W/n + ε₁   W/n − ε₁ ]
//! W_new (n = 2) [ W/n + ε₂   W/n − ε₂ ]        b_new = [b, b]        (n: copies of what it reads)
//! ```
//!
//! - What writes repeats its rows, and so do biases, embeddings and the gains and biases of norms. The mean and the variance of
//!   `[h, h]` are those of h, so every norm, before or behind the sums, sees what it saw.
//! - What reads divides by the number of copies. An output of its own is W/n; an output tied to the embedding cannot be
//!   divided, and the norm in front of it is instead: γ/n, β/n.
//! - Heads are repeated whole, with the query heads that share their keys and values; their length stays, so that rotary
//!   positions and the scale of the scores do. CaiT's talking heads follow.
//! - ε is the noise that breaks the symmetry: with `noise_db` every entry gets N(0, σ²), 20 · log₁₀(rms(W_new) / σ) =
//!   `noise_db`, added to one block and taken from its neighbour; where n is odd the last block has none. The function is
//!   preserved all the same. Like the authors' script this crate adds none unless asked.
//!
//! Depth is not the paper's subject. `depth` says how it grows beside: stacked by default, the plainest choice;
//! with `depth = "identity"` new layers are silent and the function is preserved.
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_hypercloning::HyperCloning;
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
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, ..small.clone() };
//! let options = toml::toml! { noise_db = 20 };
//! let guarantee = Method::<Cpu>::guarantee(&HyperCloning, &options, &Task { small, large, steps: 600 })?;
//! assert_eq!(guarantee, Guarantee::Function);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

pub use ligo_growth::DepthRule;

use ligo_growth::{
    Axes, Growth, GrowthError, GrowthOperator, Guarantee, LinearGrowth, Method, Moments, Noise, Recipe, Result, Stage,
    Start, Task, WidthMap, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{Family, ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "hypercloning";

/// Whole copies side by side.
#[derive(Debug, Clone, Copy, Default)]
pub struct HyperCloning;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HyperCloningOptions {
    /// The signal-to-noise ratio in dB of the noise that cancels between neighbouring blocks; none: no noise.
    pub noise_db: Option<f32>,
    /// How depth grows.
    pub depth: DepthRule,
}

impl HyperCloningOptions {
    fn parse(table: &toml::Table) -> Result<Self> {
        let options: Self = parse_options(NAME, table)?;
        match options.noise_db {
            Some(ratio) if !ratio.is_finite() => {
                Err(GrowthError::option(NAME, "noise_db", format!("found {ratio}, expected a finite number of dB")))
            }
            _ => Ok(options),
        }
    }
}

impl<D: Kernels> Method<D> for HyperCloning {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Puts n copies of the model side by side, maps divided by n, with noise that cancels (Samragh et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let HyperCloningOptions { noise_db, depth } = HyperCloningOptions::parse(options)?;
        check(&task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), Cloning { noise_db, depth });
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "n copies side by side", depth: DepthRule::summary() }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let HyperCloningOptions { depth, .. } = HyperCloningOptions::parse(options)?;
        check(&task.small, &task.large)?;
        Ok(match depth.preserves(&task.small, &task.large) {
            true => Guarantee::Function,
            false => Guarantee::Layers(depth.map(&task.small, &task.large).layers().unwrap_or_default()),
        })
    }
}

/// Refuses sizes that are not multiples.
fn check(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    check_growth(small, large)?;
    let class_ffn = |config: &ModelConfig| match config.family {
        Family::Cait => config.class_intermediate_size(),
        _ => 1,
    };
    let sizes = |config: &ModelConfig| {
        [
            ("hidden_size", config.hidden_size),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size()),
            ("class_intermediate_size", class_ffn(config)),
        ]
    };
    for ((what, from), (_, to)) in sizes(small).into_iter().zip(sizes(large)) {
        if !to.is_multiple_of(from) {
            return Err(GrowthError::Sizes {
                what: what.into(),
                found: to.to_string(),
                expected: format!(
                    "a multiple of {from}, since {NAME} copies the whole small model (`lemon` takes any width)"
                ),
            });
        }
    }
    check_head_dim(NAME, small, large)
}

/// The operator behind [`HyperCloning`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cloning {
    /// As [`HyperCloningOptions::noise_db`].
    pub noise_db: Option<f32>,
    /// How depth grows.
    pub depth: DepthRule,
}

impl Cloning {
    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check(small, large)?;
        Ok(LinearGrowth { width: WidthMap::tiled(small, large)?, depth: self.depth.map(small, large) })
    }
}

impl<D: Kernels> GrowthOperator<D> for Cloning {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let linear = self.linear(growth)?;
        let mut grown = linear.grow(growth)?;
        if let Some(ratio) = self.noise_db {
            linear.add_noise(growth, &mut grown, Noise::Decibels(ratio))?;
        }
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth)?.grow_moments(growth, moments)
    }
}
