//! What makes a layer silent: a layer that at first passes on what it gets.
//!
//! Before the norm it is enough that both branches add 0. Behind the norm a layer still norms its input twice, so the norm that
//! stood before a run of silent layers moves to the end of the run, and what lies between only norms what is normed already:
//!
//! ```text
//! x = LN_γβ(y)   becomes   u = LN_g0(y),  u = LN_g0(u + 0),  …,  x = LN_γβ(u + 0)        with g = √(1 + ε)
//! ```
//!
//! A norm with gain √(1 + ε) and bias 0 leaves an input of mean 0 and variance 1 as it is. The first one makes that of y, but for
//! the share of ε in y's variance σ²: what comes out of the run differs by the factor 1 + ε/2 · (1 − 1/σ²), whatever its length.

use crate::axis::Take;
use crate::{DepthMap, GrowthError, Result};
use ligo_models::{Init, Part};

/// The silent layers of one growth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence<'a> {
    pub(crate) depth: &'a DepthMap,
    pub(crate) post_norm: bool,
    /// ε of the large model's norms.
    pub(crate) eps: f32,
}

impl Silence<'_> {
    /// Refuses what cannot be silent.
    pub(crate) fn check(&self) -> Result<()> {
        if self.post_norm && self.depth.large_layers() > 0 && self.depth.is_silent(0) {
            return Err(GrowthError::Map {
                what: "the depth map".into(),
                found: "a silent first layer".into(),
                expected: "one that is not, as norms stand behind the sums and a silent layer takes over that of the layer before"
                    .into(),
            });
        }
        Ok(())
    }

    /// Makes one parameter of the layers what it is in silent ones; `values` has an entry for each large layer.
    pub(crate) fn apply(&self, part: Part, init: Init, take: Take, values: &mut [Vec<f32>]) {
        let layers = self.depth.large_layers().min(values.len());
        let silent = |layer: usize| layer < layers && self.depth.is_silent(layer);
        let neutral = match (take, init) {
            (Take::Values, Init::Ones) => (1.0 + self.eps).sqrt(),
            _ => 0.0,
        };
        for layer in 0..layers {
            match part {
                Part::MlpNorm if self.post_norm && silent(layer + 1) => {
                    let moved = std::mem::take(&mut values[layer]);
                    values[layer] = vec![neutral; moved.len()];
                    values[layer + 1] = moved;
                }
                // The last of a run has what has moved there.
                Part::MlpNorm if self.post_norm => {}
                Part::AttentionNorm if self.post_norm && silent(layer) => values[layer].fill(neutral),
                Part::AttentionOutput | Part::MlpOutput if silent(layer) => values[layer].fill(0.0),
                // Nothing comes back through outputs of 0.
                _ if silent(layer) && take != Take::Values => values[layer].fill(0.0),
                _ => {}
            }
        }
    }
}
