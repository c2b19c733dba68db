//! A row of the table: a method, how it is trained, and what can be asked of any method.

use ligo_growth::{LayerDropping, TokenDropping};
use ligo_train::TrainingConfig;
use serde::{Deserialize, Serialize};

/// A row of the table: an element of `[[methods]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodConfig {
    /// A name that the registry knows.
    pub method: String,
    /// Names the row and its run directories; the method's name if left out.
    pub label: String,
    /// How this row trains: in the TOML the keys that differ from `[training]`.
    pub training: TrainingConfig,
    /// What AdamW remembers when the model has grown.
    #[serde(default, skip_serializing_if = "OptimiserState::is_fresh")]
    pub optimiser_state: OptimiserState,
    /// Where in its schedule the learning rate is when the model has grown; as the method's recipe says if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_after_growth: Option<AfterGrowth>,
    /// Steps of the ramp of `learning_rate_after_growth = "re-warm"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewarm_steps: Option<u64>,
    /// Layers that are left out at random while the large model is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_dropping: Option<LayerDropping>,
    /// Tokens that skip the middle layers while the large model is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_dropping: Option<TokenDropping>,
    /// A part of the large model that is trained first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged_training: Option<StagedTraining>,
    /// The method's own options: in the TOML every other key.
    pub options: toml::Table,
}

/// The keys of a row that any method can have, beside `method`, `label` and `training`; all others are the method's own.
pub(crate) const ROW_KEYS: [&str; 6] = [
    "optimiser_state",
    "learning_rate_after_growth",
    "rewarm_steps",
    "layer_dropping",
    "token_dropping",
    "staged_training",
];

/// What AdamW remembers when a model has grown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserState {
    /// Nothing: every training stage begins with moments of zero.
    #[default]
    Fresh,
    /// What it remembered of the model before, from the small model's training on, grown as the weights are; and it goes on from one
    /// training stage to the next.
    Grown,
}

impl OptimiserState {
    /// Whether nothing is kept.
    pub fn is_fresh(&self) -> bool {
        *self == Self::Fresh
    }
}

/// Where in its schedule the learning rate is when a model has grown. The formulas are those of [`ligo_train::Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterGrowth {
    /// At its beginning: the whole schedule, warm-up and all, over the steps that are left.
    Restart,
    /// Where it stands, without a warm-up, as if that lay behind.
    Continue,
    /// Where it stands, after a linear ramp of `rewarm_steps` steps.
    ReWarm,
}

/// Staged training (PAPER.md 3.6): at first the bottom layers are trained as a model of their own, with the head on top of them, then
/// all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedTraining {
    /// How many layers the bottom part has.
    pub layers: usize,
    /// Its share of the steps (the paper: 50 K of 400 K).
    pub share: f64,
}
