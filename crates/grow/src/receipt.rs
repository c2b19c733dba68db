//! A receipt for the buyer: how far what the grown model says is from what the source says, on a probe that needs no data.
//!
//! The probe is two sequences of random tokens, or two images of noise, always the same. Models with a head are compared by their
//! logits. Without a head a wider model says something of another width; there the cosines between all pairs of hidden states
//! are compared, which is what embeddings are used for.

use crate::Result;
use ligo_kernels::Kernels;
use ligo_models::{Head, Images, Inputs, Model, ModelConfig, Parameters, Tokens};

/// Sequences or images of the probe.
const PROBES: usize = 2;
/// Tokens of each, where the model can read as many: enough to look back at, and few, as the grown model's weights are gone through
/// while others wait for the same threads.
const TOKENS: usize = 16;

/// How far two models are from each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// What is compared: `logits`, or `cosines between hidden states`.
    pub what: &'static str,
    /// The largest difference.
    pub difference: f64,
    /// The largest of the source's own, by magnitude.
    pub largest: f64,
}

impl Receipt {
    /// Whether the function is kept: to 1e-4 of the largest output.
    ///
    /// Methods promise 1e-5 of models of a few layers; what rounding does to a deep one may be more.
    pub fn is_kept(&self) -> bool {
        self.difference <= 1e-4 * self.largest
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "largest difference of {} {:.1e}, where the largest is {:.3}",
            self.what, self.difference, self.largest
        )
    }
}

/// What a model says to the probe.
#[derive(Debug)]
pub(crate) struct Said {
    values: Vec<f32>,
    what: &'static str,
}

impl Said {
    /// # Errors
    /// As [`Model::logits`].
    pub(crate) fn by<D: Kernels>(model: &Model, parameters: &Parameters<D>) -> Result<Self> {
        let inputs = probe(model.config());
        let values = model.logits(parameters, &inputs)?.as_vec();
        Ok(match model.config().head() {
            Head::None => {
                Self { values: cosines(&values, model.config().hidden_size), what: "cosines between hidden states" }
            }
            _ => Self { values, what: "logits" },
        })
    }

    /// How far what another model says is from this.
    pub(crate) fn receipt(&self, other: &Self) -> Receipt {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).fold(0.0, nan_max);
        let pairs = self.values.iter().zip(&other.values);
        let same_number = self.values.len() == other.values.len();
        Receipt {
            what: self.what,
            difference: match same_number {
                true => largest(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b))),
                false => f64::INFINITY,
            },
            largest: largest(&mut self.values.iter().map(|value| f64::from(*value))),
        }
    }
}

/// The larger of two, NaN if one of them is.
fn nan_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The cosine of every pair of rows.
fn cosines(rows: &[f32], width: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = rows.chunks_exact(width.max(1)).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    let cosine = |i: usize, j: usize| (dot(rows[i], rows[j]) / (lengths[i] * lengths[j]).max(f64::MIN_POSITIVE)) as f32;
    (0..rows.len()).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| cosine(i, j)).collect()
}

/// The probe of a model.
fn probe(config: &ModelConfig) -> Inputs {
    let mut state = 1_u64;
    // Knuth's multiplier; the upper bits are random enough.
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    if config.family.reads_images() {
        let numbers = PROBES * config.num_channels() * config.image_size() * config.image_size();
        let pixels = (0..numbers).map(|_| (draw() as f32 / (1_u64 << 31) as f32) * 2.0 - 1.0).collect();
        return Inputs::Images(Images { pixels, batch_size: PROBES });
    }
    let sequence_length = config.longest_sequence().map_or(TOKENS, |longest| longest.min(TOKENS));
    let padding = config.pad_token_id;
    let vocabulary = config.vocab_size as u64;
    let mut id = || loop {
        let id = draw() % vocabulary;
        // A model of nothing but padding does not exist; a vocabulary of one token might.
        if Some(id as usize) != padding || vocabulary < 2 {
            return id as u32;
        }
    };
    let input_ids = (0..PROBES * sequence_length).map(|_| id()).collect();
    Inputs::Tokens(Tokens { input_ids, batch_size: PROBES, sequence_length, ..Tokens::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_growth::{DepthMap, Draw, Growth, GrowthOperator, LinearGrowth, WidthMap};
    use ligo_kernels::Cpu;
    use ligo_models::Family;

    #[test]
    fn a_model_keeps_its_own_function_and_another_one_does_not() {
        let device = Cpu::default();
        for family in Family::ALL {
            let model = Model::new(config(family, 2, 8, 2)).unwrap();
            let said = |seed| Said::by(&model, &model.fresh(&device, seed).unwrap()).unwrap();
            let same = said(1).receipt(&said(1));
            assert!(same.is_kept() && same.difference == 0.0 && same.largest > 0.0, "{family}: {same}");
            assert!(!said(1).receipt(&said(2)).is_kept(), "{family}");
        }
    }

    #[test]
    fn hidden_states_of_another_width_are_compared_by_their_cosines() {
        let device = Cpu::default();
        let small = ModelConfig { head: Some(Head::None), ..config(Family::Bert, 2, 8, 2) };
        let large = ModelConfig { hidden_size: 16, num_attention_heads: 4, ..small.clone() };
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = small.fresh(&device, 1).unwrap();
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 2 };
        let width = WidthMap::copies(small.config(), large.config(), Draw::Balanced, 2).unwrap();
        let grown = LinearGrowth { width, depth: DepthMap::identity(2) }.grow(&growth).unwrap();
        let receipt = Said::by(&small, &parameters).unwrap().receipt(&Said::by(&large, &grown).unwrap());
        assert!(receipt.is_kept(), "{receipt}");
        assert_eq!(receipt.what, "cosines between hidden states");
    }

    #[test]
    fn a_nan_is_never_kept() {
        let said = |values: &[f32]| Said { values: values.to_vec(), what: "logits" };
        assert!(!said(&[1.0, 2.0]).receipt(&said(&[1.0, f32::NAN])).is_kept());
        assert!(!said(&[1.0, 2.0]).receipt(&said(&[1.0])).is_kept());
    }
}
