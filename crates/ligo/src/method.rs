//! LiGO as a method of an experiment: learn the operator, grow, train.

use crate::plan::Plan;
use crate::{LigoOperator, LigoOptions};
use ligo_growth::{Action, Axes, Guarantee, Method, Recipe, Result, Stage, Start, Task};
use ligo_kernels::Kernels;
use ligo_models::Model;
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
        // Resolving the operator finds every reason why it could not start, long before the small model is trained.
        Plan::new(&Model::new(task.small.clone())?, &Model::new(task.large.clone())?, &options.factors())?;
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

    fn axes(&self) -> Axes {
        Axes { width: "learnt", depth: "learnt" }
    }

    fn guarantee(&self, _: &toml::Table, _: &Task) -> Result<Guarantee> {
        Ok(Guarantee::Nothing("its factors are learnt on the loss".into()))
    }
}
