//! LEMON: lossless model expansion (Wang et al. 2023, arXiv 2310.07999).
//!
//! The large model computes what the small one does, for **any** width D ≥ d of the residual stream. With m = ⌊D / d⌋ the
//! stream h becomes
//!
//! ```text
//! layer norm:  h_new = [h, …, h, μ(h), …, μ(h)]        m copies, the mean of h in the rest
//! RMS norm:    h_new = [h, …, h, 0, …, 0]              m copies, 0 in the rest
//! ```
//!
//! - **Whatever writes to the stream** (embeddings, attention's and the MLP's output maps, their biases) repeats its rows, and
//!   has their mean (or 0) as its rows of the rest.
//! - **Norms.** The mean is the small one's, the variance (mean square) is m·d/D times the small one's. So with
//!   η = √(m·d / D) the gain is η·γ and ε is η²·ε: `η γ (h − μ) / √(η² σ² + η² ε)`. Normalised, the rest is 0, and its bias is 0.
//! - **Whatever reads the stream** gives each copy a share of W: the blocks of the copies add up to W. The columns of the rest
//!   read zeros, so they are free: they keep a fresh start. A norm in front of an output that is tied to the embedding is a
//!   reader: its gain and bias are shared out instead, η·γ/m and β/m.
//! - **Heads and MLP neurons**: new ones copy old ones in turn (whole heads, with the query heads that share keys and values;
//!   CaiT's talking heads follow), and what reads their results is shared out. Heads may become longer where positions are not
//!   rotary: old queries times √(E_new/E), new keys 0, new values unread.
//! - **Depth**: new layers, spread over the depth, are copies whose last maps are 0.
//!
//! CaiT's LayerScale γ stands between a map W and the stream. The rest needs the mean of γ∘W x, so its rows are Σ_j γ_j W_j /
//! (d·g) and its gain is g, the root mean square of γ. Qwen3 norms queries and keys with the same ε as the stream; they are
//! multiplied by η, which makes up for η²·ε.
//!
//! `timm`'s files (CaiT, and ViT and DeiT if so named) know one ε, 1e-6, only. There ε stays, and the function is preserved but
//! for less than ε/2σ² of it.
//!
//! Behind the norm (BERT, RoBERTa) only multiples of d are lossless, and others are refused: the rest would have to hold the
//! mean of what a norm's gain and bias have just made, and neither of them can put a mean over other coordinates into one. In a
//! model that is m copies throughout nothing has to.
//!
//! **Symmetry.** Copies that are read in equal shares get gradients that are equal up to a factor, which Adam divides out: they
//! would never come apart. So each weight gives the first of two copies the share (1 + n)/c and the second (1 − n)/c, n ~ N(0,
//! `noise`²). The authors draw shares as well; how unequal they should be is not settled, 0.1 is this crate's choice.
//!
//! ```
//! use ligo_growth::{Action, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_lemon::Lemon;
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
//! // One and a half times as wide: no multiple.
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, num_hidden_layers: 2, ..small.clone() };
//! let recipe = Method::<Cpu>::recipe(&Lemon, &toml::Table::new(), &Task { small, large, steps: 600 })?;
//! let Action::Grow { to, .. } = &recipe.stages[0].action else { unreachable!("the first stage grows") };
//! assert!((to.layer_norm_eps() - 1e-5 * 4.0 / 6.0).abs() < 1e-10);
//! # Ok(())
//! # }
//! ```

mod layer_scale;
mod maps;
#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, DepthMap, Growth, GrowthError, GrowthOperator, Guarantee, LinearGrowth, Method, Moments, Noise, Recipe,
    Result, Stage, Start, Task, check_growth, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "lemon";

/// Lossless growth to any width and depth.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lemon;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LemonOptions {
    /// How unequally two copies share what is read from them: the standard deviation of a share relative to an equal one. 0:
    /// equally.
    pub noise: f32,
}

impl Default for LemonOptions {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl LemonOptions {
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

impl<D: Kernels> Method<D> for Lemon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Grows to any width and depth without changing the function, by copies, means and silent layers (Wang et al. 2023)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let LemonOptions { noise } = LemonOptions::parse(options)?;
        let to = grown_config(&task.small, &task.large)?;
        let grow = Stage::grow("grow", to, Lossless { noise });
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies, and the mean in the rest", depth: "silent copies" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        LemonOptions::parse(options)?;
        grown_config(&task.small, &task.large)?;
        Ok(Guarantee::Function)
    }
}

/// The model that `small` grows to if it is to have the sizes of `large`: where the hidden size is no multiple, ε is η² times
/// as large, unless the model has the names of `timm`, whose files know one ε only.
///
/// # Errors
/// [`GrowthError::Sizes`] if the one cannot grow into the other, or not without loss.
pub fn grown_config(small: &ModelConfig, large: &ModelConfig) -> Result<ModelConfig> {
    check_growth(small, large)?;
    maps::check(small, large)?;
    let eps = maps::eps(small, large);
    let changes = eps != large.layer_norm_eps();
    Ok(ModelConfig { layer_norm_eps: if changes { Some(eps) } else { large.layer_norm_eps }, ..large.clone() })
}

/// The operator behind [`Lemon`]; it grows to what [`grown_config`] gives.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lossless {
    /// As [`LemonOptions::noise`].
    pub noise: f32,
}

impl Lossless {
    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        let depth = DepthMap::spread(small.num_hidden_layers, large.num_hidden_layers);
        Ok(LinearGrowth { width: maps::width(small, large)?, depth })
    }
}

impl<D: Kernels> GrowthOperator<D> for Lossless {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let linear = self.linear(growth)?;
        let mut grown = linear.grow(growth)?;
        layer_scale::fill_rest(&linear, growth, &mut grown)?;
        if self.noise > 0.0 {
            linear.add_noise(growth, &mut grown, Noise::Shares(self.noise))?;
        }
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth)?.grow_moments(growth, moments)
    }
}
