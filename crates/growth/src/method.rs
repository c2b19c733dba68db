//! A method as plain data: what it starts from and its stages. The trainer and the experiment carry it out, so that every
//! method is charged, resumed and reported alike.

use crate::{GrowthOperator, LearnedOperator, Result};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;
use std::ops::Range;
use std::sync::Arc;

/// What an experiment asks of a method.
#[derive(Debug, Clone)]
pub struct Task {
    /// The pretrained small model.
    pub small: ModelConfig,
    /// The model to train.
    pub large: ModelConfig,
    /// Optimiser steps that the large model's training has.
    pub steps: u64,
}

/// What a recipe starts from.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A fresh model.
    Random(Box<ModelConfig>),
    /// The experiment's pretrained small model.
    Small,
}

/// How a learned operator's factors are trained (PAPER.md 1.8): AdamW, constant rate after a linear warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorTraining {
    /// Optimiser steps.
    pub steps: u64,
    /// Rate after the warm-up.
    pub learning_rate: f32,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Decoupled decay of the factors.
    pub weight_decay: f32,
}

/// What a stage does.
#[derive(Debug, Clone)]
pub enum Action<D: Kernels> {
    /// Grow the current model by a fixed operator.
    Grow {
        /// The architecture to grow to.
        to: ModelConfig,
        /// By what.
        operator: Arc<dyn GrowthOperator<D>>,
    },
    /// Learn an operator on the large model's loss, then grow the current model by it.
    Learn {
        /// The architecture to grow to.
        to: ModelConfig,
        /// What is learnt.
        operator: Arc<dyn LearnedOperator<D>>,
        /// How.
        training: OperatorTraining,
    },
    /// Train the current model with a fresh optimiser on steps `from..from + steps` of the experiment's schedule.
    Train {
        /// Optimiser steps.
        steps: u64,
        /// Where in the learning-rate schedule this stage begins (0 unless an earlier stage used the first part).
        schedule_from: u64,
    },
}

/// One stage of a recipe.
#[derive(Debug, Clone)]
pub struct Stage<D: Kernels> {
    /// What it is called in logs and metrics, unique in the recipe: `learn-operator`, `grow`, `train`, …
    pub name: String,
    /// What it does.
    pub action: Action<D>,
}

impl<D: Kernels> Stage<D> {
    /// A stage that grows the current model to `to` by a fixed operator.
    pub fn grow(name: impl Into<String>, to: ModelConfig, operator: impl GrowthOperator<D> + 'static) -> Self {
        Self { name: name.into(), action: Action::Grow { to, operator: Arc::new(operator) } }
    }

    /// A stage that trains on that part of the experiment's learning-rate schedule, with a fresh optimiser.
    pub fn train(name: impl Into<String>, steps: Range<u64>) -> Self {
        let action = Action::Train { steps: steps.end.saturating_sub(steps.start), schedule_from: steps.start };
        Self { name: name.into(), action }
    }
}

/// A method, resolved for one task.
#[derive(Debug, Clone)]
pub struct Recipe<D: Kernels> {
    /// What it starts from.
    pub start: Start,
    /// In order.
    pub stages: Vec<Stage<D>>,
}

/// A way to get the large model: one crate per method implements it, the registry in `ligo-experiment` names it.
pub trait Method<D: Kernels>: Send + Sync {
    /// Its name in TOML files, e.g. `stackbert`.
    fn name(&self) -> &'static str;

    /// One sentence: what it does and whose it is.
    fn summary(&self) -> &'static str;

    /// Checks the method's options (the TOML table under its name, without `method` and `label`) and says what to do.
    ///
    /// # Errors
    /// [`crate::GrowthError::Option`] for an option it does not know or cannot take, [`crate::GrowthError::Sizes`] where the
    /// models do not go together.
    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>>;
}
