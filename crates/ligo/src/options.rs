//! The options of `ligo` in an experiment file, and their bounds.

use ligo_growth::{GrowthError, OperatorTraining, RateDecay, Result, Task, parse_options};
use serde::Deserialize;

/// What an experiment file may say about LiGO; every key has a default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LigoOptions {
    /// Optimiser steps of the operator; left out: 100 (the paper's), or 40 if the large model trains for less than 2,000 steps.
    /// With 0 the operator stays at its start.
    pub steps: Option<u64>,
    /// Learning rate of the factors, constant after the warm-up: 1e-3. 3e-3 is better if the small model is undertrained.
    pub learning_rate: f32,
    /// Steps of linear warm-up: 10. Where it is longer than `steps` the rate never arrives (as in the published run).
    pub warmup_steps: u64,
    /// Decoupled weight decay of the factors: 0.
    pub weight_decay: f32,
    /// See [`WidthForm`].
    pub width_form: WidthForm,
    /// See [`WidthStart`].
    pub width_start: WidthStart,
    /// See [`Tying`].
    pub tying: Tying,
    /// See [`DepthStart`].
    pub depth_start: DepthStart,
    /// Size of the noise on the start of the depth weights: 0. The published `stackbert_noisy` has 0.03.
    pub depth_noise: f32,
    /// See [`BiasDepth`].
    pub bias_depth: BiasDepth,
}

impl Default for LigoOptions {
    fn default() -> Self {
        let factors = FactorOptions::default();
        Self {
            steps: None,
            learning_rate: 1e-3,
            warmup_steps: 10,
            weight_decay: 0.0,
            width_form: factors.width_form,
            width_start: factors.width_start,
            tying: factors.tying,
            depth_start: factors.depth_start,
            depth_noise: factors.depth_noise,
            bias_depth: factors.bias_depth,
        }
    }
}

/// The options of the operator alone, without those of its training.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FactorOptions {
    /// The form of B.
    pub width_form: WidthForm,
    /// Where B starts.
    pub width_start: WidthStart,
    /// Whether A is B.
    pub tying: Tying,
    /// Where w starts.
    pub depth_start: DepthStart,
    /// w starts at `(start + U(0, noise) elsewhere)`, each row divided by its sum.
    pub depth_noise: f32,
    /// Whether a bias has depth weights of its own.
    pub bias_depth: BiasDepth,
}

/// The form of a width factor `B` `[D2, D1]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthForm {
    /// `[I; C]`: the old coordinates stay, C `[D2 − D1, D1]` is learnt (the published code).
    #[default]
    Identity,
    /// The whole matrix is learnt, starting from `[I; C]` (the paper's formula).
    Free,
}

/// Where the rows of C start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthStart {
    /// U[0, 1) divided by the row's sum, so that a new coordinate is about the mean of all old ones (the published `rand`).
    #[default]
    Random,
    /// A 1 at a random place of each row, undivided (the published `sel`): new coordinates copy old ones.
    Selection,
}

/// Whether consuming axes have factors of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tying {
    /// A = B.
    #[default]
    Tied,
    /// A of its own for each kind of space that something consumes, starting equal to B.
    Untied,
}

/// Where the depth weights start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepthStart {
    /// Large layer i is small layer i mod L1.
    #[default]
    Stack,
    /// Large layer i is small layer ⌊i · L1 / L2⌋.
    Interlace,
}

/// Which depth weights a bias takes (the paper does not say).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasDepth {
    /// Those of the weight that it belongs to (a norm's gain and bias share theirs).
    #[default]
    Shared,
    /// Its own, as in the published code.
    Own,
}

impl LigoOptions {
    /// Reads and checks the options of an experiment file.
    pub(crate) fn parse(table: &toml::Table) -> Result<Self> {
        let options: Self = parse_options(crate::NAME, table)?;
        let numbers = [
            ("learning_rate", options.learning_rate, f32::MIN_POSITIVE, "a positive number"),
            ("weight_decay", options.weight_decay, 0.0, "0 or more"),
            ("depth_noise", options.depth_noise, 0.0, "0 or more"),
        ];
        for (key, value, least, expected) in numbers {
            if !(value >= least && value.is_finite()) {
                return Err(GrowthError::option(crate::NAME, key, format!("found {value}, expected {expected}")));
            }
        }
        Ok(options)
    }

    /// How the operator is trained.
    pub(crate) fn training(&self, task: &Task) -> OperatorTraining {
        OperatorTraining {
            steps: self.steps.unwrap_or(if task.steps < 2_000 { 40 } else { 100 }),
            learning_rate: self.learning_rate,
            warmup_steps: self.warmup_steps,
            decay: RateDecay::Constant,
            weight_decay: self.weight_decay,
            batch_size: None,
            dropout: true,
        }
    }

    /// The operator's own options.
    pub fn factors(&self) -> FactorOptions {
        FactorOptions {
            width_form: self.width_form,
            width_start: self.width_start,
            tying: self.tying,
            depth_start: self.depth_start,
            depth_noise: self.depth_noise,
            bias_depth: self.bias_depth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_set() {
        let table = toml::toml! {
            steps = 7
            learning_rate = 3e-3
            warmup_steps = 2
            weight_decay = 0.1
            width_form = "free"
            width_start = "selection"
            tying = "untied"
            depth_start = "interlace"
            depth_noise = 0.03
            bias_depth = "own"
        };
        let options = LigoOptions::parse(&table).unwrap();
        assert_eq!((options.steps, options.warmup_steps), (Some(7), 2));
        let expected = FactorOptions {
            width_form: WidthForm::Free,
            width_start: WidthStart::Selection,
            tying: Tying::Untied,
            depth_start: DepthStart::Interlace,
            depth_noise: 0.03,
            bias_depth: BiasDepth::Own,
        };
        assert_eq!(options.factors(), expected);
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        for (text, key) in [
            ("learning_rate = 0", "learning_rate"),
            ("learning_rate = nan", "learning_rate"),
            ("weight_decay = -1", "weight_decay"),
            ("depth_noise = inf", "depth_noise"),
            ("width_form = 'fixed'", "width_form"),
            ("stpes = 1", "stpes"),
        ] {
            let message = LigoOptions::parse(&text.parse().unwrap()).unwrap_err().to_string();
            assert!(message.starts_with(&format!("method ligo: option {key}: ")), "{message}");
        }
    }
}
