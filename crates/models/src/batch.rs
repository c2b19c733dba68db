//! What a language model is fed.

use crate::{ModelConfig, ModelError, Result};
use ligo_kernels::IGNORED;

/// Token ids and targets of a batch of sequences of one length, sequence after sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenBatch {
    /// `batch_size · sequence_length` ids.
    pub input_ids: Vec<u32>,
    /// What each position should predict, or [`ligo_kernels::IGNORED`]. For a causal model this is already the next
    /// token: `targets[i] = input_ids[i + 1]`.
    pub targets: Vec<i32>,
    /// Number of sequences.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
    /// `true` for a real token, `false` for padding; none if nothing is padded.
    pub real_tokens: Option<Vec<bool>>,
}

impl TokenBatch {
    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.batch_size.saturating_mul(self.sequence_length)
    }

    /// Checks all sizes but that of the targets; ids are checked where they are looked up.
    pub(crate) fn check_inputs(&self, config: &ModelConfig) -> Result<()> {
        let longest = config.max_position_embeddings;
        let length = self.sequence_length;
        let fits = (1..=longest).contains(&length);
        require("sequence_length", length, fits, format_args!("1 to {longest} (max_position_embeddings)"))?;
        require("batch_size", self.batch_size, self.batch_size > 0, "at least 1")?;
        let tokens = self.tokens();
        let count = self.input_ids.len();
        require("number of input_ids", count, count == tokens, tokens)?;
        let flags = self.real_tokens.as_ref().map_or(tokens, Vec::len);
        require("number of real_tokens", flags, flags == tokens, tokens)
    }

    /// Checks the targets.
    pub(crate) fn check_targets(&self, config: &ModelConfig) -> Result<()> {
        let (tokens, count) = (self.tokens(), self.targets.len());
        require("number of targets", count, count == tokens, tokens)?;
        let known = |target: i32| usize::try_from(target).is_ok_and(|target| target < config.vocab_size);
        match self.targets.iter().position(|&target| target != IGNORED && !known(target)) {
            None => Ok(()),
            Some(i) => {
                let expected = format!("{IGNORED}, or less than vocab_size ({})", config.vocab_size);
                require(&format!("target {i}"), self.targets[i], false, expected)
            }
        }
    }
}

fn require(what: &str, found: impl ToString, holds: bool, expected: impl ToString) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(ModelError::Batch { what: what.to_owned(), found: found.to_string(), expected: expected.to_string() })
}

/// Whether dropout is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout on; the key (seed and step mixed into one number) names all masks of this pass.
    Train {
        /// Mixed with the place of each mask.
        dropout_key: u64,
    },
    /// Dropout off.
    Evaluate,
}
