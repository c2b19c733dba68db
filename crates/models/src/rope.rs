//! The angles of rotary positions (Su et al. 2021) and the ways in which checkpoints stretch them to longer sequences.
//!
//! The token at position p turns the pair i of each head by `p · f_i`, plain `f_i = θ^(−2i/E)`. Every variant changes the
//! frequencies f, and some scale the cosines and sines. Frequencies and angles are rounded to f32 where `transformers`
//! rounds them, so that far positions agree too. How pairs are turned is the kernels' affair.

use crate::Result;
use crate::config::{ModelConfig, require};
use ligo_kernels::Rotary;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// No sequence is longer, so that lengths stay whole numbers in f32.
const LONGEST: usize = 1 << 24;

/// A variant of rotary positions, with the Hub's names (`rope_parameters`, formerly `rope_scaling`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase", deny_unknown_fields)]
pub enum RopeScaling {
    /// Positions divided by `factor` (Chen et al. 2023).
    Linear {
        /// How many times longer sequences become.
        factor: f64,
    },
    /// A base θ that grows once a sequence is longer than max_position_embeddings ("NTK-aware").
    Dynamic {
        /// How many times longer sequences become.
        factor: f64,
    },
    /// Low frequencies divided, high ones kept, a ramp between them (Peng et al. 2023).
    Yarn(Yarn),
    /// Divisors found by search, one list for short sequences and one for long ones (Ding et al. 2024).
    Longrope(Longrope),
    /// Low frequencies divided, high ones kept, smoothly by wave length (Llama 3.1).
    Llama3(Llama3),
}

/// YaRN's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yarn {
    /// How many times longer sequences become.
    pub factor: f64,
    /// Length that the model was trained with; max_position_embeddings if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<usize>,
    /// Scale of cosines and sines; `0.1 ln factor + 1` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_factor: Option<f64>,
    /// Turns over the original length above which a frequency is kept; 32 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_fast: Option<f64>,
    /// Turns below which it is divided; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_slow: Option<f64>,
    /// With the next one: attention_factor is the quotient of the two scales.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mscale: Option<f64>,
    /// See `mscale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mscale_all_dim: Option<f64>,
    /// Whether the ramp begins and ends at whole dimensions; yes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,
}

/// LongRoPE's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Longrope {
    /// E/2 divisors for sequences of up to the original length.
    pub short_factor: Vec<f64>,
    /// E/2 divisors for longer ones.
    pub long_factor: Vec<f64>,
    /// How many times longer sequences become; max_position_embeddings over the original length if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Length that the model was trained with; max_position_embeddings if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<usize>,
    /// Scale of cosines and sines; `√(1 + ln factor / ln original)` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_factor: Option<f64>,
}

/// Llama 3.1's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llama3 {
    /// How many times longer sequences become.
    pub factor: f64,
    /// Frequencies of fewer turns over the original length are divided.
    pub low_freq_factor: f64,
    /// Frequencies of more turns are kept.
    pub high_freq_factor: f64,
    /// Length that the model was trained with; max_position_embeddings if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<usize>,
}

impl RopeScaling {
    /// The Hub's `rope_type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Dynamic { .. } => "dynamic",
            Self::Yarn(_) => "yarn",
            Self::Longrope(_) => "longrope",
            Self::Llama3(_) => "llama3",
        }
    }

    /// Whether the angles of a position depend on the length of the whole sequence.
    fn depends_on_length(&self) -> bool {
        matches!(self, Self::Dynamic { .. } | Self::Longrope(_))
    }

    /// Refuses numbers that give no angles.
    pub(crate) fn check(&self, config: &ModelConfig) -> Result<()> {
        let pairs = config.head_dim() / 2;
        let at_least_one =
            |field, x: f64| require(field, x, x.is_finite() && x >= 1.0, "a finite number of at least 1");
        let positive = |field, x: f64| require(field, x, x.is_finite() && x > 0.0, "a finite number above 0");
        // Below 2 its logarithm is no divisor.
        let trained = |given| {
            let length = original(given, config);
            let expected = format_args!("a number from 2 to {LONGEST}");
            require("rope_scaling.original_max_position_embeddings", length, (2..=LONGEST).contains(&length), expected)
        };
        match self {
            Self::Linear { factor } => at_least_one("rope_scaling.factor", *factor),
            Self::Dynamic { factor } => {
                require(
                    "head_dim",
                    config.head_dim(),
                    pairs > 1,
                    "more than 2, as dynamic rotary positions divide by head_dim − 2",
                )?;
                at_least_one("rope_scaling.factor", *factor)
            }
            Self::Yarn(yarn) => {
                at_least_one("rope_scaling.factor", yarn.factor)?;
                trained(yarn.original_max_position_embeddings)?;
                let theta = config.rope_theta();
                require("rope_theta", theta, theta > 1.0, "a number above 1, as YaRN takes its logarithm")?;
                positive("rope_scaling.beta_fast", yarn.beta_fast.unwrap_or(32.0))?;
                positive("rope_scaling.beta_slow", yarn.beta_slow.unwrap_or(1.0))?;
                for (field, x) in
                    [("rope_scaling.mscale", yarn.mscale), ("rope_scaling.mscale_all_dim", yarn.mscale_all_dim)]
                {
                    let x = x.unwrap_or(0.0);
                    require(field, x, x.is_finite() && x >= 0.0, "a finite number of at least 0")?;
                }
                positive("rope_scaling.attention_factor", yarn.attention_factor.unwrap_or(1.0))
            }
            Self::Longrope(long) => {
                for (field, divisors) in
                    [("rope_scaling.short_factor", &long.short_factor), ("rope_scaling.long_factor", &long.long_factor)]
                {
                    let expected = format_args!("head_dim / 2 ({pairs}) of them");
                    require(field, format_args!("{} numbers", divisors.len()), divisors.len() == pairs, expected)?;
                    divisors.iter().try_for_each(|&x| positive(field, x))?;
                }
                positive("rope_scaling.factor", long.factor.unwrap_or(1.0))?;
                trained(long.original_max_position_embeddings)?;
                positive("rope_scaling.attention_factor", long.attention_factor.unwrap_or(1.0))
            }
            Self::Llama3(llama) => {
                at_least_one("rope_scaling.factor", llama.factor)?;
                positive("rope_scaling.low_freq_factor", llama.low_freq_factor)?;
                let (low, high) = (llama.low_freq_factor, llama.high_freq_factor);
                let above = high.is_finite() && high > low;
                require(
                    "rope_scaling.high_freq_factor",
                    high,
                    above,
                    format_args!("a number above low_freq_factor ({low})"),
                )?;
                trained(llama.original_max_position_embeddings)
            }
        }
    }
}

/// Cosines and sines of all positions of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tables {
    /// One row of E/2 for each position.
    pub(crate) cosines: Vec<f32>,
    /// Likewise.
    pub(crate) sines: Vec<f32>,
    /// Sequences of these lengths have these angles.
    lengths: std::ops::Range<usize>,
    rows: usize,
}

impl Tables {
    /// The tables for sequences of `length` tokens; rows for `rows` positions.
    pub(crate) fn new(config: &ModelConfig, length: usize, rows: usize) -> Self {
        let (frequencies, scale) = frequencies(config, length);
        let angles = (0..rows).flat_map(|p| frequencies.iter().map(move |&f| f64::from(p as f32 * f)));
        let (cosines, sines) = angles.map(|angle| ((angle.cos() * scale) as f32, (angle.sin() * scale) as f32)).unzip();
        let lengths = match &config.rope_scaling {
            Some(scaling) if scaling.depends_on_length() => {
                let limit = match scaling {
                    RopeScaling::Longrope(long) => original(long.original_max_position_embeddings, config),
                    _ => config.max_position_embeddings,
                };
                match scaling {
                    _ if length <= limit => 0..limit + 1,
                    RopeScaling::Longrope(_) => limit + 1..usize::MAX,
                    _ => length..length + 1,
                }
            }
            _ => 0..usize::MAX,
        };
        Self { cosines, sines, lengths, rows }
    }

    /// The rows of these positions, which have one each.
    pub(crate) fn at(&self, positions: &[u32]) -> Self {
        let width = self.cosines.len() / self.rows.max(1);
        let pick =
            |from: &[f32]| positions.iter().flat_map(|&p| &from[p as usize * width..][..width]).copied().collect();
        let (cosines, sines) = (pick(&self.cosines), pick(&self.sines));
        Self { cosines, sines, lengths: self.lengths.clone(), rows: positions.len() }
    }

    /// As attention takes them.
    pub(crate) fn rotary(&self) -> Rotary<'_> {
        Rotary { cosines: &self.cosines, sines: &self.sines }
    }

    /// Positions that they have a row for.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether they hold for a sequence of `length` tokens, however many rows there are.
    pub(crate) fn hold_for(&self, length: usize) -> bool {
        self.lengths.contains(&length)
    }
}

fn original(given: Option<usize>, config: &ModelConfig) -> usize {
    given.unwrap_or(config.max_position_embeddings)
}

/// f_i for each pair, and the scale of cosines and sines.
fn frequencies(config: &ModelConfig, length: usize) -> (Vec<f32>, f64) {
    let theta = config.rope_theta();
    let plain = |theta: f64| plain(theta, config.head_dim());
    let round = |frequencies: Vec<f64>| frequencies.into_iter().map(|f| f as f32).collect();
    match &config.rope_scaling {
        None => (round(plain(theta)), 1.0),
        Some(RopeScaling::Linear { factor }) => (round(plain(theta).into_iter().map(|f| f / factor).collect()), 1.0),
        Some(RopeScaling::Dynamic { factor }) => {
            let (trained, dim) = (config.max_position_embeddings as f64, config.head_dim() as f64);
            let stretch = factor * (length as f64).max(trained) / trained - (factor - 1.0);
            (round(plain(theta * stretch.powf(dim / (dim - 2.0)))), 1.0)
        }
        Some(RopeScaling::Yarn(numbers)) => {
            let trained = original(numbers.original_max_position_embeddings, config) as f64;
            (round(yarn(numbers, plain(theta), theta, trained)), yarn_scale(numbers))
        }
        Some(RopeScaling::Longrope(long)) => {
            let trained = original(long.original_max_position_embeddings, config);
            let divisors = if length > trained { &long.long_factor } else { &long.short_factor };
            let factor = long.factor.unwrap_or(config.max_position_embeddings as f64 / trained as f64);
            let usual = if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / (trained as f64).ln()).sqrt() };
            let powers = powers(theta, config.head_dim());
            let divided =
                powers.zip(divisors).map(|(power, &divisor)| inverse(f64::from(divisor as f32) * power)).collect();
            (round(divided), long.attention_factor.unwrap_or(usual))
        }
        Some(RopeScaling::Llama3(numbers)) => {
            let trained = original(numbers.original_max_position_embeddings, config) as f64;
            (round(plain(theta).into_iter().map(|f| llama3(numbers, f, trained)).collect()), 1.0)
        }
    }
}

/// `θ^(−2i/E)`.
fn plain(theta: f64, head_dim: usize) -> Vec<f64> {
    powers(theta, head_dim).map(inverse).collect()
}

/// `θ^(2i/E)`, rounded to f32 as `transformers` rounds the exponent, the power and then its inverse: an exact frequency would
/// turn far positions by another angle.
fn powers(theta: f64, head_dim: usize) -> impl Iterator<Item = f64> {
    (0..head_dim / 2).map(move |i| {
        let exponent = (2 * i) as f32 / head_dim as f32;
        f64::from(theta.powf(f64::from(exponent)) as f32)
    })
}

fn inverse(power: f64) -> f64 {
    f64::from(1.0 / power as f32)
}

/// A frequency of w turns over the trained length: divided below low_freq_factor, kept above high_freq_factor.
fn llama3(numbers: &Llama3, frequency: f64, trained: f64) -> f64 {
    let (low, high) = (numbers.low_freq_factor, numbers.high_freq_factor);
    let turns = trained * frequency / TAU;
    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
    frequency * (kept + (1.0 - kept) / numbers.factor)
}

/// Between the dimension that turns beta_fast times over the trained length and the one that turns beta_slow times, a ramp
/// from kept to divided.
fn yarn(numbers: &Yarn, frequencies: Vec<f64>, theta: f64, trained: f64) -> Vec<f64> {
    let dim = 2.0 * frequencies.len() as f64;
    let dimension_of = |turns: f64| dim * (trained / (turns * TAU)).ln() / (2.0 * theta.ln());
    let given = |x: Option<f64>, usual| x.filter(|&x| x != 0.0).unwrap_or(usual);
    let (mut low, mut high) =
        (dimension_of(given(numbers.beta_fast, 32.0)), dimension_of(given(numbers.beta_slow, 1.0)));
    if numbers.truncate.unwrap_or(true) {
        (low, high) = (low.floor(), high.ceil());
    }
    (low, high) = (low.max(0.0), high.min(dim - 1.0));
    if low == high {
        high += 0.001; // a step instead of a division by 0
    }
    let ramp = |(i, f): (usize, f64)| {
        let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
        f * (1.0 - divided) + f / numbers.factor * divided
    };
    frequencies.into_iter().enumerate().map(ramp).collect()
}

fn yarn_scale(numbers: &Yarn) -> f64 {
    let scale = |mscale: f64| if numbers.factor <= 1.0 { 1.0 } else { 0.1 * mscale * numbers.factor.ln() + 1.0 };
    let quotient = match (numbers.mscale, numbers.mscale_all_dim) {
        (Some(mscale), Some(all)) if mscale != 0.0 && all != 0.0 => scale(mscale) / scale(all),
        _ => scale(1.0),
    };
    numbers.attention_factor.unwrap_or(quotient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    fn config(scaling: Option<RopeScaling>) -> ModelConfig {
        let mut config = ModelConfig::new(Family::Llama, 16, 1, 2);
        config.max_position_embeddings = 64;
        config.rope_scaling = scaling;
        config
    }

    fn first_and_last(scaling: Option<RopeScaling>, length: usize) -> (f32, f32) {
        let (frequencies, _) = frequencies(&config(scaling), length);
        (frequencies[0], frequencies[3])
    }

    #[test]
    fn plain_angles_are_powers_of_theta() {
        let tables = Tables::new(&config(None), 3, 3);
        assert_eq!((tables.cosines.len(), tables.sines.len()), (12, 12));
        assert_eq!((tables.cosines[0], tables.sines[0]), (1.0, 0.0));
        assert!((tables.sines[8] - 2.0_f32.sin()).abs() < 1e-7);
        assert!((tables.sines[9] - 0.2_f32.sin()).abs() < 1e-7, "10000^(−2/8) is 0.1");
        assert!(tables.hold_for(1_000_000));
    }

    #[test]
    fn stretching_by_one_changes_nothing() {
        let plain = first_and_last(None, 50);
        let (long, original_max_position_embeddings) = (vec![1.0; 4], Some(64));
        let llama3 =
            Llama3 { factor: 1.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_max_position_embeddings };
        let yarn: Yarn = serde_json::from_str(r#"{ "factor": 1.0 }"#).unwrap();
        let longrope: Longrope =
            serde_json::from_value(serde_json::json!({ "short_factor": long, "long_factor": long })).unwrap();
        let variants = [
            RopeScaling::Linear { factor: 1.0 },
            RopeScaling::Dynamic { factor: 1.0 },
            RopeScaling::Yarn(yarn),
            RopeScaling::Longrope(longrope),
            RopeScaling::Llama3(llama3),
        ];
        for scaling in variants {
            scaling.check(&config(None)).unwrap();
            assert_eq!(first_and_last(Some(scaling.clone()), 50), plain, "{}", scaling.name());
        }
    }

    #[test]
    fn the_highest_frequency_is_kept_and_the_lowest_divided_where_the_variant_says_so() {
        let plain = first_and_last(None, 50);
        let llama3 = Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: Some(64),
        };
        let yarn: Yarn = serde_json::from_str(r#"{ "factor": 8.0, "beta_fast": 4 }"#).unwrap();
        for scaling in [RopeScaling::Llama3(llama3), RopeScaling::Yarn(yarn)] {
            let (first, last) = first_and_last(Some(scaling.clone()), 50);
            assert_eq!((first, last), (plain.0, plain.1 / 8.0), "{}", scaling.name());
        }
    }

    #[test]
    fn tables_know_for_which_lengths_they_hold() {
        let dynamic = config(Some(RopeScaling::Dynamic { factor: 2.0 }));
        assert!(Tables::new(&dynamic, 10, 1).hold_for(64) && !Tables::new(&dynamic, 10, 1).hold_for(65));
        assert!(!Tables::new(&dynamic, 70, 1).hold_for(71));
    }

    #[test]
    fn a_length_that_is_left_out_is_the_longest_and_has_to_work_as_one() {
        let json = r#"{ "rope_type": "longrope", "factor": 4.0, "short_factor": [1,1,1,1], "long_factor": [2,2,2,2] }"#;
        let scaling: RopeScaling = serde_json::from_str(json).unwrap();
        let mut config = config(Some(scaling.clone()));
        scaling.check(&config).unwrap();
        assert!(Tables::new(&config, 64, 1).hold_for(64) && !Tables::new(&config, 64, 1).hold_for(65));
        config.max_position_embeddings = 1;
        let message = scaling.check(&config).unwrap_err().to_string();
        assert!(message.starts_with("rope_scaling.original_max_position_embeddings: found 1"), "{message}");
    }

    #[test]
    fn frequencies_are_rounded_where_transformers_rounds_them() {
        let mut config = config(None);
        (config.hidden_size, config.rope_theta) = (256, Some(500_000.0));
        let (frequencies, _) = frequencies(&config, 1);
        // What torch has for these pairs of a head of 128; the exact frequencies round to their neighbours.
        for (pair, frequency) in [(2, 0.6636013), (4, 0.44036663), (19, 0.020329105), (29, 0.002616099)] {
            assert_eq!(frequencies[pair], frequency, "{pair}");
        }
    }

    #[test]
    fn numbers_that_give_no_angles_are_refused_by_name() {
        let cases = [
            (r#"{ "rope_type": "linear", "factor": 0.5 }"#, "rope_scaling.factor: found 0.5, expected a finite number"),
            (r#"{ "rope_type": "yarn", "factor": 2.0, "beta_fast": -1.0 }"#, "rope_scaling.beta_fast: found -1"),
            (
                r#"{ "rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0] }"#,
                "rope_scaling.short_factor: found 1 numbers, expected head_dim / 2 (4) of them",
            ),
            (
                r#"{ "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 1.0 }"#,
                "rope_scaling.high_freq_factor: found 1, expected a number above low_freq_factor (4)",
            ),
            (
                r#"{ "rope_type": "yarn", "factor": 2.0, "mscale_all_dim": -20.0 }"#,
                "rope_scaling.mscale_all_dim: found -20, expected a finite number of at least 0",
            ),
            (
                r#"{ "rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 1 }"#,
                "rope_scaling.original_max_position_embeddings: found 1, expected a number from 2",
            ),
        ];
        for (json, expected) in cases {
            let scaling: RopeScaling = serde_json::from_str(json).unwrap();
            let message = scaling.check(&config(None)).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
