//! The options of LiGO in an experiment file, and their bounds.

mod choices;
mod factors;
mod preset;
#[cfg(test)]
mod tests;

pub use choices::{BiasDepth, DepthStart, DepthWeights, Preset, Rotary, Sharing, Tying, WidthForm, WidthStart};
pub use factors::{FactorOptions, Rates};

use ligo_growth::{GrowthError, OperatorTraining, RateDecay, Result, Task, parse_options};
use serde::Deserialize;

/// What an experiment file may say about LiGO; every key has a default, which is that of the preset `ligo` here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LigoOptions {
    /// Where the defaults of the other keys come from, see [`Preset`]: that of the method's name.
    pub preset: Preset,
    /// Optimiser steps of the operator; left out: 100 (the paper's), or 20 if the large model trains for less than 2,000 steps.
    /// With 0 the operator stays at its start.
    pub steps: Option<u64>,
    /// Learning rate of the factors, above 0: 1e-3. 3e-3 is better if the small model is undertrained.
    pub learning_rate: f32,
    /// Learning rate of the depth weights w; left out: the same. With 0 they stay at their start.
    pub depth_learning_rate: Option<f32>,
    /// Learning rate of the additions R, with `residual` only; left out: the same.
    pub residual_learning_rate: Option<f32>,
    /// Learning rate of the small weights, with `tune_small` only; left out: the same.
    pub small_learning_rate: Option<f32>,
    /// Steps of linear warm-up: 10. Where it is longer than `steps` the rate never arrives (as in the published run).
    pub warmup_steps: u64,
    /// How the rate goes on after the warm-up: `constant`, or `linear` or `cosine` down to what would be 0 one step
    /// after the last.
    pub schedule: RateDecay,
    /// Decoupled weight decay of all factors but s: 0.
    pub weight_decay: f32,
    /// Sequences or images in a step, at least 1; left out: as many as in a step of the large model's training.
    pub batch_size: Option<usize>,
    /// Whether the large model's dropout is on while the operator is learnt: true.
    pub dropout: bool,
    /// See [`WidthForm`]: `identity` or `free`.
    pub width_form: WidthForm,
    /// See [`WidthStart`]: `random`, `selection`, `selection-normalised`, `gaussian`, `function-preserving` or `zero`.
    pub width_start: WidthStart,
    /// See [`Tying`]: `tied`, `scaled` or `untied`; left out: `tied`, or `untied` where `width_start` divides.
    pub tying: Option<Tying>,
    /// See [`Sharing`]: `per-kind`, `per-small-layer` or `per-large-layer`.
    pub factors: Sharing,
    /// See [`Rotary`]: `whole-heads` or `dense`; nothing to families without rotary positions.
    pub rotary: Rotary,
    /// Whether the output transform of a masked language model has a factor of its own, `B.transform`: false, it takes the residual
    /// stream's. With true what the transform hands on is another space than the residual stream, while the decoder that reads it
    /// is the token embedding, which grows by `B.embed`: the two meet only as well as they are learnt to. (The published code has
    /// a decoder of its own while it learns, which reads that space; its export ties both.) Models without a transform have none.
    pub head_factor: bool,
    /// See [`DepthStart`]: `stack`, `interlace` or `identity`.
    pub depth_start: DepthStart,
    /// Size of the noise on the start of the depth weights, 0 to 1: `start + U(0, noise)` where the start is 0, each row divided by
    /// its sum; rows that start at 0 stay so. 0; the published `stackbert_noisy` has 0.03.
    pub depth_noise: f32,
    /// See [`DepthWeights`]: `per-module` or `shared`.
    pub depth_weights: DepthWeights,
    /// See [`BiasDepth`]: `shared` or `own`.
    pub bias_depth: BiasDepth,
    /// Whether every large weight has a learnt addition R of its own, starting at U(−0.01, 0.01): false. It takes the memory of the
    /// large model three times over, for R and its moments.
    pub residual: bool,
    /// Whether the entries that no small weight covers are the map's *plus* the fresh values of a large model, which stay constant
    /// while the map is learnt; left out: true, or false where `width_start` divides copies, whose sums they would upset. Measured
    /// on a small run, see the table of presets. A norm's gain is fresh as 1, so that a new one starts as the map's plus 1: twice a gain
    /// where the map takes a mean of old ones, which measured better than once. With `width_start = "zero"` that is direct copy's
    /// start. It takes the memory of those entries, and their part of a step: one addition each.
    pub fresh: Option<bool>,
    /// Whether the small weights are trained together with the factors: false.
    pub tune_small: bool,
}

impl Default for LigoOptions {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            steps: None,
            learning_rate: 1e-3,
            depth_learning_rate: None,
            residual_learning_rate: None,
            small_learning_rate: None,
            warmup_steps: 10,
            schedule: RateDecay::default(),
            weight_decay: 0.0,
            batch_size: None,
            dropout: true,
            width_form: WidthForm::default(),
            width_start: WidthStart::default(),
            tying: None,
            factors: Sharing::default(),
            rotary: Rotary::default(),
            head_factor: false,
            depth_start: DepthStart::default(),
            depth_noise: 0.0,
            depth_weights: DepthWeights::default(),
            bias_depth: BiasDepth::default(),
            residual: false,
            fresh: None,
            tune_small: false,
        }
    }
}

impl LigoOptions {
    /// Reads and checks the options of an experiment file for the method of that preset's name.
    ///
    /// # Errors
    /// [`GrowthError::Option`] that names the method, the key, what was found and what was expected.
    pub fn parse(method: Preset, table: &toml::Table) -> Result<Self> {
        let name = method.name();
        // Alone first: what is wrong with the file must not be laid at the preset's door.
        let preset = match table.contains_key("preset") {
            true => parse_options::<Self>(name, table)?.preset,
            false => method,
        };
        if method != Preset::Ligo && preset != method {
            let reason = format!("found \"{}\" in the method {name}, expected the method ligo, or none", preset.name());
            return Err(GrowthError::option(name, "preset", reason));
        }
        let mut whole = preset.table();
        whole.extend(table.clone());
        let options = Self { preset, ..parse_options(name, &whole)? };
        options.check(name)?;
        Ok(options)
    }

    fn check(&self, method: &'static str) -> Result<()> {
        let wrong = |key: &str, reason: String| Err(GrowthError::option(method, key, reason));
        let numbers = [
            ("learning_rate", Some(self.learning_rate), f32::MIN_POSITIVE, f32::MAX, "a positive number"),
            ("depth_learning_rate", self.depth_learning_rate, 0.0, f32::MAX, "0 or more"),
            ("residual_learning_rate", self.residual_learning_rate, 0.0, f32::MAX, "0 or more"),
            ("small_learning_rate", self.small_learning_rate, 0.0, f32::MAX, "0 or more"),
            ("weight_decay", Some(self.weight_decay), 0.0, f32::MAX, "0 or more"),
            ("depth_noise", Some(self.depth_noise), 0.0, 1.0, "0 to 1"),
        ];
        for (key, value, least, most, expected) in numbers {
            if let Some(value) = value
                && !(least..=most).contains(&value)
            {
                return wrong(key, format!("found {value}, expected {expected}"));
            }
        }
        for (key, rate) in self.own_rates() {
            if let Some(rate) = rate
                && !(rate / self.learning_rate).is_finite()
            {
                let reason = format!("found {rate}, which is no number times learning_rate = {}", self.learning_rate);
                return wrong(key, reason);
            }
        }
        if self.batch_size == Some(0) {
            return wrong("batch_size", "found 0, expected at least 1".into());
        }
        let without = [
            ("residual_learning_rate", self.residual_learning_rate, self.residual, "residual"),
            ("small_learning_rate", self.small_learning_rate, self.tune_small, "tune_small"),
        ];
        for (key, rate, there, owner) in without {
            if rate.is_some() && !there {
                return wrong(key, format!("nothing has this rate, expected {owner} = true beside it"));
            }
        }
        self.factors().check(method)
    }

    /// The rates that are not the width factors', by their keys.
    fn own_rates(&self) -> [(&'static str, Option<f32>); 3] {
        [
            ("depth_learning_rate", self.depth_learning_rate),
            ("residual_learning_rate", self.residual_learning_rate),
            ("small_learning_rate", self.small_learning_rate),
        ]
    }

    /// How the operator is trained.
    pub(crate) fn training(&self, task: &Task) -> OperatorTraining {
        OperatorTraining {
            steps: self.steps.unwrap_or(if task.steps < 2_000 { 20 } else { 100 }),
            learning_rate: self.learning_rate,
            warmup_steps: self.warmup_steps,
            decay: self.schedule,
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            dropout: self.dropout,
        }
    }

    /// The operator's own options.
    pub fn factors(&self) -> FactorOptions {
        let divides = self.width_start.divides();
        let implied = if divides { Tying::Untied } else { Tying::Tied };
        let [depth, residual, small] = self.own_rates().map(|(_, rate)| rate.map_or(1.0, |r| r / self.learning_rate));
        FactorOptions {
            width_form: self.width_form,
            width_start: self.width_start,
            tying: self.tying.unwrap_or(implied),
            sharing: self.factors,
            rotary: self.rotary,
            head_factor: self.head_factor,
            depth_start: self.depth_start,
            depth_noise: self.depth_noise,
            depth_weights: self.depth_weights,
            bias_depth: self.bias_depth,
            residual: self.residual,
            fresh: self.fresh.unwrap_or(!divides),
            tune_small: self.tune_small,
            rates: Rates { depth, residual, small },
        }
    }
}
