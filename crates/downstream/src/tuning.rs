//! How a model is fine-tuned: the keys of a TOML table, the paper's values, and the training that they mean (PAPER.md 3.4).

use crate::{DownstreamError, Result};
use ligo_data::tasks::squad::WindowOptions;
use ligo_models::AdapterSites;
use ligo_train::{Schedule, TrainingConfig};
use serde::{Deserialize, Serialize};

/// Which weights are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// All of them.
    #[default]
    Full,
    /// Adapters and the head; the rest stays as it was pretrained (the paper's Table 6).
    Adapters,
}

/// How a model is fine-tuned. The rate warms up and then falls to 0 along straight lines.
///
/// ```toml
/// epochs = 3
/// batch_size = 32
/// learning_rate = 1e-4
/// max_sequence_length = 126
/// way = "adapters"
/// adapter_size = 64
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Which weights are trained; all if left out.
    #[serde(default)]
    pub way: Way,
    /// Inner width of the adapters; 64 if left out. Only where `way` is `adapters`, as the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_size: Option<usize>,
    /// Where in a layer adapters stand; behind the MLP if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sites: Option<AdapterSites>,
    /// Passes over the training set.
    pub epochs: u64,
    /// Sequences or images in one step.
    pub batch_size: usize,
    /// Micro-batches that a step is computed in; 1 if left out.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Share of the steps in which the rate warms up; 0.1 if left out.
    #[serde(default = "tenth")]
    pub warmup_share: f64,
    /// Decoupled weight decay, on matrices only; 0.01 if left out, as BERT has it (the paper does not say).
    #[serde(default = "hundredth")]
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm where they exceed it; 1 if left out.
    #[serde(default = "whole")]
    pub max_grad_norm: f64,
    /// Tokens of a sequence at most, special ones counted; what is longer is cut, a context into windows. Text only, which cannot do
    /// without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sequence_length: Option<usize>,
    /// Tokens of a context that a window shares with the next; 128 if left out. SQuAD only, as the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_stride: Option<usize>,
    /// Tokens of a question at most; 64 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_question_length: Option<usize>,
}

/// What [`Way::Adapters`] has where nothing is said.
const ADAPTER_SIZE: usize = 64;

fn one() -> usize {
    1
}
fn whole() -> f64 {
    1.0
}
fn tenth() -> f64 {
    0.1
}
fn hundredth() -> f64 {
    0.01
}

/// What a task consists of: the keys that it can have depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Labelled texts or pairs of texts.
    Texts,
    /// Questions of SQuAD.
    Questions,
    /// Labelled images.
    Images,
}

impl Tuning {
    /// The three that have no default; the rest as if left out.
    pub fn new(epochs: u64, batch_size: usize, learning_rate: f64) -> Self {
        Self {
            way: Way::Full,
            adapter_size: None,
            adapter_sites: None,
            epochs,
            batch_size,
            accumulate: one(),
            learning_rate,
            warmup_share: tenth(),
            weight_decay: hundredth(),
            max_grad_norm: whole(),
            max_sequence_length: None,
            doc_stride: None,
            max_question_length: None,
        }
    }

    /// The paper's, of every GLUE task: 3 epochs, 1e-4, 32 sequences of at most 126 tokens.
    pub fn glue() -> Self {
        Self { max_sequence_length: Some(126), ..Self::new(3, 32, 1e-4) }
    }

    /// The paper's, of SQuAD 1.1 and 2.0: 2 epochs, 5e-5, 12 windows; they are of 384 tokens, of which 128 are shared, as usual.
    pub fn squad() -> Self {
        Self { max_sequence_length: Some(384), doc_stride: Some(128), ..Self::new(2, 12, 5e-5) }
    }

    /// The same by adapters of that width.
    #[must_use]
    pub fn with_adapters(self, adapter_size: usize) -> Self {
        Self { way: Way::Adapters, adapter_size: Some(adapter_size), ..self }
    }

    /// Inner width and places of the adapters; none where all weights are trained.
    pub fn adapters(&self) -> Option<(usize, AdapterSites)> {
        let sites = self.adapter_sites.unwrap_or_default();
        (self.way == Way::Adapters).then(|| (self.adapter_size.unwrap_or(ADAPTER_SIZE), sites))
    }

    /// Refuses keys without a sensible value, and those that a task of this kind has no use for.
    ///
    /// # Errors
    /// [`DownstreamError::Tuning`] with the key.
    pub fn check(&self, kind: Kind) -> Result<()> {
        let require = |holds: bool, key, found: String, expected: &str| match holds {
            true => Ok(()),
            false => Err(DownstreamError::Tuning { key, found, expected: expected.to_owned() }),
        };
        require(self.epochs >= 1, "epochs", self.epochs.to_string(), "1 or more")?;
        let share = (0.0..=1.0).contains(&self.warmup_share);
        require(share, "warmup_share", self.warmup_share.to_string(), "0 to 1")?;
        let by_adapters = self.way == Way::Adapters;
        let (text, questions) = (kind != Kind::Images, kind == Kind::Questions);
        let sites = self.adapter_sites.map(|sites| format!("{sites:?}"));
        let given = [
            ("adapter_size", shown(self.adapter_size), by_adapters, "no such key unless way is \"adapters\""),
            ("adapter_sites", sites, by_adapters, "no such key unless way is \"adapters\""),
            ("max_sequence_length", shown(self.max_sequence_length), text, "no such key: images have none"),
            ("doc_stride", shown(self.doc_stride), questions, "no such key: only SQuAD is cut into windows"),
            (
                "max_question_length",
                shown(self.max_question_length),
                questions,
                "no such key: only SQuAD has questions",
            ),
        ];
        for (key, found, belongs, expected) in given {
            if let Some(found) = found {
                require(belongs, key, found, expected)?;
            }
        }
        let said = !text || self.max_sequence_length.is_some();
        require(said, "max_sequence_length", "left out".into(), "a number of tokens")?;
        self.training(1).check()?;
        Ok(())
    }

    /// The training of so many steps.
    pub(crate) fn training(&self, steps: u64) -> TrainingConfig {
        TrainingConfig {
            accumulate: self.accumulate,
            // A share of at most 1.
            warmup_steps: (self.warmup_share * steps as f64).round() as u64,
            schedule: Schedule::Linear,
            final_ratio: 0.0,
            weight_decay: self.weight_decay,
            max_grad_norm: Some(self.max_grad_norm),
            ..TrainingConfig::new(steps, self.batch_size, self.learning_rate)
        }
    }

    /// Steps on so many examples, the last one filled up from the next pass.
    pub(crate) fn steps(&self, examples: u64) -> u64 {
        self.epochs.saturating_mul(examples).div_ceil(self.batch_size as u64)
    }

    /// Tokens of a sequence at most; checked to be there for text.
    pub(crate) fn sequence_length(&self) -> usize {
        self.max_sequence_length.unwrap_or(0)
    }

    /// How contexts are cut.
    pub(crate) fn windows(&self) -> WindowOptions {
        let usual = WindowOptions::default();
        WindowOptions {
            max_length: self.sequence_length(),
            doc_stride: self.doc_stride.unwrap_or(usual.doc_stride),
            max_question_length: self.max_question_length.unwrap_or(usual.max_question_length),
        }
    }
}

fn shown(value: Option<usize>) -> Option<String> {
    value.map(|value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_values_go_through_toml_and_what_is_left_out_is_documented() {
        for tuning in [Tuning::glue(), Tuning::squad(), Tuning::glue().with_adapters(64)] {
            assert_eq!(toml::from_str::<Tuning>(&toml::to_string(&tuning).unwrap()).unwrap(), tuning);
        }
        let least = "epochs = 3\nbatch_size = 32\nlearning_rate = 1e-4\nmax_sequence_length = 126";
        assert_eq!(toml::from_str::<Tuning>(least).unwrap(), Tuning::glue());
        let by_adapters: Tuning = toml::from_str(&format!("{least}\nway = 'adapters'")).unwrap();
        assert_eq!(by_adapters.adapters(), Some((64, AdapterSites::Mlp)));
        let error = toml::from_str::<Tuning>(&format!("{least}\nepoch = 1")).unwrap_err().to_string();
        assert!(error.contains("unknown field `epoch`"), "{error}");
    }

    #[test]
    fn the_rate_warms_up_over_its_share_and_falls_to_nothing() {
        let training = Tuning::glue().training(200);
        let rate = |step| training.learning_rate_at(step);
        assert_eq!((training.warmup_steps, rate(19), rate(20), rate(200)), (20, 1e-4, 1e-4, 0.0));
        assert!((rate(110) - 0.5e-4).abs() < 1e-12);
    }

    #[test]
    fn a_key_that_cannot_be_or_does_not_belong_is_refused_by_name() {
        type Change = fn(&mut Tuning);
        let cases: [(Kind, Change, &str); 9] = [
            (Kind::Texts, |t| t.epochs = 0, "epochs is 0, expected 1 or more"),
            (Kind::Texts, |t| t.warmup_share = f64::NAN, "warmup_share is NaN, expected 0 to 1"),
            (Kind::Texts, |t| t.learning_rate = 0.0, "learning_rate is 0, expected a number above 0"),
            (Kind::Texts, |t| t.accumulate = 5, "accumulate is 5, expected a divisor of batch_size (32)"),
            (Kind::Texts, |t| t.adapter_size = Some(8), "adapter_size is 8, expected no such key unless way is"),
            (Kind::Texts, |t| t.doc_stride = Some(8), "doc_stride is 8, expected no such key: only SQuAD"),
            (Kind::Texts, |t| t.max_sequence_length = None, "max_sequence_length is left out, expected a number"),
            (Kind::Images, |_| {}, "max_sequence_length is 126, expected no such key: images have none"),
            (Kind::Questions, |t| t.max_grad_norm = 0.0, "max_grad_norm is 0, expected a number above 0"),
        ];
        for (kind, change, expected) in cases {
            let mut tuning = Tuning::glue();
            tuning.check(Kind::Texts).unwrap();
            change(&mut tuning);
            let message = tuning.check(kind).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
