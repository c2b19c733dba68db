//! LiGO as a method of an experiment: learn the operator, grow, train.

use crate::{LigoOperator, LigoOptions};
use ligo_growth::{Action, Method, Recipe, Result, Stage, Start, Task, check_growth};
use ligo_kernels::Kernels;
use std::sync::Arc;

/// The learned linear growth operator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ligo;

impl<D: Kernels> Method<D> for Ligo {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn summary(&self) -> &'static str {
        "Learns a linear map from the small model's weights to the large one's on the large model's loss, then trains \
         (Wang et al. 2023)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let options = LigoOptions::parse(options)?;
        check_growth(&task.small, &task.large)?;
        let learn = Action::Learn {
            to: task.large.clone(),
            operator: Arc::new(LigoOperator { options: options.factors() }),
            training: options.training(task),
        };
        Ok(Recipe {
            start: Start::Small,
            stages: vec![Stage { name: "learn-operator".into(), action: learn }, Stage::train("train", 0..task.steps)],
        })
    }
}
