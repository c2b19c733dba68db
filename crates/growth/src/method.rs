//! A method as plain data: what it starts from and its stages. The trainer and the experiment carry it out, so that every
//! method is charged, resumed and reported alike.

use crate::{GrowthOperator, LearnedOperator, Result};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;
use serde::{Deserialize, Serialize};
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

/// How a learned operator's factors are trained (PAPER.md 1.8): AdamW, the rate going on as `decay` says after a linear warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorTraining {
    /// Optimiser steps.
    pub steps: u64,
    /// Rate after the warm-up.
    pub learning_rate: f32,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// How the rate goes on after the warm-up; where it falls it is 0 behind the last step.
    pub decay: RateDecay,
    /// Decoupled decay of the factors.
    pub weight_decay: f32,
    /// Sequences or images in a step; none: as many as in a step of the large model's training.
    pub batch_size: Option<usize>,
    /// Whether the large model's dropout is on meanwhile.
    pub dropout: bool,
}

/// How a learning rate goes on after its warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateDecay {
    /// It stays.
    #[default]
    Constant,
    /// It falls along a straight line.
    Linear,
    /// It falls along half a cosine.
    Cosine,
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
    /// Train the current model on steps `from..from + steps` of the experiment's schedule.
    Train {
        /// Optimiser steps.
        steps: u64,
        /// Where in the learning-rate schedule this stage begins (0 unless an earlier stage used the first part).
        schedule_from: u64,
        /// What is trained, and by which loss.
        training: Box<Training>,
    },
}

/// What a stage trains and by which loss; the default is everything by the plain loss.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Training {
    /// Which weights change.
    pub trained: Trained,
    /// A teacher's part in the loss.
    pub distillation: Option<Distillation>,
    /// New dimensions that fade in.
    pub masks: Option<FadeIn>,
    /// Layers that are left out at random.
    pub layer_dropping: Option<LayerDropping>,
    /// Tokens that skip the middle layers.
    pub token_dropping: Option<TokenDropping>,
    /// Only the bottom of the model at a time.
    pub sub_models: Option<SubModels>,
}

/// Which weights of a model a stage changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trained {
    /// All.
    #[default]
    All,
    /// The layers from this one on, and what stands on top of them, a tied embedding included. What lies below only runs forward,
    /// and costs no backward; no gradient reaches the embeddings from below.
    From(usize),
    /// These layers alone. Gradients go through all others without changing them.
    Layers(Vec<usize>),
    /// A model of the bottom so many layers and what stands on top of them; the layers above are not there, and stay as they are.
    Bottom(usize),
}

/// Knowledge inheritance: the experiment's small model teaches (Qin et al. 2021).
///
/// The loss of step t of the schedule is `(1 − r) · L + r · T² · KL(teacher ‖ student)` on the labelled positions, both softened
/// by the temperature T, with `r = max(0, 1 − t / until)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Distillation {
    /// T.
    pub temperature: f32,
    /// The step at which the teacher falls silent; from there on its forward is neither run nor charged.
    pub until: u64,
}

/// Masked structural growth: what a small model did not have fades in (Yao et al. 2023).
///
/// Every residual coordinate, MLP neuron, head and layer that is new carries a mask c that rises linearly from 0 at the stage's
/// step 0 to 1 at its step `steps`; what produces it is multiplied by c, and the norms take mean and variance over the
/// coordinates weighted by c.
#[derive(Debug, Clone, PartialEq)]
pub struct FadeIn {
    /// The architecture whose units are not new: the first so many of each space, and the first so many layers.
    pub from: ModelConfig,
    /// Steps until all masks are 1; from there on there are none.
    pub steps: u64,
}

/// Progressive layer dropping (Zhang & He 2020; PAPER.md 3.6): layer i of L (from 1) is left out of a micro-batch with probability
/// `p(t) · i / L`, with p(t) rising from 0 to `max_rate` along `1 − exp(−100 t / steps of the training)`. The branches of the
/// layers that stay are divided by the probability of staying.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerDropping {
    /// The probability that it rises to, below 1 (the paper: 0.1).
    pub max_rate: f32,
}

/// Random tokens skip the middle layers (Hou et al. 2022; PAPER.md 3.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenDropping {
    /// The share of each sequence's tokens that is set aside (the paper: 0.15).
    pub share: f32,
    /// The first layer that they skip; none: half of the layers down, `num_hidden_layers / 2 − 1`, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_layer: Option<usize>,
    /// The layer at which they come back, behind all that they skip; none: the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_layer: Option<usize>,
}

/// bert2BERT's first stage (Chen et al. 2022): each step draws one of the sub-models made of the bottom k · `layers` layers and the
/// head, and trains its top `layers` layers and the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubModels {
    /// l_b.
    pub layers: usize,
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

    /// A stage that trains everything on that part of the experiment's learning-rate schedule.
    pub fn train(name: impl Into<String>, steps: Range<u64>) -> Self {
        Self::train_as(name, steps, Training::default())
    }

    /// A stage that trains as `training` says on that part of the experiment's learning-rate schedule.
    pub fn train_as(name: impl Into<String>, steps: Range<u64>, training: Training) -> Self {
        let (from, steps) = (steps.start, steps.end.saturating_sub(steps.start));
        Self { name: name.into(), action: Action::Train { steps, schedule_from: from, training: training.into() } }
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

impl<D: Kernels> Recipe<D> {
    /// Whether it needs the experiment's small model, to start from or to learn from.
    pub fn needs_small(&self) -> bool {
        let taught = |stage: &Stage<D>| match &stage.action {
            Action::Train { training, .. } => training.distillation.is_some(),
            _ => false,
        };
        self.start == Start::Small || self.stages.iter().any(taught)
    }
}

/// What can be said of the large model as a method grows it, before it is trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guarantee {
    /// It computes what the small model does, to 1e-5 of the largest output.
    Function,
    /// Large layer i is small layer `layers[i]`: exactly so where no width grows, else widened like all layers.
    Layers(Vec<usize>),
    /// Only that it is a model: the reason why it is no more, in half a sentence.
    Nothing(String),
}

/// Which axes a method grows by a rule of its own, and what it does along the other one, each in a few words for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes {
    /// How widths grow: `learnt`, `copies, divided by their number (FPI)`, `borrowed: FPI`, …
    pub width: &'static str,
    /// How depth grows.
    pub depth: &'static str,
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

    /// Which axes it grows, and how.
    fn axes(&self) -> Axes;

    /// What can be said of the model that its recipe grows, with these options. Every method is held to it on every family by a
    /// test that goes through the registry.
    ///
    /// # Errors
    /// As [`Method::recipe`].
    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee>;
}
