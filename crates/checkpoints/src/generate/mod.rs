//! A causal language model continues a text, piece by piece.

mod settings;
mod stream;

pub use settings::{Settings, Wishes};

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
        require(&self.checkpoint, Head::CausalLm)?;
        let mut ids = self.prompt(prompt)?;
        let (prompt_tokens, room) = (ids.len(), self.room_after(ids.len())?);
        let most = settings.max_new_tokens.min(room);
        let seed = settings.sampling.seed.wrapping_add(sample);
        let mut sampler = Sampler::new(Sampling { seed, ..settings.sampling.clone() })?;
        // The last new token is never read.
        let capacity = prompt_tokens + most.saturating_sub(1);
        let mut decoder = Decoder::new(&self.model, &self.parameters, &self.device, 1, capacity)?;
        let mut stream = TextStream::after(&self.tokenizer, &ids)?;

        let (start, mut first, mut new_tokens) = (Instant::now(), Duration::ZERO, 0);
        let end = loop {
            if new_tokens == most {
                break if most < settings.max_new_tokens { End::Positions } else { End::MaxNewTokens };
            }
            let token = sampler.pick(&decoder.read(&ids)?.as_vec());
            new_tokens += 1;
            if new_tokens == 1 {
                first = start.elapsed();
            }
            if settings.end.contains(&token) {
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

    /// How many tokens a prompt is, if the model can go on from it.
    ///
    /// # Errors
    /// As [`Loaded::generate`] for its prompt.
    pub fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        let tokens = self.prompt(prompt)?.len();
        self.room_after(tokens).map(|_| tokens)
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

    /// How many tokens may follow a prompt.
    fn room_after(&self, prompt_tokens: usize) -> Result<usize> {
        let longest = self.model.config().longest_sequence().unwrap_or(usize::MAX);
        match longest.checked_sub(prompt_tokens) {
            // What is picked last needs no position.
            Some(left) => Ok(left.saturating_add(1)),
            None => Err(CheckpointError::Input {
                what: "prompt",
                found: format!("{prompt_tokens} tokens"),
                expected: format!("at most {longest}, the model's positions"),
            }),
        }
    }
}
