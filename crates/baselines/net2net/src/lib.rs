//! Net2Net (Chen et al. 2016, arXiv 1511.05641), for transformers (PAPER.md 1.6, Eq. 2).
//!
//! **Net2WiderNet.** Every width has a map g from large units to small ones, the identity on the old range and drawn at random
//! beyond: S_l ∈ {0, 1}^{d × (D − d)} has a 1 in each column, and D_l = diag(S_l 1) + I counts how often a unit is there. With
//! rows as inputs and columns as outputs
//!
//! ```text
//! W_new = [ I      ] D_{l−1}⁻¹ W [ I  S_l ]          W_new[i, k] = W[g_in(i), g_out(k)] / c(g_in(i))
//!         [ S_{l−1}ᵀ ]
//! ```
//!
//! (PAPER.md 1.6 explains why the original columns are divided too.) Units are the coordinates of the residual stream, MLP
//! neurons, and whole heads, with the query heads that share keys and values; CaiT's talking heads follow.
//!
//! **Net2DeeperNet.** New layers start as the identity. In a residual net that is a layer both of whose branches add 0; new
//! ones are spread over the depth, as copies of the layer before them whose output maps are 0.
//!
//! **Norms.** The paper knows no layer norm. A norm over units of which some are there twice and others once has another mean
//! and variance than the small model's. So the function is preserved exactly where the residual stream stays as it is (MLPs,
//! heads and depth grow at will), or where each of its coordinates has equally many copies: `draw = "balanced"` and a multiple
//! of the hidden size. Otherwise it is preserved but for the norms; `lemon` is exact for any width.
//!
//! The authors advise a little noise to tell copies apart; here it cancels between copies and leaves the function as it is: the
//! first of two is read with a share of (1 + n)/c, the second with (1 − n)/c, n ~ N(0, `noise`²).
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_net2net::Net2Net;
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
//! let large = ModelConfig { intermediate_size: Some(23), num_hidden_layers: 3, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&Net2Net, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Function);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

pub use ligo_growth::Draw;

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Growth, GrowthError, GrowthOperator, Guarantee, LinearGrowth, Method, Moments, Noise,
    Recipe, Result, Stage, Start, Task, WidthMap, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "net2net";

/// Wider by copies, deeper by identities.
#[derive(Debug, Clone, Copy, Default)]
pub struct Net2Net;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Net2NetOptions {
    /// How the copied units are drawn: `random` (the authors'), or `balanced`.
    pub draw: Draw,
    /// How unequally two copies share what is read from them: the standard deviation of a share relative to an equal one. 0:
    /// equally.
    pub noise: f32,
}

impl Net2NetOptions {
    fn parse(table: &toml::Table) -> Result<Self> {
        let options: Self = parse_options(NAME, table)?;
        if options.noise.is_finite() && options.noise >= 0.0 {
            return Ok(options);
        }
        Err(GrowthError::option(
            NAME,
            "noise",
            format!("found {}, expected a number that is at least 0", options.noise),
        ))
    }
}

impl<D: Kernels> Method<D> for Net2Net {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Copies units and divides whatever reads them, adds layers that start as the identity, then trains (Chen et al. 2016)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let Net2NetOptions { draw, noise } = Net2NetOptions::parse(options)?;
        check(&task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), WiderDeeper { draw, noise });
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies, divided by their number (Net2WiderNet)", depth: "identity layers (Net2DeeperNet)" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let Net2NetOptions { draw, .. } = Net2NetOptions::parse(options)?;
        let (small, large) = (&task.small, &task.large);
        check(small, large)?;
        Ok(CopiedGrowth { method: NAME, draw, depth: deeper(small, large) }.guarantee(small, large))
    }
}

fn check(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    check_growth(small, large)?;
    check_head_dim(NAME, small, large)
}

/// Net2DeeperNet.
fn deeper(small: &ModelConfig, large: &ModelConfig) -> DepthMap {
    DepthMap::spread(small.num_hidden_layers, large.num_hidden_layers)
}

/// The operator behind [`Net2Net`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WiderDeeper {
    /// How the copied units are drawn.
    pub draw: Draw,
    /// As [`Net2NetOptions::noise`].
    pub noise: f32,
}

impl WiderDeeper {
    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check(small, large)?;
        Ok(LinearGrowth { width: WidthMap::copies(small, large, self.draw, growth.seed)?, depth: deeper(small, large) })
    }
}

impl<D: Kernels> GrowthOperator<D> for WiderDeeper {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let linear = self.linear(growth)?;
        let mut grown = linear.grow(growth)?;
        if self.noise > 0.0 {
            linear.add_noise(growth, &mut grown, Noise::Shares(self.noise))?;
        }
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth)?.grow_moments(growth, moments)
    }
}
