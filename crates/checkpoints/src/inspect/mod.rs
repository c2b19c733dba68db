//! What lies in a checkpoint, from its configuration and headers alone: a checkpoint of a hundred gigabytes takes milliseconds.
//!
//! Numbers and names are collected here; [`table`] puts them on a terminal, [`json`] into an object.

mod json;
mod modules;
mod spaces;
mod table;
#[cfg(test)]
mod tests;

pub use modules::ModuleKind;
pub use spaces::SpaceUse;

use crate::Result;
use crate::tokenizer::{check_fit, largest_id};
use ligo_eval::{Convention, StepShape, inference_flops, step_flops};
use ligo_models::hub::{self, Checkpoint, Remark};
use ligo_models::{Family, Head, ModelConfig};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// FLOPs are counted at this length, or at the longest that the model can read if that is less, unless another is wished for.
const USUAL_LENGTH: usize = 1024;
/// The share of tokens that a masked language model learns from.
const MASKED_SHARE: f64 = 0.15;

/// What a checkpoint is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// Where it lies.
    pub directory: PathBuf,
    /// Which architecture.
    pub family: Family,
    /// What stands on top.
    pub head: Head,
    /// All sizes and options.
    pub config: ModelConfig,
    /// Weights in all; a tied matrix counts once.
    pub parameters: usize,
    /// The same by module, in the order of a forward pass; modules that the model does not have are left out.
    pub modules: Vec<(ModuleKind, usize)>,
    /// What a token or an image costs.
    pub flops: FlopsPer,
    /// What is on disk.
    pub files: Files,
    /// What growing can change, and what it cannot.
    pub spaces: Vec<SpaceUse>,
    /// Files of tokenizer, image processor and generation, by their path in the directory.
    pub companions: Vec<PathBuf>,
    /// Parameters that no tensor stands for.
    pub missing: Vec<Remark>,
    /// Tensors that stand for no parameter; some may be passed over.
    pub unexpected: Vec<Remark>,
    /// Why the checkpoint cannot be loaded; none if it can, but for what its values are.
    pub problem: Option<String>,
    /// Whether the tokenizer fits; none for a model of images.
    pub tokenizer: Option<TokenizerCheck>,
}

/// FLOPs of one token, or of one image, by the project's own convention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlopsPer {
    /// `token` or `image`.
    pub unit: &'static str,
    /// Tokens in the sequence that the token stands in; what attention costs grows with it.
    pub sequence_length: usize,
    /// Of using the model: all logits, no dropout.
    pub forward: f64,
    /// Of learning from it: forward and backward, the optimiser left out.
    pub training: f64,
}

/// The files of the weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Each with its bytes of tensors, in order.
    pub files: Vec<(String, u64)>,
    /// Tensors and bytes by the type of their numbers (`F32`, `BF16`, …).
    pub dtypes: BTreeMap<String, (usize, u64)>,
}

impl Files {
    /// Bytes of tensors in all.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Whether the ids of a tokenizer have rows in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerCheck {
    /// The file; none if there is no tokenizer.
    pub file: Option<String>,
    /// The largest id and one; none if it could not be read.
    pub ids: Option<usize>,
    /// What is wrong; none if it fits.
    pub problem: Option<String>,
}

/// Looks at a checkpoint without reading a weight. FLOPs are counted in sequences of `sequence_length` tokens; without it of 1,024,
/// or as many as the model can read.
///
/// What is missing or does not fit is part of the answer.
///
/// # Errors
/// [`crate::CheckpointError::Model`] for a directory that is no checkpoint, or one whose configuration no model can have;
/// [`crate::CheckpointError::Input`] for a length that the model cannot read.
pub fn inspect(directory: &Path, sequence_length: Option<usize>) -> Result<Inspection> {
    let checkpoint = hub::open(directory)?;
    let model = checkpoint.model()?;
    let config = model.config();
    Ok(Inspection {
        directory: directory.to_owned(),
        family: config.family,
        head: config.head(),
        parameters: model.parameter_count(),
        modules: modules::count(model.specs()),
        flops: flops(config, sequence_length)?,
        files: files(&checkpoint),
        spaces: spaces::used(config, model.specs()),
        companions: checkpoint.companions().to_vec(),
        missing: checkpoint.missing()?,
        unexpected: checkpoint.unexpected()?,
        problem: checkpoint.check().err().map(|error| error.to_string()),
        tokenizer: (!config.family.reads_images()).then(|| tokenizer(directory, config)),
        config: config.clone(),
    })
}

fn flops(config: &ModelConfig, wished: Option<usize>) -> Result<FlopsPer> {
    let longest = config.longest_sequence();
    let images = config.family.reads_images();
    if let Some(length) = wished {
        let most = longest.filter(|_| !images).unwrap_or(usize::MAX);
        if length == 0 || length > most {
            return Err(crate::CheckpointError::Input {
                what: "sequence length",
                found: length.to_string(),
                expected: if most == usize::MAX { "at least 1".into() } else { format!("1 to {most}") },
            });
        }
    }
    let longest = longest.unwrap_or(config.max_position_embeddings);
    let sequence_length = if images { longest } else { wished.unwrap_or(longest.min(USUAL_LENGTH)) };
    let labelled_share = if config.head() == Head::MaskedLm { MASKED_SHARE } else { 1.0 };
    let shape = StepShape { sequences: 1, sequence_length, labelled_share };
    let units = if images { 1.0 } else { sequence_length as f64 };
    Ok(FlopsPer {
        unit: if images { "image" } else { "token" },
        sequence_length,
        forward: inference_flops(config, 1, sequence_length) / units,
        training: step_flops(config, shape, Convention::Ours).total() / units,
    })
}

fn files(checkpoint: &Checkpoint) -> Files {
    let mut files: Vec<(String, u64)> = vec![];
    let mut dtypes: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for tensor in checkpoint.tensors() {
        let name = tensor.file.file_name().unwrap_or_default().to_string_lossy();
        let bytes = tensor.bytes as u64;
        match files.last_mut() {
            Some((last, sum)) if *last == name => *sum += bytes,
            _ => files.push((name.into_owned(), bytes)),
        }
        let (count, sum) = dtypes.entry(format!("{:?}", tensor.dtype)).or_default();
        (*count, *sum) = (*count + 1, *sum + bytes);
    }
    Files { files, dtypes }
}

fn tokenizer(directory: &Path, config: &ModelConfig) -> TokenizerCheck {
    let Some((path, largest)) = largest_id(directory) else {
        let problem = Some("there is none: text goes neither in nor out".into());
        return TokenizerCheck { file: None, ids: None, problem };
    };
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let ids = largest.as_ref().ok().map(|largest| largest.map_or(0, |id| id as usize + 1));
    let problem = largest.and_then(|largest| check_fit(largest, config.vocab_size)).err();
    TokenizerCheck { file, ids, problem }
}
