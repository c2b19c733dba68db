//! Small models for this crate's tests.

use ligo_models::{Family, ModelConfig};

/// A configuration whose sizes are not all alike.
pub(crate) fn config(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    ModelConfig {
        family,
        vocab_size: 13,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: None,
        max_position_embeddings: 8,
        type_vocab_size: None,
        layer_norm_eps: None,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        initializer_range: 0.02,
    }
}
