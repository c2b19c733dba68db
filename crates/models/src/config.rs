//! The sizes of a model, in the field's standard names whatever the family.

use crate::{Space, SpaceSize};
use serde::{Deserialize, Serialize};

/// A family of architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Pre-norm, causal, learned positions, tied output (Radford et al. 2019).
    Gpt2,
    /// Post-norm, bidirectional, masked language model with a tied decoder (Devlin et al. 2019).
    Bert,
}

/// Everything that fixes a model's architecture. In TOML: the table `[small]` or `[large]`.
///
/// Checked by [`crate::Model::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Which architecture.
    pub family: Family,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the residual stream (D1, D2).
    pub hidden_size: usize,
    /// Number of transformer blocks (L1, L2).
    pub num_hidden_layers: usize,
    /// Number of attention heads; hidden_size must be a multiple of it.
    pub num_attention_heads: usize,
    /// Inner width of the MLP; 4 × hidden_size if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Number of token types; BERT only, 2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_vocab_size: Option<usize>,
    /// ε of the layer norms; 1e-5 for GPT-2 and 1e-12 for BERT if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_norm_eps: Option<f32>,
    /// Dropout on embeddings and on the outputs of attention and MLP.
    #[serde(default)]
    pub hidden_dropout: f32,
    /// Dropout on attention probabilities.
    #[serde(default)]
    pub attention_dropout: f32,
    /// Standard deviation of fresh weights.
    #[serde(default = "default_initializer_range")]
    pub initializer_range: f32,
}

fn default_initializer_range() -> f32 {
    0.02
}

impl ModelConfig {
    /// Inner width of the MLP.
    pub fn intermediate_size(&self) -> usize {
        self.intermediate_size.unwrap_or(4 * self.hidden_size)
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// How wide a space is in this model.
    pub fn space(&self, space: Space) -> SpaceSize {
        let plain = |units| SpaceSize { units, unit: 1 };
        match space {
            Space::Embed => plain(self.hidden_size),
            Space::Query(_) | Space::Key(_) | Space::Value(_) => {
                SpaceSize { units: self.num_attention_heads, unit: self.head_dim() }
            }
            Space::Ffn(_) => plain(self.intermediate_size()),
            Space::Vocab => plain(self.vocab_size),
            Space::Position => plain(self.max_position_embeddings),
            Space::TokenType => plain(self.type_vocab_size.unwrap_or(2)),
        }
    }
}
