//! The table `[search]`: training keys of which every row gets the values that suit it best.

use super::{Experiment, MethodConfig};
use ligo_train::TrainingConfig;
use serde::{Deserialize, Serialize};

/// A grid that is searched for every row alike, on the experiment's first seed. The point that ends best is what the row is
/// trained with, on all seeds. A list that is left out holds the row's own value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// Values of `training.learning_rate`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learning_rate: Vec<f64>,
    /// Values of `training.warmup_steps`: what a model is warmed up with once it has grown, and a fresh one from the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warmup_steps: Vec<u64>,
}

impl SearchConfig {
    /// The points of the grid for a row that is trained as `training` says otherwise.
    pub(crate) fn points(&self, training: &TrainingConfig) -> Vec<TrainingConfig> {
        let rates = or_own(&self.learning_rate, training.learning_rate);
        let warmups = or_own(&self.warmup_steps, training.warmup_steps);
        let point = |learning_rate, warmup_steps| TrainingConfig { learning_rate, warmup_steps, ..training.clone() };
        rates.iter().flat_map(|&rate| warmups.iter().map(move |&steps| point(rate, steps))).collect()
    }
}

fn or_own<T: Copy>(values: &[T], own: T) -> Vec<T> {
    if values.is_empty() { vec![own] } else { values.to_vec() }
}

impl Experiment {
    /// A row for every point of the grid of `row`, under labels that no file can give; none without a grid.
    pub(crate) fn candidates(&self, row: &MethodConfig) -> Vec<MethodConfig> {
        let Some(search) = &self.search else { return Vec::new() };
        let candidate = |training: TrainingConfig| MethodConfig {
            label: format!("{}@{:e}-{}", row.label, training.learning_rate, training.warmup_steps),
            training,
            ..row.clone()
        };
        search.points(&row.training).into_iter().map(candidate).collect()
    }
}
