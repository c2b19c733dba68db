//! How text is generated: what is wished for, else what the checkpoint's `generation_config.json` says, else the usual.

use crate::tokenizer::{GENERATION, settings};
use crate::{CheckpointError, Loaded, Result};
use ligo_kernels::Kernels;
use ligo_models::generate::{Sampler, Sampling};
use serde_json::{Map, Value};

/// Where nobody says how many tokens.
const MAX_NEW_TOKENS: usize = 50;
/// Where nobody says how to pick: not the likeliest token each time, which soon repeats itself.
const USUAL: Sampling = Sampling { temperature: 0.8, top_k: Some(50), top_p: Some(0.95), seed: 0 };
/// What `transformers` takes for what a file that asks for sampling leaves out.
const LEFT_OUT: Sampling = Sampling { temperature: 1.0, top_k: Some(50), top_p: None, seed: 0 };

/// Keys that change what is generated and are not built here, each with the value that changes nothing.
const NOT_BUILT: [(&str, f64); 13] = [
    ("repetition_penalty", 1.0),
    ("no_repeat_ngram_size", 0.0),
    ("encoder_no_repeat_ngram_size", 0.0),
    ("encoder_repetition_penalty", 1.0),
    ("length_penalty", 1.0),
    ("diversity_penalty", 0.0),
    ("num_beams", 1.0),
    ("min_length", 0.0),
    ("min_new_tokens", 0.0),
    ("min_p", 0.0),
    ("typical_p", 1.0),
    ("epsilon_cutoff", 0.0),
    ("eta_cutoff", 0.0),
];
/// The same for keys that are no numbers: anything but null, false and empty lists changes something.
const NOT_BUILT_EITHER: [&str; 8] = [
    "bad_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "sequence_bias",
    "guidance_scale",
    "stop_strings",
];

/// What a user asks for; what is left out is the checkpoint's to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// How many tokens at most.
    pub max_new_tokens: Option<usize>,
    /// See [`Sampling::temperature`]; asks for sampling, if above 0.
    pub temperature: Option<f32>,
    /// See [`Sampling::top_k`]; 0 is all. Asks for sampling.
    pub top_k: Option<usize>,
    /// See [`Sampling::top_p`]; asks for sampling.
    pub top_p: Option<f32>,
    /// Names the random numbers; 0 if left out.
    pub seed: Option<u64>,
    /// Always the likeliest token, whatever else is said.
    pub greedy: bool,
}

/// How long a text may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many tokens after the prompt.
    New(usize),
    /// So many tokens with the prompt, at least one of them new.
    Total(usize),
}

impl Length {
    /// How many tokens may follow a prompt.
    pub fn after(self, prompt_tokens: usize) -> usize {
        match self {
            Self::New(new) => new,
            Self::Total(total) => total.saturating_sub(prompt_tokens).max(1),
        }
    }
}

/// How text is generated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// How many tokens at most.
    pub length: Length,
    /// How each is picked.
    pub sampling: Sampling,
    /// Ids that end a text.
    pub end: Vec<u32>,
    /// What the checkpoint asks for and is not done: `repetition_penalty = 1.1`, …
    pub passed_over: Vec<String>,
}

impl Settings {
    /// For a checkpoint, what is wished for coming first.
    ///
    /// # Errors
    /// [`CheckpointError::File`] for a value in `generation_config.json` that cannot be, [`CheckpointError::Model`] for a wish that
    /// cannot be.
    pub fn new<D: Kernels>(loaded: &Loaded<D>, wishes: &Wishes) -> Result<Self> {
        let directory = loaded.checkpoint.directory();
        let file = settings(directory, GENERATION)?;
        let broken = |reason: String| CheckpointError::File { path: directory.join(GENERATION), reason };
        let made = Self::of(&file, loaded.tokenizer.special().end.clone(), wishes).map_err(&broken)?;
        if let Err(error) = Sampler::new(made.sampling.clone()) {
            let wished = wishes.temperature.is_some() || wishes.top_k.is_some() || wishes.top_p.is_some();
            return Err(if wished { error.into() } else { broken(error.to_string()) });
        }
        Ok(made)
    }

    fn of(file: &Map<String, Value>, end: Vec<u32>, wishes: &Wishes) -> std::result::Result<Self, String> {
        let wants_sampling = wishes.temperature.is_some() || wishes.top_k.is_some() || wishes.top_p.is_some();
        let asks_for_sampling = read(file, "do_sample", "true or false", Value::as_bool)?;
        let mut sampling = match (asks_for_sampling, wants_sampling) {
            (None, _) => USUAL,
            (Some(false), false) => Sampling::default(),
            (Some(_), _) => LEFT_OUT,
        };
        if asks_for_sampling != Some(false) || wants_sampling {
            if let Some(temperature) = read(file, "temperature", "a number", Value::as_f64)? {
                sampling.temperature = temperature as f32;
            }
            if let Some(k) = read(file, "top_k", "a whole number", Value::as_u64)? {
                sampling.top_k = Some(k as usize);
            }
            if let Some(p) = read(file, "top_p", "a number", Value::as_f64)? {
                sampling.top_p = Some(p as f32);
            }
        }
        sampling.temperature = wishes.temperature.unwrap_or(sampling.temperature);
        sampling.top_k = wishes.top_k.or(sampling.top_k).filter(|&k| k > 0);
        sampling.top_p = wishes.top_p.or(sampling.top_p).filter(|&p| p != 1.0);
        if wishes.greedy || sampling.temperature == 0.0 {
            sampling = Sampling::default();
        }
        sampling.seed = wishes.seed.unwrap_or(0);
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let new = read(file, "max_new_tokens", "a whole number", number)?.map(Length::New);
        let total = read(file, "max_length", "a whole number", number)?.map(Length::Total);
        Ok(Self {
            length: wishes.max_new_tokens.map(Length::New).or(new).or(total).unwrap_or(Length::New(MAX_NEW_TOKENS)),
            sampling,
            end,
            passed_over: passed_over(file),
        })
    }
}

fn read<T>(
    file: &Map<String, Value>,
    key: &str,
    expected: &str,
    get: impl Fn(&Value) -> Option<T>,
) -> std::result::Result<Option<T>, String> {
    match file.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => get(value).map(Some).ok_or_else(|| format!("{key}: found {value}, expected {expected}")),
    }
}

fn passed_over(file: &Map<String, Value>) -> Vec<String> {
    let numbers = NOT_BUILT
        .iter()
        .filter(|(key, neutral)| file.get(*key).and_then(Value::as_f64).is_some_and(|value| value != *neutral));
    let others = NOT_BUILT_EITHER.iter().filter(|key| match file.get(**key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    });
    let said = |&key: &&str| match &file[key] {
        Value::Array(_) | Value::Object(_) => key.to_owned(),
        value => format!("{key} = {value}"),
    };
    numbers.map(|(key, _)| key).chain(others).map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(file: Value, wishes: &Wishes) -> std::result::Result<Settings, String> {
        let Value::Object(file) = file else { panic!("a map") };
        Settings::of(&file, vec![7], wishes)
    }

    fn sampling(temperature: f32, top_k: Option<usize>, top_p: Option<f32>, seed: u64) -> Sampling {
        Sampling { temperature, top_k, top_p, seed }
    }

    #[test]
    fn wishes_come_before_the_file_and_the_file_before_the_usual() {
        let none = Wishes::default();
        let warm = Wishes { temperature: Some(0.5), seed: Some(3), ..none.clone() };
        let all = Wishes { top_k: Some(0), top_p: Some(1.0), ..none.clone() };
        let greedy = Wishes { greedy: true, ..warm.clone() };
        let samples = json!({ "do_sample": true, "temperature": 0.6, "top_p": 0.9 });
        let cases = [
            (json!({}), &none, sampling(0.8, Some(50), Some(0.95), 0)),
            (json!({ "temperature": 0.3 }), &none, sampling(0.3, Some(50), Some(0.95), 0)),
            (json!({ "do_sample": false, "temperature": 0.3 }), &none, sampling(0.0, None, None, 0)),
            (json!({ "do_sample": false }), &warm, sampling(0.5, Some(50), None, 3)),
            (json!({ "do_sample": true }), &none, sampling(1.0, Some(50), None, 0)),
            (samples.clone(), &none, sampling(0.6, Some(50), Some(0.9), 0)),
            (samples.clone(), &warm, sampling(0.5, Some(50), Some(0.9), 3)),
            (samples.clone(), &all, sampling(0.6, None, None, 0)),
            (samples, &greedy, sampling(0.0, None, None, 3)),
        ];
        for (file, wishes, expected) in cases {
            assert_eq!(made(file.clone(), wishes).unwrap().sampling, expected, "{file} {wishes:?}");
        }
    }

    #[test]
    fn a_length_is_wished_for_or_the_files_and_may_count_the_prompt() {
        let none = Wishes::default();
        let three = Wishes { max_new_tokens: Some(3), ..none.clone() };
        let all = json!({ "max_length": 30 });
        let both = json!({ "max_new_tokens": 20, "max_length": 30 });
        // With a prompt of 12 tokens, and with one of 40.
        for (file, wishes, expected) in [
            (json!({}), &none, (50, 50)),
            (both.clone(), &none, (20, 20)),
            (both, &three, (3, 3)),
            (all.clone(), &none, (18, 1)),
            (all, &three, (3, 3)),
            (json!({ "max_new_tokens": u64::MAX }), &none, (usize::MAX, usize::MAX)),
        ] {
            let length = made(file.clone(), wishes).unwrap().length;
            assert_eq!((length.after(12), length.after(40)), expected, "{file} {wishes:?}");
        }
    }

    #[test]
    fn what_is_not_built_is_named_and_what_cannot_be_is_refused() {
        let file = json!({
            "repetition_penalty": 1.1, "num_beams": 1, "min_length": 0, "no_repeat_ngram_size": 3,
            "bad_words_ids": [[3]], "suppress_tokens": [], "guidance_scale": null, "eos_token_id": 4,
        });
        let expected = ["repetition_penalty = 1.1", "no_repeat_ngram_size = 3", "bad_words_ids"];
        assert_eq!(made(file, &Wishes::default()).unwrap().passed_over, expected);
        for (file, expected) in [
            (json!({ "temperature": "warm" }), "temperature: found \"warm\", expected a number"),
            (json!({ "top_k": -1 }), "top_k: found -1, expected a whole number"),
            (json!({ "do_sample": 1 }), "do_sample: found 1, expected true or false"),
            (json!({ "max_new_tokens": 1.5 }), "max_new_tokens: found 1.5, expected a whole number"),
            (json!({ "max_length": -1 }), "max_length: found -1, expected a whole number"),
        ] {
            assert_eq!(made(file, &Wishes::default()).unwrap_err(), expected);
        }
    }
}
