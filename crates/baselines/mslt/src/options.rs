//! Which depths there are, which part of the steps each gets, and from which layer on it trains.

use crate::NAME;
use ligo_growth::{GrowthError, Result, Task, share_out};
use serde::Deserialize;
use std::ops::Range;

/// What an experiment file may say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MsltOptions {
    /// k, the number of depths, in equal steps up to the large model's. Left out: the first of 4, 3 and 2 that divides L2.
    pub stages: Option<usize>,
    /// The share of the steps at each depth, the shallowest first, their sum 1; all layers train at the last depth. With one
    /// more than there are depths, the last two are at full depth: first the new layers alone, then all. Left out: 25 %, 20 %,
    /// 30 % and 25 % for four stages, else equal parts.
    pub shares: Option<Vec<f64>>,
}

/// One training stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Of the model.
    pub(crate) layers: usize,
    /// The first layer that trains; 0: all, and what lies below them.
    pub(crate) trained_from: usize,
    /// Of the schedule.
    pub(crate) steps: Range<u64>,
}

impl MsltOptions {
    /// The training stages, at least two.
    pub(crate) fn resolve(&self, task: &Task) -> Result<Vec<Part>> {
        let layers = task.large.num_hidden_layers;
        let stages = self.stages(layers)?;
        let shares = self.shares(stages)?;
        let block = layers / stages;
        let parts = share_out(NAME, &shares, task.steps)?.into_iter().enumerate().map(|(i, steps)| {
            let layers = block * (i + 1).min(stages);
            let trained_from = if i + 1 == shares.len() { 0 } else { layers - block };
            Part { layers, trained_from, steps }
        });
        Ok(parts.collect())
    }

    fn stages(&self, layers: usize) -> Result<usize> {
        let stages = match self.stages {
            Some(stages) => stages,
            None => [4, 3, 2].into_iter().find(|stages| layers.is_multiple_of(*stages)).unwrap_or(layers),
        };
        if stages >= 2 && layers.is_multiple_of(stages) {
            return Ok(stages);
        }
        let reason = format!("found {stages}, expected a divisor of the large model's {layers} layers, at least 2");
        Err(GrowthError::option(NAME, "stages", reason))
    }

    fn shares(&self, stages: usize) -> Result<Vec<f64>> {
        match &self.shares {
            Some(shares) if shares.len() != stages && shares.len() != stages + 1 => {
                let reason = format!(
                    "found {}, expected {stages}, one for each depth, or {} with one for all layers at the end",
                    shares.len(),
                    stages + 1
                );
                Err(GrowthError::option(NAME, "shares", reason))
            }
            Some(shares) => Ok(shares.clone()),
            None if stages == 4 => Ok(vec![0.25, 0.2, 0.3, 0.25]),
            None => Ok(vec![1.0 / stages as f64; stages]),
        }
    }
}
