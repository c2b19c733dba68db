//! Shrink, pad, perturb (Mallik et al. 2024, "Warmstarting for Scaling Language Models", arXiv 2411.07340; 2026, arXiv
//! 2605.13405).
//!
//! The small weights, shrunk by λ, lie in the corner of the large ones, zeros around them, and a fresh start of the large model
//! is added everywhere, so that the old block learns anew and the new ones start as in any fresh model:
//!
//! ```text
//! W_new = λ [ W  0 ] + σ ε        ε: the large model's own fresh start
//!           [ 0  0 ]
//! ```
//!
//! λ is the option `shrink`, σ the option `noise`; σ = 1 is the authors', whose ε comes from μP's start (here it is the
//! family's own, N(0, initializer_range²)). With λ = 1 and σ = 0 this is plain zero padding; with σ = 1 and no ε over the old
//! block it would be `direct-copy`. Vectors that start as a constant c (a norm's gain as 1, biases as 0, LayerScale as its
//! start) are shrunk towards it, c + λ (v − c), and are c where they are new: noise has no meaning for them, and a gain of 0
//! would cut a channel off.
//!
//! An axis of attention is padded head by head, so that small heads stay whole. Where the depth grows too, the layers are
//! stacked, each with noise of its own. The function is not preserved; the later paper finds that it need not be.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_shrink_pad_perturb::ShrinkPadPerturb;
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
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, ..small.clone() };
//! let options = toml::toml! { shrink = 0.6 };
//! let recipe = Method::<Cpu>::recipe(&ShrinkPadPerturb, &options, &Task { small, large, steps: 600 })?;
//! assert_eq!(recipe.stages.len(), 2);
//! # Ok(())
//! # }
//! ```

mod operator;
#[cfg(test)]
mod tests;

pub use operator::Padded;

use ligo_growth::{
    Axes, DepthMap, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task, check_growth, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "shrink-pad-perturb";

/// The small block shrunk, zeros around it, noise over all.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShrinkPadPerturb;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShrinkPadPerturbOptions {
    /// λ, from 0 (a fresh model) to 1 (0.4 if left out, as Ash & Adams 2020 shrink).
    pub shrink: f32,
    /// σ: how much of a fresh large model is added (1 if left out).
    pub noise: f32,
}

impl Default for ShrinkPadPerturbOptions {
    fn default() -> Self {
        Self { shrink: 0.4, noise: 1.0 }
    }
}

impl<D: Kernels> Method<D> for ShrinkPadPerturb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Shrinks the small weights, pads them with zeros and adds a fresh start, then trains (Mallik et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "the small block shrunk, zeros around it, a fresh start added", depth: "stacking" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let Padded { shrink, noise } = operator(options, task)?;
        if (shrink, noise) != (1.0, 0.0) {
            return Ok(Guarantee::Nothing("the small weights are shrunk and perturbed".into()));
        }
        let depth = DepthMap::stack(task.small.num_hidden_layers, task.large.num_hidden_layers);
        Ok(Guarantee::Layers(depth.layers().unwrap_or_default()))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<Padded> {
    let ShrinkPadPerturbOptions { shrink, noise } = parse_options(NAME, options)?;
    if !(0.0..=1.0).contains(&shrink) {
        return Err(GrowthError::option(NAME, "shrink", format!("found {shrink}, expected a number from 0 to 1")));
    }
    if !noise.is_finite() || noise < 0.0 {
        return Err(GrowthError::option(
            NAME,
            "noise",
            format!("found {noise}, expected a finite number of at least 0"),
        ));
    }
    check_growth(&task.small, &task.large)?;
    Ok(Padded { shrink, noise })
}
