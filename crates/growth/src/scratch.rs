//! The built-in method that grows nothing.

use crate::{Axes, Guarantee, Method, Recipe, Result, Stage, Start, Task, parse_options};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The large model from a fresh start: what every saving is measured against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scratch;

/// Scratch has no options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScratchOptions {}

impl<D: Kernels> Method<D> for Scratch {
    fn name(&self) -> &'static str {
        "scratch"
    }

    fn summary(&self) -> &'static str {
        "Trains the large model from a fresh start."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let ScratchOptions {} = parse_options("scratch", options)?;
        Ok(Recipe {
            start: Start::Random(task.large.clone().into()),
            stages: vec![Stage::train("train", 0..task.steps)],
        })
    }

    fn axes(&self) -> Axes {
        Axes { width: "fresh", depth: "fresh" }
    }

    fn guarantee(&self, options: &toml::Table, _: &Task) -> Result<Guarantee> {
        let ScratchOptions {} = parse_options("scratch", options)?;
        Ok(Guarantee::Nothing("nothing of the small model is in it".into()))
    }
}
