//! How often the depth doubles, and which part of the steps each depth gets.

use ligo_growth::{GrowthError, Result, Task, share_out};
use serde::Deserialize;
use std::ops::Range;

/// What an experiment file may say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackBertOptions {
    /// How often the depth doubles; left out: 2 if the large model's layers are a multiple of 4, otherwise 1.
    pub doublings: Option<u32>,
    /// The share of the steps at each depth, the shallowest first: one more than there are doublings, their sum 1. Left out: half
    /// of the steps at full depth, the other half in the ratio 2 : 3 : 4 … over the shallower ones, so 20 %, 30 %, 50 % for two
    /// doublings.
    pub shares: Option<Vec<f64>>,
}

impl StackBertOptions {
    /// For each stage its number of layers and its part of the steps.
    pub(crate) fn resolve(&self, task: &Task) -> Result<Vec<(usize, Range<u64>)>> {
        let layers = task.large.num_hidden_layers;
        let doublings = self.doublings(layers)?;
        let parts = share_out(crate::NAME, &self.shares(doublings)?, task.steps)?;
        let depth = |i: usize| layers >> (doublings as usize - i);
        Ok(parts.into_iter().enumerate().map(|(i, steps)| (depth(i), steps)).collect())
    }

    fn doublings(&self, layers: usize) -> Result<u32> {
        let wrong = |reason| Err(GrowthError::option(crate::NAME, "doublings", reason));
        let possible = layers.trailing_zeros().min(usize::BITS - 1);
        match self.doublings {
            None if possible == 0 => {
                wrong(format!("the large model's {layers} layers cannot be halved, expected an even num_hidden_layers"))
            }
            None => Ok(possible.min(2)),
            Some(0) => wrong("found 0, expected at least 1".into()),
            Some(doublings) if doublings > possible => wrong(format!(
                "found {doublings}, but the large model's {layers} layers can be halved {possible} times only"
            )),
            Some(doublings) => Ok(doublings),
        }
    }

    fn shares(&self, doublings: u32) -> Result<Vec<f64>> {
        let Some(shares) = &self.shares else {
            let ratio: Vec<f64> = (2..2 + doublings).map(f64::from).collect();
            let whole: f64 = 2.0 * ratio.iter().sum::<f64>();
            return Ok(ratio.into_iter().map(|part| part / whole).chain([0.5]).collect());
        };
        if shares.len() != doublings as usize + 1 {
            let reason = format!("found {}, expected {} for {doublings} doublings", shares.len(), doublings + 1);
            return Err(GrowthError::option(crate::NAME, "shares", reason));
        }
        Ok(shares.clone())
    }
}
