//! FLOPs of a training step, counted analytically, operation by operation, from the sizes of the model alone.
//!
//! The one place where they are counted, so that every method is charged alike. Two conventions: [`Convention::Ours`] says
//! what the arithmetic of a step is (`ours`), [`Convention::Paper`] repeats the count of the paper's own script, so that
//! totals can be held against the paper's (`paper`).

mod ours;
mod paper;
mod route;

pub use paper::paper_operator_step_flops;
pub use route::{route_flops, teaching_flops};

use ligo_models::{Family, ModelConfig};

/// How to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Convention {
    /// A multiply-add is 2 FLOPs, an element of a layer norm 5 (of an RMS norm 3), of a GELU 8 (of its quick form 5, of a SiLU 4,
    /// of a ReLU, a tanh 1), of a softmax 5, of a turn by rotary positions 3, of dropout 4 (where there is any), of a bias, a
    /// sum, a product or a scaling 1. Attention counts dense, also where it is causal or has a window, as the field does.
    /// Lookups are free, a language model's head works on labelled positions alone, a backward pass counts twice a forward one,
    /// and the optimiser, 13 or so per weight and step whatever the batch, is left out.
    #[default]
    Ours,
    /// PAPER.md 3.7, ELECTRA's script: as ours, but the input embedding counts as a dense product with one-hot vectors, every
    /// model has BERT's head, dropout counts whether there is any or not, and a backward pass counts as much as a forward one.
    /// It [knows](Convention::knows) BERT's kind alone and counts nothing of others.
    Paper,
}

impl Convention {
    /// Whether it can count a family: the paper's script has no gates, no grouped heads, no images.
    pub fn knows(self, family: Family) -> bool {
        match self {
            Self::Ours => true,
            Self::Paper => matches!(family, Family::Gpt2 | Family::Bert | Family::Roberta),
        }
    }
}

/// What a step works on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepShape {
    /// Sequences or images in an optimiser step (B).
    pub sequences: usize,
    /// Tokens in each (S); of no consequence for a model of images, whose patches and the tokens before them it is.
    pub sequence_length: usize,
    /// Share of the tokens that are predicted: 1 for a causal model, 0.15 or so for a masked one (the paper: 0.15625). Of no
    /// consequence where a head says one thing of a whole sequence or image, or something of every token.
    pub labelled_share: f64,
}

impl StepShape {
    /// Tokens in a step (N = B·S).
    pub fn tokens(self) -> f64 {
        self.sequences as f64 * self.sequence_length as f64
    }

    /// With as many labelled tokens as the paper's script counts in every masked step, special tokens or not (PAPER.md 3.7).
    pub fn as_in_the_paper(self) -> Self {
        Self { labelled_share: paper::LABELLED_SHARE, ..self }
    }

    /// Tokens that are predicted, on average (M).
    pub fn labelled(self) -> f64 {
        self.tokens() * self.labelled_share
    }

    /// With the length that a model of images gives its sequences.
    pub(crate) fn of(self, config: &ModelConfig) -> Self {
        match config.longest_sequence() {
            Some(sequence_length) if config.family.reads_images() => Self { sequence_length, ..self },
            _ => self,
        }
    }
}

/// FLOPs of an operation, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Flops {
    /// Of the forward pass.
    pub forward: f64,
    /// Of the backward pass.
    pub backward: f64,
}

impl Flops {
    /// Forward and backward.
    pub fn total(self) -> f64 {
        self.forward + self.backward
    }
}

impl std::iter::Sum for Flops {
    fn sum<I: Iterator<Item = Self>>(flops: I) -> Self {
        flops.fold(Self::default(), |sum, next| Self {
            forward: sum.forward + next.forward,
            backward: sum.backward + next.backward,
        })
    }
}

/// One line of a [`breakdown`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationFlops {
    /// `query, key, value`, `attention`, …
    pub name: &'static str,
    /// Over all tokens of a step and all layers.
    pub flops: Flops,
}

/// The FLOPs of one training step, operation by operation in the order of the forward pass, all layers together; nothing for a
/// family that the convention does not know.
pub fn breakdown(config: &ModelConfig, shape: StepShape, convention: Convention) -> Vec<OperationFlops> {
    if !convention.knows(config.family) {
        return Vec::new();
    }
    let shape = shape.of(config);
    let (forward, backward_ratio) = match convention {
        Convention::Ours => (ours::forward(config, shape), 2.0),
        Convention::Paper => (paper::forward(config, shape), 1.0),
    };
    let with_backward =
        |(name, forward)| OperationFlops { name, flops: Flops { forward, backward: backward_ratio * forward } };
    forward.into_iter().map(with_backward).collect()
}

/// FLOPs of one training step.
pub fn step_flops(config: &ModelConfig, shape: StepShape, convention: Convention) -> Flops {
    breakdown(config, shape, convention).into_iter().map(|operation| operation.flops).sum()
}

/// FLOPs of the forward pass over a step's tokens.
pub fn forward_flops(config: &ModelConfig, shape: StepShape, convention: Convention) -> f64 {
    step_flops(config, shape, convention).forward
}

/// FLOPs of using a model: the forward pass without dropout over `sequences` of `sequence_length` tokens (or so many images,
/// whose length is their model's own), all of a language model's logits computed. By our own convention.
pub fn inference_flops(config: &ModelConfig, sequences: usize, sequence_length: usize) -> f64 {
    let shape = StepShape { sequences, sequence_length, labelled_share: 1.0 };
    forward_flops(&without_dropout(config), shape, Convention::Ours)
}

/// A model whose dropout is off.
pub fn without_dropout(config: &ModelConfig) -> ModelConfig {
    ModelConfig {
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        classifier_dropout: config.classifier_dropout.and(Some(0.0)),
        ..config.clone()
    }
}

/// FLOPs of one step of learning a growth operator, by our convention: a step of the large model, and the expansion of the
/// weights forward and backward, once a step whatever the batch (`expansion`: the operator says what that takes).
pub fn operator_step_flops(large: &ModelConfig, shape: StepShape, expansion: Flops) -> Flops {
    [step_flops(large, shape, Convention::Ours), expansion].into_iter().sum()
}

/// Ops per element of elementwise work; a function evaluation counts as one.
mod per_element {
    use ligo_models::Activation;

    /// Mean, variance (square and sum), gain, bias.
    pub(super) const LAYER_NORM: f64 = 5.0;
    /// Square and sum, gain.
    pub(super) const RMS_NORM: f64 = 3.0;
    /// The tanh form, term by term.
    pub(super) const GELU: f64 = 8.0;
    /// Function evaluation.
    pub(super) const TANH: f64 = 1.0;
    /// Maximum, difference, exponential, sum, division.
    pub(super) const SOFTMAX: f64 = 5.0;
    /// Difference, square, sum.
    pub(super) const SQUARED_ERROR: f64 = 3.0;
    /// A softmax of softened logits, and of every class the difference of two logarithms, a product, a sum.
    pub(super) const TEACHING: f64 = SOFTMAX + 3.0;
    /// Two products and their sum.
    pub(super) const ROTARY: f64 = 3.0;
    /// Random number, comparison, mask, correction.
    pub(super) const DROPOUT: f64 = 4.0;

    /// Of the function in an MLP.
    pub(super) fn activation(activation: Activation) -> f64 {
        match activation {
            // The exact form counts as its approximation, as in the paper's script.
            Activation::Gelu | Activation::GeluNew => GELU,
            // A scaling, and then as a SiLU.
            Activation::QuickGelu => 5.0,
            // Exponential, sum, division, product.
            Activation::Silu => 4.0,
            Activation::Relu => 1.0,
        }
    }
}

#[cfg(test)]
mod tests;
