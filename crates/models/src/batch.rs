//! What a model is fed, and what it should say to it.

use crate::config::{Head, ModelConfig};
use crate::{ModelError, Result};
use ligo_kernels::IGNORED;

/// Inputs and their targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What the model reads.
    pub inputs: Inputs,
    /// What its head should say.
    pub targets: Targets,
}

/// What a model reads: tokens or images, by family.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Sequences of tokens.
    Tokens(Tokens),
    /// Images.
    Images(Images),
}

/// Token ids of sequences of one length, sequence after sequence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tokens {
    /// `batch_size · sequence_length` ids.
    pub input_ids: Vec<u32>,
    /// A type (BERT's segment) for each token; all 0 if none.
    pub token_types: Option<Vec<u32>>,
    /// `true` for a real token, `false` for padding; none if nothing is padded.
    pub real_tokens: Option<Vec<bool>>,
    /// Number of sequences.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
}

/// Images of the model's size, normalised as it was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// `batch_size · num_channels · image_size · image_size` numbers: image after image, in each colour after colour, in
    /// each row after row.
    pub pixels: Vec<f32>,
    /// Number of images.
    pub batch_size: usize,
}

/// What a head should say; which kind is the head's affair.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Nothing is known: no loss.
    Unlabelled,
    /// For a language model what each position should predict, `batch_size · sequence_length`, or
    /// [`ligo_kernels::IGNORED`]. For a causal model this is already the next token: `targets[i] = input_ids[i + 1]`.
    Tokens(Vec<i32>),
    /// For a classifier the class of each sequence or image, or [`ligo_kernels::IGNORED`].
    Classes(Vec<i32>),
    /// For a classifier what part of each sequence's or image's label falls on each class, `batch_size · num_labels` finite
    /// numbers, none below 0: what label smoothing, Mixup and CutMix make of classes. Nothing is without a label.
    Shares(Vec<f32>),
    /// For a regressing head `batch_size · num_labels` numbers.
    Values(Vec<f32>),
    /// For question answering the first and the last token of each answer, or [`ligo_kernels::IGNORED`].
    Spans(Vec<[i32; 2]>),
}

impl Batch {
    /// Tokens with a target for each: what a language model learns from.
    pub fn tokens(tokens: Tokens, targets: Vec<i32>) -> Self {
        Self { inputs: Inputs::Tokens(tokens), targets: Targets::Tokens(targets) }
    }
}

impl Inputs {
    /// Number of sequences or images.
    pub fn batch_size(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.batch_size,
            Self::Images(images) => images.batch_size,
        }
    }

    /// Tokens of one sequence, or class token, distillation token and patches of one image.
    pub(crate) fn sequence_length(&self, config: &ModelConfig) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.sequence_length,
            Self::Images(_) => config.prefix_tokens() + config.num_patches(),
        }
    }

    /// Checks all sizes; ids are checked where they are looked up.
    pub(crate) fn check(&self, config: &ModelConfig) -> Result<()> {
        require("batch_size", self.batch_size(), self.batch_size() > 0, "at least 1")?;
        match self {
            Self::Tokens(tokens) if !config.family.reads_images() => tokens.check(config),
            Self::Images(images) if config.family.reads_images() => images.check(config),
            Self::Tokens(_) => {
                require("inputs", "tokens", false, format_args!("images, which {} reads", config.family))
            }
            Self::Images(_) => {
                require("inputs", "images", false, format_args!("tokens, which {} reads", config.family))
            }
        }
    }
}

impl Tokens {
    /// Tokens in all.
    pub fn count(&self) -> usize {
        self.batch_size.saturating_mul(self.sequence_length)
    }

    fn check(&self, config: &ModelConfig) -> Result<()> {
        let length = self.sequence_length;
        let longest = config.longest_sequence().unwrap_or(usize::MAX);
        require("sequence_length", length, (1..=longest).contains(&length), format_args!("1 to {longest}"))?;
        let tokens = self.count();
        require("number of input_ids", self.input_ids.len(), self.input_ids.len() == tokens, tokens)?;
        let types = self.token_types.as_ref().map_or(tokens, Vec::len);
        require("number of token_types", types, types == tokens, tokens)?;
        let known = self.token_types.is_none() || config.family.has_token_types();
        require("token_types", "some", known, format_args!("none: {} has no token types", config.family))?;
        let flags = self.real_tokens.as_ref().map_or(tokens, Vec::len);
        require("number of real_tokens", flags, flags == tokens, tokens)
    }
}

impl Images {
    fn check(&self, config: &ModelConfig) -> Result<()> {
        let (channels, side) = (config.num_channels(), config.image_size());
        let expected = self.batch_size.saturating_mul(channels * side * side);
        let found = self.pixels.len();
        require(
            "number of pixels",
            found,
            found == expected,
            format_args!("{expected}, {channels} × {side} × {side} per image"),
        )
    }
}

impl Targets {
    /// Checks that they are of the head's kind, as many as `inputs` asks for, and within their range; shares are looked at where
    /// they are summed.
    pub(crate) fn check(&self, config: &ModelConfig, inputs: &Inputs) -> Result<()> {
        let batch = inputs.batch_size();
        let length = match inputs {
            Inputs::Tokens(tokens) => tokens.sequence_length,
            Inputs::Images(_) => 0,
        };
        let count = |what: &str, found: usize, expected: usize| require(what, found, found == expected, expected);
        match (self, config.head()) {
            (Self::Tokens(targets), Head::MaskedLm | Head::CausalLm) => {
                count("number of targets", targets.len(), batch * length)?;
                in_range("target", targets, ("vocab_size", config.vocab_size))
            }
            (
                Self::Classes(classes),
                Head::SequenceClassification | Head::ImageClassification | Head::DistilledImageClassification,
            ) => {
                count("number of classes", classes.len(), batch)?;
                in_range("class", classes, ("num_labels", config.num_labels()))
            }
            (
                Self::Shares(shares),
                Head::SequenceClassification | Head::ImageClassification | Head::DistilledImageClassification,
            ) => count("number of shares", shares.len(), batch * config.num_labels()),
            (Self::Values(values), Head::SequenceRegression) => {
                count("number of values", values.len(), batch * config.num_labels())
            }
            (Self::Spans(spans), Head::QuestionAnswering) => {
                count("number of spans", spans.len(), batch)?;
                in_range("end of a span", spans.as_flattened(), ("sequence_length", length))
            }
            (Self::Unlabelled, _) => require("targets", "none", false, "some, as a loss is asked for"),
            (found, head) => {
                require("targets", found.kind(), false, format_args!("those of the head {head}: {}", wanted(head)))
            }
        }
    }

    /// What they are called in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unlabelled => "none",
            Self::Tokens(_) => "tokens",
            Self::Classes(_) => "classes",
            Self::Shares(_) => "shares",
            Self::Values(_) => "values",
            Self::Spans(_) => "spans",
        }
    }
}

fn wanted(head: Head) -> &'static str {
    match head {
        Head::MaskedLm | Head::CausalLm => "tokens",
        Head::SequenceClassification | Head::ImageClassification | Head::DistilledImageClassification => {
            "classes, or shares of them"
        }
        Head::SequenceRegression => "values",
        Head::QuestionAnswering => "spans",
        Head::None => "none, as it has no loss",
    }
}

fn in_range(what: &str, targets: &[i32], (name, limit): (&str, usize)) -> Result<()> {
    let known = |target: i32| usize::try_from(target).is_ok_and(|target| target < limit);
    match targets.iter().position(|&target| target != IGNORED && !known(target)) {
        None => Ok(()),
        Some(i) => {
            let expected = format!("{IGNORED}, or less than {name} ({limit})");
            require(&format!("{what} {i}"), targets[i], false, expected)
        }
    }
}

/// Refuses `found` unless `holds`.
pub(crate) fn require(what: &str, found: impl ToString, holds: bool, expected: impl ToString) -> Result<()> {
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
