//! A causal language model continues a text, piece by piece.

mod settings;
mod stream;

pub use settings::{Length, Settings, Wishes};

use crate::loaded::require;
use crate::{CheckpointError, Loaded, Result};
use ligo_kernels::Kernels;
use ligo_models::Head;
use ligo_models::generate::{Decoder, Sampler, Sampling};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use stream::TextStream;

/// What was generated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Generated {
    /// Tokens that were read first.
    pub prompt_tokens: usize,
    /// Tokens that followed, the one that ended the text counted.
    pub new_tokens: usize,
    /// How long the prompt took, its first new token included.
    pub prompt_time: Duration,
    /// How long the others took.
    pub time: Duration,
    /// Why no more followed.
    pub end: End,
}

/// Why a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The model said so.
    EndOfText,
    /// As many tokens as were wished for.
    MaxNewTokens,
    /// The model has no positions left.
    Positions,
    /// Whoever listened said so.
    Stopped,
}

impl Generated {
    /// New tokens per second after the first; none if there is only one.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds = self.time.as_secs_f64();
        (self.new_tokens > 1 && seconds > 0.0).then(|| (self.new_tokens - 1) as f64 / seconds)
    }
}

/// A text that is ready to be continued: what can be refused of prompt and settings has been.
#[derive(Debug)]
pub struct Generation<'a, D: Kernels> {
    decoder: Decoder<'a, D>,
    sampler: Sampler,
    stream: TextStream<'a>,
    /// The tokens to read next, the prompt's at first.
    ids: Vec<u32>,
    /// Which end the text.
    end: &'a [u32],
    /// How many tokens may follow.
    most: usize,
    /// What is said if so many have followed.
    at_most: End,
}

impl<D: Kernels> Loaded<D> {
    /// Continues `prompt` and hands every piece of new text to `listen` as soon as its characters are whole.
    ///
    /// `sample` numbers texts from the same prompt: it is added to the seed, so that each can be made again by itself.
    ///
    /// # Errors
    /// [`CheckpointError::Kind`] for a model that is no causal language model, [`CheckpointError::Input`] for a prompt that leaves no
    /// room, [`CheckpointError::Model`] for settings that pick nothing.
    pub fn generate(
        &self,
        prompt: &str,
        settings: &Settings,
        sample: u64,
        listen: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        self.generation(prompt, settings, sample)?.run(listen)
    }

    /// What [`Loaded::generate`] does before the model reads anything, for who shows the prompt only if it is accepted.
    ///
    /// # Errors
    /// As [`Loaded::generate`].
    pub fn generation<'a>(&'a self, prompt: &str, settings: &'a Settings, sample: u64) -> Result<Generation<'a, D>> {
        require(&self.checkpoint, Head::CausalLm)?;
        let ids = self.prompt(prompt)?;
        // What is picked last needs no position.
        let room = self.room_after("prompt", ids.len())?.saturating_add(1);
        let wished = settings.length.after(ids.len());
        let most = wished.min(room);
        let seed = settings.sampling.seed.wrapping_add(sample);
        // The last new token is never read.
        let capacity = ids.len().saturating_add(most.saturating_sub(1));
        Ok(Generation {
            decoder: Decoder::new(&self.model, &self.parameters, &self.device, 1, capacity)?,
            sampler: Sampler::new(Sampling { seed, ..settings.sampling.clone() })?,
            stream: TextStream::after(&self.tokenizer, &ids)?,
            ids,
            end: &settings.end,
            most,
            at_most: if most < wished { End::Positions } else { End::MaxNewTokens },
        })
    }

    /// The ids of a prompt; of an empty one the token that begins a text.
    fn prompt(&self, prompt: &str) -> Result<Vec<u32>> {
        let ids = self.tokenizer.encode(prompt)?;
        if !ids.is_empty() {
            return Ok(ids);
        }
        let special = self.tokenizer.special();
        let begin = special.begin.or(special.end.first().copied());
        begin.map(|id| vec![id]).ok_or_else(|| CheckpointError::Input {
            what: "prompt",
            found: "no tokens".into(),
            expected: "at least one, as the tokenizer has no token that begins a text".into(),
        })
    }
}

impl<D: Kernels> Generation<'_, D> {
    /// Reads the prompt and hands on what follows it, as [`Loaded::generate`].
    ///
    /// # Errors
    /// [`CheckpointError::Model`] if the device has no memory left, [`CheckpointError::File`] if the tokenizer cannot decode.
    pub fn run(self, listen: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<Generated> {
        let Self { mut decoder, mut sampler, mut stream, mut ids, end: ends, most, at_most } = self;
        let prompt_tokens = ids.len();
        let (start, mut first, mut new_tokens) = (Instant::now(), Duration::ZERO, 0);
        let end = loop {
            if new_tokens == most {
                break at_most;
            }
            let token = sampler.pick(&decoder.read(&ids)?.as_vec());
            new_tokens += 1;
            if new_tokens == 1 {
                first = start.elapsed();
            }
            if ends.contains(&token) {
                break End::EndOfText;
            }
            let piece = stream.push(token)?;
            if !piece.is_empty() && listen(&piece).is_break() {
                break End::Stopped;
            }
            ids = vec![token];
        };
        let time = start.elapsed().saturating_sub(first);
        let rest = stream.finish()?;
        if !rest.is_empty() && end != End::Stopped {
            _ = listen(&rest);
        }
        Ok(Generated { prompt_tokens, new_tokens, prompt_time: first, time, end })
    }
}
