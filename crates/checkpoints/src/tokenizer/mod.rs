//! The tokenizer that belongs to a checkpoint: text to the model's ids and back, as its files say.
//!
//! Unlike a tokenizer that is trained here, it frames a text as the model has learnt it (`[CLS]` and `[SEP]`, a beginning), and
//! reads `[MASK]` in a text as the mask. It never cuts or pads, whatever its file says: that is for whoever asks. Of a RoBERTa with
//! `vocab.json` and `merges.txt` alone, the mask takes the space before it along, as in the `tokenizer.json` of its published
//! checkpoints.

mod files;
mod ids;
mod special;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use files::settings;
pub(crate) use ids::largest_id;
pub(crate) use special::GENERATION;
pub use special::SpecialTokens;

use crate::{CheckpointError, Result};
use ligo_models::hub::Checkpoint;
use std::path::PathBuf;

/// A checkpoint's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    special: SpecialTokens,
}

/// A text as a model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// With the tokens at its start and end.
    pub(crate) ids: Vec<u32>,
    /// Where in the text each token stands, in bytes.
    pub(crate) places: Vec<(usize, usize)>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`; without it `vocab.json` and `merges.txt` of a GPT-2 or RoBERTa, or `vocab.txt` of a BERT.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if there is none, if it cannot be read, or if it has ids that the model has no row for.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self> {
        let (mut inner, path) = files::read(checkpoint.directory(), checkpoint.config().family)?;
        let broken = |reason: String| CheckpointError::File { path: path.clone(), reason };
        inner.with_truncation(None).map_err(|error| broken(error.to_string()))?;
        inner.with_padding(None);
        let largest = inner.get_vocab(true).into_values().max();
        check_fit(largest, checkpoint.config().vocab_size).map_err(&broken)?;
        let special = SpecialTokens::find(checkpoint, &inner)?;
        Ok(Self { inner, path, special })
    }

    /// The ids that mean something of their own.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The ids of a text, with those that its files put at the start and the end.
    ///
    /// # Errors
    /// [`CheckpointError::File`] with what the tokenizer reports.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, true).map_err(|error| self.failed("encode a text", &error))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// As [`Tokenizer::encode`], with places.
    pub(crate) fn encode_with_places(&self, text: &str) -> Result<Encoded> {
        let encoding = self.inner.encode(text, true).map_err(|error| self.failed("encode a text", &error))?;
        Ok(Encoded { ids: encoding.get_ids().to_vec(), places: encoding.get_offsets().to_vec() })
    }

    /// The text of some ids, special tokens left out.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(|error| self.failed("decode ids", &error))
    }

    /// It as a `tokenizer.json`, whichever files it was read from.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(false).map_err(|error| self.failed("write a tokenizer.json", &error))
    }

    /// How an id is written in the vocabulary; none if no token has it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    fn failed(&self, what: &str, error: &tokenizers::Error) -> CheckpointError {
        CheckpointError::File { path: self.path.clone(), reason: format!("cannot {what}: {error}") }
    }
}

/// Whether a model with `vocab_size` rows has one for every id; what is wrong if not.
pub(crate) fn check_fit(largest: Option<u32>, vocab_size: usize) -> std::result::Result<(), String> {
    match largest {
        None => Err("found no tokens, expected a vocabulary".into()),
        Some(largest) if largest as usize >= vocab_size => Err(format!(
            "found ids up to {largest}, expected less than the model's vocab_size ({vocab_size} in config.json)"
        )),
        Some(_) => Ok(()),
    }
}
