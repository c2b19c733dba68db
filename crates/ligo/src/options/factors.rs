//! The options of the operator alone, without those of its training.

use super::choices::{BiasDepth, DepthStart, DepthWeights, Rotary, Sharing, Tying, WidthForm, WidthStart};
use ligo_growth::{GrowthError, Result};

/// What the factors are and where they start. The TOML keys of the same names are explained at [`crate::LigoOptions`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactorOptions {
    /// The form of B.
    pub width_form: WidthForm,
    /// Where B starts.
    pub width_start: WidthStart,
    /// What consuming axes take.
    pub tying: Tying,
    /// How many factors there are.
    pub sharing: Sharing,
    /// Queries and keys under rotary positions.
    pub rotary: Rotary,
    /// Whether a masked language model's output transform has a factor of its own.
    pub head_factor: bool,
    /// Where w starts.
    pub depth_start: DepthStart,
    /// w starts at `(start + U(0, noise) elsewhere)`, each row divided by its sum.
    pub depth_noise: f32,
    /// One w, or one for each module.
    pub depth_weights: DepthWeights,
    /// Whether a bias has depth weights of its own.
    pub bias_depth: BiasDepth,
    /// Whether every large weight has a learnt addition of its own.
    pub residual: bool,
    /// Whether what no small weight covers starts with the large model's fresh values beside the learnt map.
    pub fresh: bool,
    /// Whether the small weights are trained too.
    pub tune_small: bool,
    /// Learning rates as multiples of that of the width factors.
    pub rates: Rates,
}

/// Learning rates as multiples of that of the width factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of the depth weights.
    pub depth: f32,
    /// Of the additions to the large weights.
    pub residual: f32,
    /// Of the small weights.
    pub small: f32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { depth: 1.0, residual: 1.0, small: 1.0 }
    }
}

impl Default for FactorOptions {
    fn default() -> Self {
        crate::LigoOptions::default().factors()
    }
}

impl FactorOptions {
    /// Whether the options go together.
    ///
    /// # Errors
    /// [`GrowthError::Option`] that names the key to change.
    pub(crate) fn check(&self, method: &'static str) -> Result<()> {
        let wrong = |key: &str, reason: &str| Err(GrowthError::option(method, key, reason));
        if self.width_start.divides() && self.tying == Tying::Tied {
            return wrong(
                "tying",
                "found \"tied\" with a width_start whose copies are divided by whatever reads them, \
                 expected \"untied\" or \"scaled\" (or the key left out)",
            );
        }
        if self.depth_start == DepthStart::Identity && self.depth_weights == DepthWeights::Shared {
            return wrong(
                "depth_weights",
                "found \"shared\" with depth_start = \"identity\", whose new layers start with some modules at 0 and others \
                 not, expected \"per-module\"",
            );
        }
        Ok(())
    }
}
