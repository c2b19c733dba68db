//! How a model is trained: the table `[training]` of an experiment, and the learning rate it means for every step.

use ligo_kernels::Precision;
use serde::{Deserialize, Serialize};

/// Everything that fixes the optimiser and its schedule. In TOML: the table `[training]`.
///
/// ```
/// # use ligo_train::TrainingConfig;
/// let config = TrainingConfig { warmup_steps: 10, ..TrainingConfig::new(100, 16, 5e-4) };
/// assert!(config.check().is_ok());
/// assert_eq!(config.learning_rate_at(9), 5e-4);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Optimiser steps that the schedule spans.
    pub steps: u64,
    /// Sequences in one optimiser step, over all its micro-batches.
    pub batch_size: usize,
    /// Micro-batches that a step is computed in, one after the other, to save memory; 1 if left out.
    ///
    /// Their gradients are added up, weighted by their labelled positions, so that the sum is the gradient of the whole
    /// batch.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Steps of linear warm-up; 0 if left out.
    #[serde(default)]
    pub warmup_steps: u64,
    /// How the rate falls after the warm-up; cosine if left out.
    #[serde(default)]
    pub schedule: Schedule,
    /// The rate that the schedule falls to, as a share of `learning_rate`; 0.1 if left out. A constant schedule ignores it.
    #[serde(default = "tenth")]
    pub final_ratio: f64,
    /// Decoupled weight decay λ, on matrices only; 0.01 if left out.
    #[serde(default = "weight_decay")]
    pub weight_decay: f64,
    /// β₁ of AdamW; 0.9 if left out.
    #[serde(default = "beta1")]
    pub beta1: f64,
    /// β₂ of AdamW; 0.999 if left out.
    #[serde(default = "beta2")]
    pub beta2: f64,
    /// ε of AdamW; 1e-8 if left out.
    #[serde(default = "eps")]
    pub eps: f64,
    /// Gradients are scaled down to this global norm where they exceed it; never if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f64>,
    /// Decay d of an average e of the weights w, which begins as the stage's first weights and moves after each step:
    /// `e ← d e + (1 − d) w` (timm's `ModelEmaV2`). The average is what is evaluated and what the stage ends with; there is none
    /// if left out, and never one of an operator's factors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Stochastic depth: the probability with which the last layer's branches are left out of a sequence or an image, and those of
    /// the layers before less often (in CaiT as often); none if left out, and never while an operator is learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_path: Option<f32>,
    /// How exact linear maps and attention compute, forward and backward; f32 if left out. Evaluations compute alike.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: ComputePrecision,
    /// Keeps of every block the residual stream before it alone, and computes the block again on the way back (Chen et al. 2016):
    /// the same numbers out of less memory and more time; not if left out. A step is charged as if nothing were computed twice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation_checkpointing: bool,
}

/// How exact linear maps and attention compute. Weights, moments and activations are f32 in memory with each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputePrecision {
    /// As exact as f32.
    #[default]
    F32,
    /// Products, but for small ones, round both sides to bf16 and sum in f32. Needs a processor that computes bf16.
    Bf16,
    /// `bf16` where the processor computes it, else `f32`: the same file gives other numbers on another processor.
    Auto,
}

impl ComputePrecision {
    /// What it means on this machine.
    ///
    /// # Errors
    /// `bf16` where the processor computes no bf16, or may not by [`ligo_kernels::SIMD_VARIABLE`].
    pub fn on_this_machine(self) -> Result<Precision, InvalidTraining> {
        match (self, Precision::Bf16.has_hardware()) {
            (Self::F32, _) | (Self::Auto, false) => Ok(Precision::F32),
            (Self::Bf16 | Self::Auto, true) => Ok(Precision::Bf16),
            (Self::Bf16, false) => Err(InvalidTraining {
                key: "precision",
                found: "bf16".into(),
                expected: "f32 or auto, as this processor computes no bf16 (AVX-512 BF16 or AMX)".into(),
            }),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Falls along a straight line.
    Linear,
    /// Falls along half a cosine.
    #[default]
    Cosine,
    /// Stays.
    Constant,
}

/// A key of a [`TrainingConfig`] that has no sensible value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {found}, expected {expected}")]
pub struct InvalidTraining {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

fn one() -> usize {
    1
}
fn tenth() -> f64 {
    0.1
}
fn weight_decay() -> f64 {
    0.01
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn eps() -> f64 {
    1e-8
}

impl TrainingConfig {
    /// The three that have no default; the rest as if left out.
    pub fn new(steps: u64, batch_size: usize, learning_rate: f64) -> Self {
        Self {
            steps,
            batch_size,
            accumulate: one(),
            learning_rate,
            warmup_steps: 0,
            schedule: Schedule::default(),
            final_ratio: tenth(),
            weight_decay: weight_decay(),
            beta1: beta1(),
            beta2: beta2(),
            eps: eps(),
            max_grad_norm: None,
            ema_decay: None,
            drop_path: None,
            precision: ComputePrecision::default(),
            activation_checkpointing: false,
        }
    }

    /// Sequences in one micro-batch.
    pub fn micro_batch_size(&self) -> usize {
        self.batch_size / self.accumulate.max(1)
    }

    /// Checks every key, and those that have to go together. The only place where they are checked.
    ///
    /// # Errors
    /// The first key that is out of range.
    pub fn check(&self) -> Result<(), InvalidTraining> {
        let require = |holds: bool, key: &'static str, found: String, expected: String| {
            if holds { Ok(()) } else { Err(InvalidTraining { key, found, expected }) }
        };
        let number = |holds: bool, key: &'static str, found: f64, expected: &str| {
            require(holds, key, found.to_string(), expected.to_owned())
        };
        // The kernels compute in f32, so it is the f32 that has to be in range.
        let narrow = |x: f64| x as f32;
        let within_one = |x: f64| x >= 0.0 && narrow(x) < 1.0;

        require(self.steps >= 1, "steps", self.steps.to_string(), "1 or more".into())?;
        require(self.batch_size >= 1, "batch_size", self.batch_size.to_string(), "1 or more".into())?;
        let divides = self.accumulate >= 1 && self.batch_size.is_multiple_of(self.accumulate);
        let expected = format!("a divisor of batch_size ({})", self.batch_size);
        require(divides, "accumulate", self.accumulate.to_string(), expected)?;
        let rate = narrow(self.learning_rate);
        number(rate > 0.0 && rate.is_finite(), "learning_rate", self.learning_rate, "a number above 0")?;
        let expected = format!("at most steps ({})", self.steps);
        require(self.warmup_steps <= self.steps, "warmup_steps", self.warmup_steps.to_string(), expected)?;
        number((0.0..=1.0).contains(&self.final_ratio), "final_ratio", self.final_ratio, "0 to 1")?;
        let shrinks = self.weight_decay >= 0.0 && narrow(self.learning_rate * self.weight_decay) < 1.0;
        number(shrinks, "weight_decay", self.weight_decay, "0 or more, and less than 1 / learning_rate")?;
        number(within_one(self.beta1), "beta1", self.beta1, "0 or more and less than 1")?;
        number(within_one(self.beta2), "beta2", self.beta2, "0 or more and less than 1")?;
        let eps = narrow(self.eps);
        number(eps > 0.0 && eps.is_finite(), "eps", self.eps, "a number above 0")?;
        if let Some(norm) = self.max_grad_norm {
            number(narrow(norm) > 0.0, "max_grad_norm", norm, "a number above 0")?;
        }
        if let Some(decay) = self.ema_decay {
            number(decay > 0.0 && decay < 1.0, "ema_decay", decay, "above 0 and less than 1")?;
        }
        match self.drop_path {
            Some(rate) => number((0.0..1.0).contains(&rate), "drop_path", rate.into(), "0 or more and less than 1"),
            None => Ok(()),
        }
    }

    /// The learning rate of step `t`, counting from 0 over the whole schedule.
    ///
    /// With peak rate η, W warm-up steps, S steps in all and final ratio r:
    /// - `t < W`: `η (t + 1) / W`, so that the first step already learns and step W − 1 has the full rate;
    /// - else, with `p = (t − W) / (S − W)`: linear `η (1 − (1 − r) p)`, cosine `η (r + (1 − r) (1 + cos πp) / 2)`,
    ///   constant `η`. Step W has the full rate, and `η r` is what step S would have;
    /// - `t ≥ S`: what step S would have.
    pub fn learning_rate_at(&self, t: u64) -> f64 {
        if t < self.warmup_steps {
            return self.learning_rate * (t + 1) as f64 / self.warmup_steps as f64;
        }
        let falling = self.steps.saturating_sub(self.warmup_steps).max(1);
        let progress = ((t - self.warmup_steps) as f64 / falling as f64).min(1.0);
        let share = match self.schedule {
            Schedule::Linear => 1.0 - (1.0 - self.final_ratio) * progress,
            Schedule::Cosine => {
                let falls_from_one = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
                self.final_ratio + (1.0 - self.final_ratio) * falls_from_one
            }
            Schedule::Constant => 1.0,
        };
        self.learning_rate * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_formula_at_every_corner() {
        let config =
            |schedule, warmup_steps| TrainingConfig { schedule, warmup_steps, ..TrainingConfig::new(110, 8, 1.0) };
        let (linear, cosine) = (config(Schedule::Linear, 10), config(Schedule::Cosine, 10));
        let cases = [
            (&linear, 0, 0.1),
            (&linear, 4, 0.5),
            (&linear, 9, 1.0),
            (&linear, 10, 1.0),
            (&linear, 60, 0.55),
            (&linear, 109, 1.0 - 0.9 * 0.99),
            (&linear, 110, 0.1),
            (&linear, u64::MAX, 0.1),
            (&cosine, 9, 1.0),
            (&cosine, 10, 1.0),
            (&cosine, 35, 0.1 + 0.9 * (2.0 + 2f64.sqrt()) / 4.0),
            (&cosine, 60, 0.55),
            (&cosine, 110, 0.1),
            (&config(Schedule::Constant, 10), 9, 1.0),
            (&config(Schedule::Constant, 10), 109, 1.0),
            (&config(Schedule::Linear, 0), 0, 1.0),
            (&config(Schedule::Linear, 110), 109, 1.0),
            (&config(Schedule::Linear, 110), 110, 1.0),
        ];
        for (config, step, expected) in cases {
            let found = config.learning_rate_at(step);
            assert!((found - expected).abs() < 1e-12, "{:?} step {step}: {found}, not {expected}", config.schedule);
        }
    }

    #[test]
    fn a_precision_is_what_the_processor_has() {
        let best = if Precision::Bf16.has_hardware() { Precision::Bf16 } else { Precision::F32 };
        assert_eq!(ComputePrecision::default().on_this_machine(), Ok(Precision::F32));
        assert_eq!(ComputePrecision::Auto.on_this_machine(), Ok(best));
        match ComputePrecision::Bf16.on_this_machine() {
            Ok(found) => assert_eq!((found, best), (Precision::Bf16, Precision::Bf16)),
            Err(error) => assert!(best == Precision::F32 && error.key == "precision", "{error}"),
        }
    }

    #[test]
    fn an_impossible_value_is_refused_by_its_key() {
        let good = TrainingConfig::new(100, 12, 1e-3);
        let cases: [(&str, TrainingConfig); 21] = [
            ("steps", TrainingConfig { steps: 0, ..good.clone() }),
            ("batch_size", TrainingConfig { batch_size: 0, ..good.clone() }),
            ("accumulate", TrainingConfig { accumulate: 0, ..good.clone() }),
            ("accumulate", TrainingConfig { accumulate: 5, ..good.clone() }),
            ("learning_rate", TrainingConfig { learning_rate: 0.0, ..good.clone() }),
            ("learning_rate", TrainingConfig { learning_rate: f64::NAN, ..good.clone() }),
            ("learning_rate", TrainingConfig { learning_rate: 1e300, ..good.clone() }),
            ("warmup_steps", TrainingConfig { warmup_steps: 101, ..good.clone() }),
            ("final_ratio", TrainingConfig { final_ratio: 1.5, ..good.clone() }),
            ("final_ratio", TrainingConfig { final_ratio: f64::NAN, ..good.clone() }),
            ("weight_decay", TrainingConfig { weight_decay: -0.1, ..good.clone() }),
            ("weight_decay", TrainingConfig { weight_decay: 1e3, ..good.clone() }),
            ("beta1", TrainingConfig { beta1: -0.1, ..good.clone() }),
            ("beta2", TrainingConfig { beta2: 1.0 - 1e-12, ..good.clone() }),
            ("eps", TrainingConfig { eps: 1e-60, ..good.clone() }),
            ("max_grad_norm", TrainingConfig { max_grad_norm: Some(0.0), ..good.clone() }),
            ("max_grad_norm", TrainingConfig { max_grad_norm: Some(f64::NAN), ..good.clone() }),
            ("ema_decay", TrainingConfig { ema_decay: Some(0.0), ..good.clone() }),
            ("ema_decay", TrainingConfig { ema_decay: Some(1.0), ..good.clone() }),
            ("ema_decay", TrainingConfig { ema_decay: Some(f64::NAN), ..good.clone() }),
            ("drop_path", TrainingConfig { drop_path: Some(1.0), ..good.clone() }),
        ];
        assert_eq!(good.check(), Ok(()));
        for (key, config) in cases {
            let error = config.check().unwrap_err();
            assert_eq!(error.key, key, "{error}");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error_and_what_is_left_out_has_the_documented_value() {
        let read = |json: &str| serde_json::from_str::<TrainingConfig>(json);
        let found = read(r#"{"steps": 100, "batch_size": 16, "learning_rate": 0.0005}"#).unwrap();
        assert_eq!(found, TrainingConfig::new(100, 16, 5e-4));
        let error = read(r#"{"steps": 1, "batch_size": 1, "learning_rate": 1, "warmup": 3}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `warmup`"), "{error}");
    }
}
