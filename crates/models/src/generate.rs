//! Text, token by token: a [`Decoder`] that remembers keys and values, and a [`Sampler`] that picks the next token.
//!
//! Tokens are plain ids here; what they spell is a tokenizer's affair.

use crate::pass::Generating;
use crate::rope::Tables;
use crate::{Inputs, Model, ModelError, Parameters, Result, Tokens};
use ligo_kernels::{Kernels, KeyValueCache, Matrix};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A causal model that has read some tokens and is ready to read on.
#[derive(Debug)]
pub struct Decoder<'a, D: Kernels> {
    model: &'a Model,
    parameters: &'a Parameters<D>,
    caches: Vec<KeyValueCache<D>>,
    tables: Option<Tables>,
    batch_size: usize,
    longest: usize,
    seen: usize,
}

/// Tokens that the caches have room for at first; doubled whenever it is used up.
const FIRST_ROOM: usize = 256;

impl<'a, D: Kernels> Decoder<'a, D> {
    /// A decoder for `batch_size` sequences of up to `longest` tokens each, prompt included. What it remembers grows as it reads.
    ///
    /// # Errors
    /// [`ModelError::Config`] if the model is not a causal language model, [`ModelError::Batch`] if its positions do not reach
    /// that far, [`ModelError::Kernel`] if the device has no memory for the caches.
    pub fn new(
        model: &'a Model,
        parameters: &'a Parameters<D>,
        device: &D,
        batch_size: usize,
        longest: usize,
    ) -> Result<Self> {
        let config = model.config();
        if config.head() != crate::Head::CausalLm {
            return Err(ModelError::Config {
                field: "head",
                found: format!("{} of {}", config.head(), config.family),
                expected: "causal-lm, as only a causal language model generates text".into(),
            });
        }
        if let Some(most) = config.longest_sequence().filter(|&most| most < longest) {
            return Err(ModelError::Batch {
                what: "number of tokens, prompt and new ones together,".into(),
                found: longest.to_string(),
                expected: format!("at most {most} (max_position_embeddings)"),
            });
        }
        let room = longest.min(FIRST_ROOM);
        let cache = |_| KeyValueCache::new(device, batch_size, room, config.num_key_value_heads(), config.head_dim());
        let caches = (0..config.num_hidden_layers).map(cache).collect::<std::result::Result<_, _>>()?;
        Ok(Self { model, parameters, caches, tables: None, batch_size, longest, seen: 0 })
    }

    /// Tokens of each sequence that it has read.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Reads on: `input_ids` holds equally many tokens for each sequence, sequence after sequence. Returns the logits
    /// `[batch_size, vocab_size]` of what follows.
    ///
    /// # Errors
    /// [`ModelError::Batch`] if their number does not fit, [`ModelError::Kernel`] for an id beyond the vocabulary.
    pub fn read(&mut self, input_ids: &[u32]) -> Result<Matrix<D>> {
        let sequence_length = input_ids.len().checked_div(self.batch_size).unwrap_or(0);
        let length = self.seen + sequence_length;
        if length > self.longest {
            return Err(ModelError::Batch {
                what: "number of tokens, prompt and new ones together,".into(),
                found: length.to_string(),
                expected: format!("at most {}, for which the decoder was made", self.longest),
            });
        }
        let room = self.make_room(length)?;
        let config = self.model.config();
        let tables_hold = |tables: &Tables| tables.hold_for(length) && tables.rows() >= length;
        if config.family.is_llama_style() && !self.tables.as_ref().is_some_and(tables_hold) {
            self.tables = Some(Tables::new(config, length, room));
        }
        let tokens =
            Tokens { input_ids: input_ids.to_vec(), batch_size: self.batch_size, sequence_length, ..Tokens::default() };
        let generating = Generating { caches: &mut self.caches, seen: self.seen };
        let logits =
            self.model.next_logits(self.parameters, &Inputs::Tokens(tokens), self.tables.as_ref(), generating)?;
        self.seen = length;
        Ok(logits)
    }

    /// Room for `length` tokens in every cache; returns how many there is room for.
    fn make_room(&mut self, length: usize) -> Result<usize> {
        let room = self.caches.first().map_or(length, KeyValueCache::capacity);
        if length <= room {
            return Ok(room);
        }
        let room = length.max(room.saturating_mul(2)).min(self.longest);
        let device = self.parameters.tensors()[0].device();
        for cache in &mut self.caches {
            *cache = cache.with_room_for(device, room)?;
        }
        Ok(room)
    }
}

/// How the next token is picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 always takes the likeliest token.
    pub temperature: f32,
    /// Only the k likeliest tokens; none is all.
    pub top_k: Option<usize>,
    /// Only the fewest likeliest tokens whose probabilities together reach p; none is all.
    pub top_p: Option<f32>,
    /// Names the random numbers.
    pub seed: u64,
}

impl Default for Sampling {
    /// The likeliest token, always.
    fn default() -> Self {
        Self { temperature: 0.0, top_k: None, top_p: None, seed: 0 }
    }
}

/// Picks tokens as a [`Sampling`] says.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: StdRng,
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a temperature below 0, a top_k of 0, a top_p outside (0, 1].
    pub fn new(sampling: Sampling) -> Result<Self> {
        let wrong = |field, found: String, expected: &str| {
            Err(ModelError::Config { field, found, expected: expected.to_owned() })
        };
        let Sampling { temperature, top_k, top_p, seed } = sampling;
        if !(temperature.is_finite() && temperature >= 0.0) {
            return wrong("temperature", temperature.to_string(), "a finite number of at least 0");
        }
        if top_k == Some(0) {
            return wrong("top_k", "0".into(), "at least 1");
        }
        match top_p {
            Some(p) if !(p > 0.0 && p <= 1.0) => wrong("top_p", p.to_string(), "a number above 0 and at most 1"),
            _ => Ok(Self { sampling, random: StdRng::seed_from_u64(seed) }),
        }
    }

    /// The next token under `logits`; the order of the filters is temperature, top-k, top-p, as in `transformers`.
    pub fn pick(&mut self, logits: &[f32]) -> u32 {
        let Sampling { temperature, top_k, top_p, .. } = self.sampling;
        if temperature == 0.0 {
            return likeliest(logits);
        }
        let mut candidates: Vec<(u32, f32)> =
            (0..).zip(logits.iter().map(|&logit| logit / temperature)).filter(|(_, logit)| !logit.is_nan()).collect();
        let descending = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if let Some(k) = top_k.filter(|&k| k < candidates.len()) {
            candidates.select_nth_unstable_by(k - 1, descending);
            candidates.truncate(k);
        }
        candidates.sort_unstable_by(descending);
        let top = candidates.first().map_or(0.0, |&(_, logit)| logit);
        let mut weights: Vec<f32> = candidates.iter().map(|&(_, logit)| (logit - top).exp()).collect();
        if let Some(p) = top_p {
            let enough = p * weights.iter().sum::<f32>();
            let mut sum = 0.0;
            let kept = weights.iter().take_while(|&&weight| {
                let wanted = sum < enough;
                sum += weight;
                wanted
            });
            let kept = kept.count().max(1);
            weights.truncate(kept);
        }
        let mut left = self.random.random::<f32>() * weights.iter().sum::<f32>();
        for (&(token, _), weight) in candidates.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return token;
            }
        }
        // Rounding may leave a little at the end: it belongs to the last candidate that was kept.
        candidates[..weights.len()].last().map_or(0, |&(token, _)| token)
    }
}

/// The first token with the largest logit.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f32, top_k: Option<usize>, top_p: Option<f32>) -> Sampler {
        Sampler::new(Sampling { temperature, top_k, top_p, seed: 1 }).unwrap()
    }

    /// How often each of four tokens is picked in 20,000 draws.
    fn shares(sampler: &mut Sampler, logits: &[f32; 4]) -> [f32; 4] {
        let mut counts = [0; 4];
        (0..20_000).for_each(|_| counts[sampler.pick(logits) as usize] += 1);
        counts.map(|count| count as f32 / 20_000.0)
    }

    #[test]
    fn without_temperature_the_likeliest_token_is_taken() {
        assert_eq!(sampler(0.0, None, None).pick(&[1.0, 3.0, 3.0, f32::NAN]), 1);
        assert_eq!(sampler(1.0, Some(1), None).pick(&[1.0, 2.0, 3.0, 0.0]), 2);
        assert_eq!(sampler(1.0, None, Some(1e-6)).pick(&[1.0, 2.0, 3.0, 0.0]), 2);
    }

    #[test]
    fn tokens_are_drawn_by_their_probabilities_under_every_filter() {
        // Probabilities 0.1, 0.2, 0.3, 0.4.
        let logits = [1.0_f32, 2.0, 3.0, 4.0].map(f32::ln);
        type Case = (f32, Option<usize>, Option<f32>, [f32; 4]);
        let cases: [Case; 5] = [
            (1.0, None, None, [0.1, 0.2, 0.3, 0.4]),
            (0.5, None, None, [1.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0, 16.0 / 30.0]),
            (1.0, Some(2), None, [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0]),
            (1.0, None, Some(0.75), [0.0, 2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0]),
            (1.0, Some(2), Some(0.5), [0.0, 0.0, 0.0, 1.0]),
        ];
        for (temperature, top_k, top_p, expected) in cases {
            let found = shares(&mut sampler(temperature, top_k, top_p), &logits);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 0.015, "{temperature} {top_k:?} {top_p:?}: {found} not {expected}");
            }
        }
    }

    #[test]
    fn equal_seeds_pick_equal_tokens() {
        let logits = [0.1, 0.3, 0.2, 0.4];
        let picks = |seed| {
            let mut sampler = Sampler::new(Sampling { temperature: 1.0, seed, ..Sampling::default() }).unwrap();
            (0..50).map(|_| sampler.pick(&logits)).collect::<Vec<_>>()
        };
        assert_eq!(picks(7), picks(7));
        assert_ne!(picks(7), picks(8));
    }

    #[test]
    fn settings_that_pick_nothing_are_refused_by_name() {
        let cases = [
            (Sampling { temperature: -1.0, ..Sampling::default() }, "temperature: found -1"),
            (Sampling { top_k: Some(0), ..Sampling::default() }, "top_k: found 0"),
            (Sampling { top_p: Some(1.5), ..Sampling::default() }, "top_p: found 1.5"),
        ];
        for (sampling, expected) in cases {
            let message = Sampler::new(sampling).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
