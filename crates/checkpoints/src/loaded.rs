//! A language model that is ready to be spoken to: architecture, weights, tokenizer.

use crate::{CheckpointError, Result, Tokenizer};
use ligo_kernels::Kernels;
use ligo_models::hub::{self, Checkpoint, LoadOptions};
use ligo_models::{Head, Model, ModelError, Parameters};
use std::path::Path;

/// A checkpoint of a language model, read.
#[derive(Debug)]
pub struct Loaded<D: Kernels> {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) model: Model,
    pub(crate) parameters: Parameters<D>,
    pub(crate) device: D,
}

impl<D: Kernels> Loaded<D> {
    /// Reads a checkpoint and its tokenizer from a directory.
    ///
    /// What can be said without the weights is said before they are read: a model that is no language model, a tokenizer that does
    /// not fit.
    ///
    /// # Errors
    /// [`CheckpointError::Kind`] for a model without a language model's head, [`CheckpointError::File`] as [`Tokenizer::open`],
    /// [`CheckpointError::NotFinite`] for infinities and NaN in weights, [`CheckpointError::Model`] else as [`hub::open`] and
    /// [`Checkpoint::load`].
    pub fn open(directory: &Path, device: &D, options: &LoadOptions) -> Result<Self> {
        let checkpoint = hub::open(directory)?;
        if !matches!(checkpoint.config().head(), Head::CausalLm | Head::MaskedLm) {
            return Err(wrong_kind(&checkpoint, "a causal or masked language model"));
        }
        Self::of(checkpoint, device, options)
    }

    /// As [`Loaded::open`], for a causal model alone, which is told before anything large is read.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub fn open_causal(directory: &Path, device: &D, options: &LoadOptions) -> Result<Self> {
        Self::open_with(directory, device, options, Head::CausalLm)
    }

    /// As [`Loaded::open`], for a masked model alone.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub fn open_masked(directory: &Path, device: &D, options: &LoadOptions) -> Result<Self> {
        Self::open_with(directory, device, options, Head::MaskedLm)
    }

    fn open_with(directory: &Path, device: &D, options: &LoadOptions, head: Head) -> Result<Self> {
        let checkpoint = hub::open(directory)?;
        require(&checkpoint, head)?;
        Self::of(checkpoint, device, options)
    }

    fn of(checkpoint: Checkpoint, device: &D, options: &LoadOptions) -> Result<Self> {
        let tokenizer = Tokenizer::open(&checkpoint)?;
        let (model, parameters) = checkpoint.load(device, options).map_err(of_weights)?;
        Ok(Self { checkpoint, tokenizer, model, parameters, device: device.clone() })
    }

    /// How many more tokens the model can read after so many of `what`; as good as without end for one without a table of positions.
    pub(crate) fn room_after(&self, what: &'static str, tokens: usize) -> Result<usize> {
        let config = self.model.config();
        let longest = config.longest_sequence().unwrap_or(usize::MAX);
        longest.checked_sub(tokens).ok_or_else(|| {
            // RoBERTa's first positions are never a token's.
            let lost = match config.max_position_embeddings.saturating_sub(longest) {
                0 => String::new(),
                lost => format!(" less {lost}"),
            };
            CheckpointError::Input {
                what,
                found: format!("{tokens} tokens"),
                expected: format!("at most {longest} (max_position_embeddings{lost})"),
            }
        })
    }

    /// Where it came from.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Its architecture.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters<D> {
        &self.parameters
    }
}

/// Says of weights that are not finite how they are let through.
fn of_weights(error: ModelError) -> CheckpointError {
    match error {
        ModelError::NotFinite { .. } => CheckpointError::NotFinite(error),
        _ => error.into(),
    }
}

/// Refuses a checkpoint with another head, and says what would do.
pub(crate) fn require(checkpoint: &Checkpoint, head: Head) -> Result<()> {
    if checkpoint.config().head() == head {
        return Ok(());
    }
    Err(wrong_kind(
        checkpoint,
        match head {
            Head::CausalLm => "a causal language model (causal-lm), which continues a text",
            _ => "a masked language model (masked-lm), which fills in a mask",
        },
    ))
}

fn wrong_kind(checkpoint: &Checkpoint, expected: &str) -> CheckpointError {
    let (family, head) = (checkpoint.config().family, checkpoint.config().head());
    let instead = match head {
        Head::CausalLm => "; `generate` is for this one",
        Head::MaskedLm => "; `fill-mask` is for this one",
        _ => "",
    };
    CheckpointError::Kind {
        path: checkpoint.directory().to_owned(),
        found: format!("{family} with the head {head}"),
        expected: format!("{expected}{instead}"),
    }
}
