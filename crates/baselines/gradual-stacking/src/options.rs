//! Which depths there are, which part of the steps each gets, and which layers a growth copies.

use crate::NAME;
use ligo_growth::{Draw, GrowthError, Result, Task, share_out};
use serde::Deserialize;
use std::ops::Range;

/// What an experiment file may say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradualStackingOptions {
    /// Which block is copied: the `middle` one (MIDAS), or the `top` one.
    pub variant: Variant,
    /// What it grows from: its own `shallow` model, or the pretrained `small` one.
    pub start: GrowFrom,
    /// k, the number of depths that are trained, in equal steps of depth up to the large model's. Left out: from its own model
    /// the first of 4, 3 and 2 that divides L2; from the small one as few as the copying allows, 1 up to twice the depth.
    pub stages: Option<usize>,
    /// The share of the steps at each depth, the shallowest first, their sum 1. Left out: in the ratio 1 : 2 : … : k.
    pub shares: Option<Vec<f64>>,
    /// How FPI draws its copies where widths grow from the small model's: `random`, or `balanced`.
    pub draw: Draw,
}

/// Which block is copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The middle one, beside itself.
    #[default]
    Middle,
    /// The last one, on top.
    Top,
}

/// What the first growth starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowFrom {
    /// A shallow model of its own.
    #[default]
    Shallow,
    /// The experiment's pretrained small model.
    Small,
}

impl Variant {
    /// For each of `to` layers the one of `from` that it copies; `to` is at least `from` and at most twice as many.
    pub(crate) fn layers(self, from: usize, to: usize) -> Vec<usize> {
        let block = to - from;
        if block == 0 {
            return (0..from).collect();
        }
        let first = match self {
            Self::Middle => (from - block) / (2 * block) * block,
            Self::Top => from - block,
        };
        (0..first + block).chain(first..from).collect()
    }
}

impl GradualStackingOptions {
    /// For each stage its number of layers and its part of the steps.
    pub(crate) fn resolve(&self, task: &Task) -> Result<Vec<(usize, Range<u64>)>> {
        let depths = match self.start {
            GrowFrom::Shallow => self.own_depths(task.large.num_hidden_layers)?,
            GrowFrom::Small => self.depths_from(task.small.num_hidden_layers, task.large.num_hidden_layers)?,
        };
        let steps = share_out(NAME, &self.shares(depths.len())?, task.steps)?;
        Ok(depths.into_iter().zip(steps).collect())
    }

    fn own_depths(&self, layers: usize) -> Result<Vec<usize>> {
        let wrong = |reason| Err(GrowthError::option(NAME, "stages", reason));
        let stages = match self.stages {
            Some(stages) if stages < 2 => return wrong(format!("found {stages}, expected at least 2")),
            Some(stages) => stages,
            None => [4, 3, 2].into_iter().find(|stages| layers.is_multiple_of(*stages)).unwrap_or(layers),
        };
        if stages < 2 || !layers.is_multiple_of(stages) {
            let reason = format!("found {stages}, expected a divisor of the large model's {layers} layers, at least 2");
            return wrong(reason);
        }
        Ok((1..=stages).map(|i| layers / stages * i).collect())
    }

    fn depths_from(&self, small: usize, large: usize) -> Result<Vec<usize>> {
        let added = large - small;
        // No block is larger than what there is to copy, and a model that stays as deep has one stage.
        let possible = |stages: &usize| added.is_multiple_of(*stages) && added / stages <= small;
        let fewest = (1..=added.max(1)).find(possible).unwrap_or(1);
        let stages = self.stages.unwrap_or(fewest);
        if stages == 0 || !possible(&stages) || (added == 0 && stages > 1) {
            let reason = format!(
                "found {stages}, expected a divisor of the {added} layers to be added, at least {fewest}, so that each \
                 stage copies no more than the {small} layers that there are"
            );
            return Err(GrowthError::option(NAME, "stages", reason));
        }
        Ok((1..=stages).map(|i| small + added / stages * i).collect())
    }

    fn shares(&self, stages: usize) -> Result<Vec<f64>> {
        match &self.shares {
            Some(shares) if shares.len() != stages => {
                let reason = format!("found {}, expected {stages}, one for each stage", shares.len());
                Err(GrowthError::option(NAME, "shares", reason))
            }
            Some(shares) => Ok(shares.clone()),
            None => {
                let whole = (stages * (stages + 1) / 2) as f64;
                Ok((1..=stages).map(|i| i as f64 / whole).collect())
            }
        }
    }
}
