//! Which architecture, which head, whose names: the choices of a configuration that are not numbers.

use serde::{Deserialize, Serialize};

/// A family of architectures, by the Hub's `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Pre-norm, causal, learned positions, tied output (Radford et al. 2019).
    Gpt2,
    /// Post-norm, bidirectional, learned positions (Devlin et al. 2019).
    Bert,
    /// BERT with positions counted from the padding index on and heads of its own (Liu et al. 2019).
    Roberta,
    /// Pre-norm over image patches with a class token (Dosovitskiy et al. 2021).
    Vit,
    /// ViT with a distillation token beside the class token (Touvron et al. 2021).
    Deit,
    /// ViT with talking heads and LayerScale, whose class token joins in layers of its own (Touvron et al. 2021).
    Cait,
    /// RMS norms, SwiGLU, rotary positions, grouped queries (Touvron et al. 2023).
    Llama,
    /// Llama with a sliding window (Jiang et al. 2023).
    Mistral,
    /// Llama with biases on queries, keys and values (Yang et al. 2024).
    Qwen2,
    /// Llama with norms on queries and keys (Yang et al. 2025).
    Qwen3,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 10] = [
        Self::Gpt2,
        Self::Bert,
        Self::Roberta,
        Self::Vit,
        Self::Deit,
        Self::Cait,
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
    ];

    /// The Hub's `model_type`, also the name in TOML files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::Vit => "vit",
            Self::Deit => "deit",
            Self::Cait => "cait",
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// Whether it reads images; the others read tokens.
    pub fn reads_images(self) -> bool {
        matches!(self, Self::Vit | Self::Deit | Self::Cait)
    }

    /// Whether a token sees only what came before it.
    pub fn is_causal(self) -> bool {
        self == Self::Gpt2 || self.is_llama_style()
    }

    /// Whether it is one of Llama's kind.
    pub fn is_llama_style(self) -> bool {
        matches!(self, Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3)
    }

    /// Whether it has token types.
    pub fn has_token_types(self) -> bool {
        matches!(self, Self::Bert | Self::Roberta)
    }

    /// The heads that it can have, its usual one first.
    pub fn heads(self) -> &'static [Head] {
        match self {
            Self::Bert | Self::Roberta => &[
                Head::MaskedLm,
                Head::SequenceClassification,
                Head::SequenceRegression,
                Head::QuestionAnswering,
                Head::None,
            ],
            Self::Gpt2 | Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3 => &[Head::CausalLm, Head::None],
            Self::Vit | Self::Cait => &[Head::ImageClassification, Head::None],
            Self::Deit => &[Head::ImageClassification, Head::DistilledImageClassification, Head::None],
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands on top of the last hidden state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The hidden tokens, by a transform and a decoder tied to the token embedding.
    MaskedLm,
    /// The next token.
    CausalLm,
    /// A class of the whole sequence (`num_labels` logits).
    SequenceClassification,
    /// `num_labels` numbers for the whole sequence.
    SequenceRegression,
    /// Where an answer begins and ends.
    QuestionAnswering,
    /// A class of the image, by the class token.
    ImageClassification,
    /// A class of the image, by the mean of two heads: the class token's and the distillation token's.
    DistilledImageClassification,
    /// Nothing: the last hidden state itself, for embeddings.
    None,
}

impl Head {
    /// Its name in TOML files.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaskedLm => "masked-lm",
            Self::CausalLm => "causal-lm",
            Self::SequenceClassification => "sequence-classification",
            Self::SequenceRegression => "sequence-regression",
            Self::QuestionAnswering => "question-answering",
            Self::ImageClassification => "image-classification",
            Self::DistilledImageClassification => "distilled-image-classification",
            Self::None => "none",
        }
    }

    /// Whether it has `num_labels` outputs.
    pub fn has_labels(self) -> bool {
        matches!(
            self,
            Self::SequenceClassification
                | Self::SequenceRegression
                | Self::ImageClassification
                | Self::DistilledImageClassification
        )
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose names and shapes the parameters have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// `transformers`' (queries, keys and values of ViT in three matrices).
    #[default]
    Hub,
    /// `timm`'s (queries, keys and values of ViT in one matrix). CaiT has no other.
    Timm,
}

/// Where in a layer adapters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterSites {
    /// Behind the MLP (Pfeiffer et al. 2021).
    #[default]
    Mlp,
    /// Behind attention and behind the MLP (Houlsby et al. 2019).
    AttentionAndMlp,
}

/// The function between the two halves of an MLP, by `transformers`' name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// GELU with the exact error function.
    Gelu,
    /// GELU by its tanh approximation.
    GeluNew,
    /// `x · σ(1.702 x)`.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
    /// `x · σ(x)`.
    Silu,
}

impl From<Activation> for ligo_kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Gelu => Self::Gelu,
            Activation::GeluNew => Self::GeluTanh,
            Activation::QuickGelu => Self::QuickGelu,
            Activation::Relu => Self::Relu,
            Activation::Silu => Self::Silu,
        }
    }
}
