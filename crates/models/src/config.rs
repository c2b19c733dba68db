//! The sizes of a model, in the field's standard names whatever the family.
//!
//! The Hub's own keys (`n_embd`, `resid_pdrop`, …) are read and written in `hub`, not here.

use crate::{ModelError, Result, Space, SpaceSize};
use serde::{Deserialize, Serialize};

/// No width is larger: the product of two and the sum over all layers stay far from overflow.
const LARGEST_WIDTH: usize = 1 << 24;
/// No model is deeper.
const LARGEST_DEPTH: usize = 1 << 12;

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
    /// Number of token ids; 0, the default, means that it is yet to be filled in from the tokenizer.
    #[serde(default)]
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
    /// Longest sequence; 0, the default, means that it is yet to be filled in from the data.
    #[serde(default)]
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

    /// ε of the layer norms.
    pub fn layer_norm_eps(&self) -> f32 {
        self.layer_norm_eps.unwrap_or(match self.family {
            Family::Gpt2 => 1e-5,
            Family::Bert => 1e-12,
        })
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

    /// Refuses what no model can be built from.
    pub(crate) fn check(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size, LARGEST_WIDTH),
            ("hidden_size", self.hidden_size, LARGEST_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, LARGEST_DEPTH),
            ("num_attention_heads", self.num_attention_heads, LARGEST_WIDTH),
            ("intermediate_size", self.intermediate_size(), LARGEST_WIDTH),
            ("max_position_embeddings", self.max_position_embeddings, LARGEST_WIDTH),
            ("type_vocab_size", self.space(Space::TokenType).width(), LARGEST_WIDTH),
        ];
        for (field, size, most) in sizes {
            require(field, size, (1..=most).contains(&size), format_args!("a number from 1 to {most}"))?;
        }
        let heads = self.num_attention_heads;
        let whole = self.hidden_size.is_multiple_of(heads);
        require("hidden_size", self.hidden_size, whole, format_args!("a multiple of num_attention_heads ({heads})"))?;
        if let (Family::Gpt2, Some(types)) = (self.family, self.type_vocab_size) {
            require("type_vocab_size", types, false, "no such key: only BERT has token types")?;
        }
        for (field, p) in [("hidden_dropout", self.hidden_dropout), ("attention_dropout", self.attention_dropout)] {
            require(field, p, (0.0..1.0).contains(&p), "a number in [0, 1)")?;
        }
        for (field, x) in [("layer_norm_eps", self.layer_norm_eps()), ("initializer_range", self.initializer_range)] {
            require(field, x, x.is_finite() && x > 0.0, "a finite number above 0")?;
        }
        Ok(())
    }
}

fn require(field: &'static str, found: impl ToString, holds: bool, expected: impl ToString) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(ModelError::Config { field, found: found.to_string(), expected: expected.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(family: &str) -> ModelConfig {
        let text = format!(
            "family = '{family}'
             vocab_size = 11
             hidden_size = 12
             num_hidden_layers = 2
             num_attention_heads = 3
             max_position_embeddings = 5"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_left_out_has_the_documented_default() {
        let (gpt2, bert) = (config("gpt2"), config("bert"));
        assert_eq!((gpt2.intermediate_size(), gpt2.layer_norm_eps()), (48, 1e-5));
        assert_eq!((bert.space(Space::TokenType).width(), bert.layer_norm_eps()), (2, 1e-12));
        assert_eq!((gpt2.hidden_dropout, gpt2.attention_dropout, gpt2.initializer_range), (0.0, 0.0, 0.02));
        let sizes = "family = 'bert'
            hidden_size = 12
            num_hidden_layers = 2
            num_attention_heads = 3";
        let open: ModelConfig = toml::from_str(sizes).unwrap();
        assert_eq!((open.vocab_size, open.max_position_embeddings), (0, 0));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = toml::from_str::<ModelConfig>("family = 'gpt2'\nhiden_size = 4").unwrap_err().to_string();
        assert!(error.contains("hiden_size"), "{error}");
    }

    #[test]
    fn every_size_and_option_that_cannot_work_is_refused_by_name() {
        type Change = fn(&mut ModelConfig);
        let cases: &[(&str, &str, Change, &str)] = &[
            ("gpt2", "vocab_size", |c| c.vocab_size = 0, "found 0, expected a number from 1"),
            ("gpt2", "vocab_size", |c| c.vocab_size = usize::MAX, "expected a number from 1 to 16777216"),
            ("gpt2", "hidden_size", |c| c.hidden_size = 0, "found 0"),
            ("gpt2", "hidden_size", |c| c.hidden_size = 13, "found 13, expected a multiple of num_attention_heads (3)"),
            ("gpt2", "num_hidden_layers", |c| c.num_hidden_layers = 0, "found 0"),
            ("gpt2", "num_attention_heads", |c| c.num_attention_heads = 0, "found 0"),
            ("gpt2", "intermediate_size", |c| c.intermediate_size = Some(0), "found 0"),
            ("bert", "max_position_embeddings", |c| c.max_position_embeddings = 0, "found 0"),
            ("bert", "type_vocab_size", |c| c.type_vocab_size = Some(0), "found 0"),
            ("gpt2", "type_vocab_size", |c| c.type_vocab_size = Some(2), "found 2, expected no such key: only BERT"),
            ("bert", "hidden_dropout", |c| c.hidden_dropout = 1.0, "found 1, expected a number in [0, 1)"),
            ("bert", "attention_dropout", |c| c.attention_dropout = -0.1, "found -0.1"),
            ("bert", "attention_dropout", |c| c.attention_dropout = f32::NAN, "found NaN"),
            ("bert", "layer_norm_eps", |c| c.layer_norm_eps = Some(0.0), "expected a finite number above 0"),
            ("gpt2", "initializer_range", |c| c.initializer_range = f32::INFINITY, "found inf"),
        ];
        for (family, field, change, expected) in cases {
            let mut config = config(family);
            config.check().unwrap();
            change(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field}: ")) && message.contains(expected), "{message}");
        }
    }
}
