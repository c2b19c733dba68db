//! What an experiment file may say, and what it means for a task.

use crate::{Draw, NAME};
use ligo_growth::{GrowthError, Result, Task};
use serde::Deserialize;

/// The share of the steps that the authors train sub-models for: 5 of 40 epochs.
const AUTHORS_SHARE: f64 = 0.125;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bert2BertOptions {
    /// What new rows hold: `fpi`, copies; or `aki`, the next layer's.
    pub scheme: Scheme,
    /// How the copied coordinates are drawn: `random` (the authors'), or `balanced`.
    pub draw: Draw,
    /// l of the two-stage training, at most the large model's layers; left out, there is one stage.
    pub sub_model_layers: Option<usize>,
    /// The share of the steps that trains sub-models, above 0 and below 1; 0.125 if left out.
    pub sub_model_share: Option<f64>,
}

/// What the new rows of a weight hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Copies of the layer's own.
    #[default]
    Fpi,
    /// Copies of the next layer's.
    Aki,
}

impl Bert2BertOptions {
    /// The layers that a step on a sub-model trains, and the steps on sub-models; none where all steps train all.
    pub(crate) fn sub_models(&self, task: &Task) -> Result<Option<(usize, u64)>> {
        let wrong = |option: &str, reason| Err(GrowthError::option(NAME, option, reason));
        let Some(layers) = self.sub_model_layers else {
            return match self.sub_model_share {
                Some(_) => {
                    wrong("sub_model_share", "expected beside it sub_model_layers, the size of the parts".into())
                }
                None => Ok(None),
            };
        };
        let all = task.large.num_hidden_layers;
        if !(1..=all).contains(&layers) {
            let reason = format!("found {layers}, expected 1 to {all}, the large model's layers");
            return wrong("sub_model_layers", reason);
        }
        let share = self.sub_model_share.unwrap_or(AUTHORS_SHARE);
        let steps = (share * task.steps as f64).round();
        if !(share > 0.0 && share < 1.0) || steps < 1.0 || steps >= task.steps as f64 {
            let reason = format!(
                "found {share}, expected a share above 0 and below 1 that leaves both stages a step of {}",
                task.steps
            );
            return wrong("sub_model_share", reason);
        }
        Ok(Some((layers, steps as u64)))
    }
}
