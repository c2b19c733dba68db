//! The sizes and options of a model, in the field's standard names whatever the family.
//!
//! The Hub's own keys (`n_embd`, `resid_pdrop`, …) are read and written in `hub`, not here; what cannot work is refused in
//! `check`.

mod check;
mod family;
#[cfg(test)]
mod tests;

pub(crate) use check::require;
pub use family::{Activation, AdapterSites, Family, Head, Naming};

use crate::rope::RopeScaling;
use crate::{Space, SpaceSize};
use serde::{Deserialize, Serialize};

/// Everything that fixes a model's architecture. In TOML: the table `[small]` or `[large]`.
///
/// Checked by [`crate::Model::new`]. What a family does not have must be left out; what is left out has the default that
/// `transformers` (for CaiT `timm`) gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Which architecture.
    pub family: Family,
    /// What stands on top; by default the family's language model or image classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Whose names the parameters have; ViT and DeiT have a choice.
    #[serde(default, skip_serializing_if = "is_hub")]
    pub naming: Naming,
    /// Number of token ids; 0, the default, means that it is yet to be filled in from the tokenizer (images have none).
    #[serde(default)]
    pub vocab_size: usize,
    /// Width of the residual stream (D1, D2).
    pub hidden_size: usize,
    /// Number of transformer blocks (L1, L2).
    pub num_hidden_layers: usize,
    /// Number of attention heads; without a head_dim, hidden_size must be a multiple of it.
    pub num_attention_heads: usize,
    /// Number of key and value heads, a divisor of the attention heads; Llama style only, as many as there are heads if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_key_value_heads: Option<usize>,
    /// Width of one head; Llama style only, hidden_size / num_attention_heads if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Inner width of the MLP; 4 × hidden_size if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Rows of the position table, or the longest sequence that rotary positions were trained for; 0, the default, means that it
    /// is yet to be filled in from the data (images have none).
    #[serde(default)]
    pub max_position_embeddings: usize,
    /// Number of token types; BERT (2 if left out) and RoBERTa (1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_vocab_size: Option<usize>,
    /// Id of the padding token, whose embedding is never trained; none if left out. RoBERTa counts positions from it and cannot do
    /// without: 1 if left out. BERT and RoBERTa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad_token_id: Option<usize>,
    /// ε of the norms (`rms_norm_eps` of Llama style).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_norm_eps: Option<f32>,
    /// The MLP's function; `gelu_new` for GPT-2, `silu` for Llama style, else `gelu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_act: Option<Activation>,
    /// Whether attention's maps have biases: Llama and Qwen3 (all four, no if left out), ViT, DeiT and CaiT (queries, keys and
    /// values, yes if left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_bias: Option<bool>,
    /// Whether the MLP's maps have biases; Llama only, no if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlp_bias: Option<bool>,
    /// Whether the output projection is the token embedding; Llama style only, no if left out. (GPT-2, BERT and RoBERTa are tied.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_word_embeddings: Option<bool>,
    /// Base of the rotary angles; Llama style only, 10000 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// How rotary positions are stretched; Llama style only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// How many tokens back a token sees, itself among them; Mistral, Qwen2 and Qwen3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<usize>,
    /// The first layer with a sliding window, 0 if left out; Qwen2 and Qwen3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_window_layers: Option<usize>,
    /// Height and width of an image in pixels; 224 if left out. Images only, like the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Height and width of a patch, a divisor of image_size; 16 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_size: Option<usize>,
    /// Colours of a pixel; 3 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_channels: Option<usize>,
    /// Number of layers in which the class token looks at the patches; CaiT only, 2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_class_layers: Option<usize>,
    /// Inner width of the MLP in those layers; 4 × hidden_size if left out. CaiT only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_intermediate_size: Option<usize>,
    /// Start of LayerScale's gains in a fresh model; CaiT only, 1e-5 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_scale_init: Option<f32>,
    /// Outputs of a classifying or regressing head; 2 if left out (1000 for images).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<usize>,
    /// Whether a BERT, RoBERTa, ViT or DeiT of the Hub without head has a pooler; yes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooler: Option<bool>,
    /// Dropout before a sequence classifier; hidden_dropout if left out. BERT and RoBERTa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier_dropout: Option<f32>,
    /// Inner width of an adapter in every layer (CaiT's class-attention layers have none): a small map beside the weights that is
    /// trained in their place. None if left out. `transformers` knows no such models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_size: Option<usize>,
    /// Where in a layer adapters stand; behind the MLP if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sites: Option<AdapterSites>,
    /// Dropout on embeddings and on the outputs of attention and MLP; Llama style has none.
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

fn is_hub(naming: &Naming) -> bool {
    *naming == Naming::Hub
}

impl ModelConfig {
    /// A configuration with these sizes and the family's defaults; vocabulary and positions are still to be filled in.
    pub fn new(family: Family, hidden_size: usize, num_hidden_layers: usize, num_attention_heads: usize) -> Self {
        Self {
            family,
            head: None,
            naming: if family == Family::Cait { Naming::Timm } else { Naming::Hub },
            vocab_size: 0,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads: None,
            head_dim: None,
            intermediate_size: None,
            max_position_embeddings: 0,
            type_vocab_size: None,
            pad_token_id: None,
            layer_norm_eps: None,
            hidden_act: None,
            attention_bias: None,
            mlp_bias: None,
            tie_word_embeddings: None,
            rope_theta: None,
            rope_scaling: None,
            sliding_window: None,
            max_window_layers: None,
            image_size: None,
            patch_size: None,
            num_channels: None,
            num_class_layers: None,
            class_intermediate_size: None,
            layer_scale_init: None,
            num_labels: None,
            pooler: None,
            classifier_dropout: None,
            adapter_size: None,
            adapter_sites: None,
            hidden_dropout: 0.0,
            attention_dropout: 0.0,
            initializer_range: default_initializer_range(),
        }
    }

    /// What stands on top.
    pub fn head(&self) -> Head {
        self.head.unwrap_or(match (self.family, self.naming) {
            // timm's has both classifiers.
            (Family::Deit, Naming::Timm) => Head::DistilledImageClassification,
            (family, _) => family.heads()[0],
        })
    }

    /// Inner width of the MLP.
    pub fn intermediate_size(&self) -> usize {
        self.intermediate_size.unwrap_or(self.hidden_size.saturating_mul(4))
    }

    /// ε of the norms.
    pub fn layer_norm_eps(&self) -> f32 {
        self.layer_norm_eps.unwrap_or(match (self.family, self.naming) {
            (Family::Gpt2, _) => 1e-5,
            (Family::Bert | Family::Roberta, _) | (Family::Vit | Family::Deit, Naming::Hub) => 1e-12,
            (Family::Vit | Family::Deit | Family::Cait, _) => 1e-6,
            (Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3, _) => 1e-6,
        })
    }

    /// The MLP's function.
    pub fn hidden_act(&self) -> Activation {
        self.hidden_act.unwrap_or(match self.family {
            Family::Gpt2 => Activation::GeluNew,
            family if family.is_llama_style() => Activation::Silu,
            _ => Activation::Gelu,
        })
    }

    /// Number of key and value heads.
    pub fn num_key_value_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size.checked_div(self.num_attention_heads).unwrap_or(0))
    }

    /// Whether queries, keys and values have biases.
    pub fn query_key_value_bias(&self) -> bool {
        match self.family {
            Family::Gpt2 | Family::Bert | Family::Roberta | Family::Qwen2 => true,
            Family::Vit | Family::Deit | Family::Cait => self.attention_bias.unwrap_or(true),
            Family::Llama | Family::Qwen3 => self.attention_bias.unwrap_or(false),
            Family::Mistral => false,
        }
    }

    /// Whether attention's output projection has a bias.
    pub fn attention_output_bias(&self) -> bool {
        match self.family {
            Family::Llama | Family::Qwen3 => self.attention_bias.unwrap_or(false),
            Family::Mistral | Family::Qwen2 => false,
            _ => true,
        }
    }

    /// Whether the MLP's maps have biases.
    pub fn mlp_bias(&self) -> bool {
        self.mlp_bias.unwrap_or(!self.family.is_llama_style())
    }

    /// Whether the output projection of a language model is the token embedding.
    pub fn tie_word_embeddings(&self) -> bool {
        self.tie_word_embeddings.unwrap_or(!self.family.is_llama_style())
    }

    /// Base of the rotary angles.
    pub fn rope_theta(&self) -> f64 {
        self.rope_theta.unwrap_or(10_000.0)
    }

    /// How many tokens back a token of that layer sees; none is no limit.
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.sliding_window.filter(|_| layer >= self.max_window_layers.unwrap_or(0))
    }

    /// Id of the padding token, from which RoBERTa counts positions.
    pub fn pad_token_id(&self) -> usize {
        self.pad_token_id.unwrap_or(1)
    }

    /// The row of the token embedding that is never trained.
    pub(crate) fn padding_row(&self) -> Option<u32> {
        let id = match self.family {
            Family::Bert => self.pad_token_id,
            Family::Roberta => Some(self.pad_token_id()),
            _ => None,
        };
        id.and_then(|id| u32::try_from(id).ok())
    }

    /// The longest sequence that the model can read; none if nothing limits it (rotary positions).
    pub fn longest_sequence(&self) -> Option<usize> {
        match self.family {
            Family::Gpt2 | Family::Bert => Some(self.max_position_embeddings),
            Family::Roberta => Some(self.max_position_embeddings.saturating_sub(self.pad_token_id() + 1)),
            Family::Vit | Family::Deit | Family::Cait => Some(self.space(Space::Position).width()),
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => None,
        }
    }

    /// Rows of the position table for sequences of up to `length` tokens.
    pub fn positions_for(&self, length: usize) -> usize {
        match self.family {
            Family::Roberta => length + self.pad_token_id() + 1,
            _ => length,
        }
    }

    /// Height and width of an image.
    pub fn image_size(&self) -> usize {
        self.image_size.unwrap_or(224)
    }

    /// Height and width of a patch.
    pub fn patch_size(&self) -> usize {
        self.patch_size.unwrap_or(16)
    }

    /// Colours of a pixel.
    pub fn num_channels(&self) -> usize {
        self.num_channels.unwrap_or(3)
    }

    /// Patches of an image.
    pub fn num_patches(&self) -> usize {
        let side = self.image_size().checked_div(self.patch_size()).unwrap_or(0);
        side.saturating_mul(side)
    }

    /// Tokens that stand before the patches: class and distillation token; CaiT's class token comes later.
    pub fn prefix_tokens(&self) -> usize {
        match self.family {
            Family::Vit => 1,
            Family::Deit => 2,
            _ => 0,
        }
    }

    /// Number of CaiT's class-attention layers.
    pub fn num_class_layers(&self) -> usize {
        if self.family == Family::Cait { self.num_class_layers.unwrap_or(2) } else { 0 }
    }

    /// Inner width of the MLP in CaiT's class-attention layers.
    pub fn class_intermediate_size(&self) -> usize {
        self.class_intermediate_size.unwrap_or(self.hidden_size.saturating_mul(4))
    }

    /// Start of LayerScale's gains.
    pub fn layer_scale_init(&self) -> f32 {
        self.layer_scale_init.unwrap_or(1e-5)
    }

    /// Outputs of a classifying or regressing head.
    pub fn num_labels(&self) -> usize {
        self.num_labels.unwrap_or(if self.family.reads_images() { 1000 } else { 2 })
    }

    /// Whether there is a pooler: under a sequence classifier of BERT always, in a Hub model without a head if wanted, else not.
    pub fn has_pooler(&self) -> bool {
        match (self.family, self.head()) {
            (Family::Bert, Head::SequenceClassification | Head::SequenceRegression) => true,
            (Family::Bert | Family::Roberta | Family::Vit | Family::Deit, Head::None) if self.naming == Naming::Hub => {
                self.pooler.unwrap_or(true)
            }
            _ => false,
        }
    }

    /// Dropout before a sequence classifier.
    pub fn classifier_dropout(&self) -> f32 {
        self.classifier_dropout.unwrap_or(self.hidden_dropout)
    }

    /// Where in a layer adapters stand; nowhere without an adapter_size.
    pub fn adapter_sites(&self) -> AdapterSites {
        self.adapter_sites.unwrap_or_default()
    }

    /// How wide a space is in this model.
    pub fn space(&self, space: Space) -> SpaceSize {
        let plain = |units| SpaceSize { units, unit: 1 };
        let heads = |units| SpaceSize { units, unit: self.head_dim() };
        match space {
            Space::Embed => plain(self.hidden_size),
            Space::Query(_) | Space::Context(_) => heads(self.num_attention_heads),
            Space::Key(_) | Space::Value(_) => heads(self.num_key_value_heads()),
            Space::Heads(_) => plain(self.num_attention_heads),
            Space::HeadDim => plain(self.head_dim()),
            Space::Ffn(l) if self.family == Family::Cait && l >= self.num_hidden_layers => {
                plain(self.class_intermediate_size())
            }
            Space::Ffn(_) => plain(self.intermediate_size()),
            Space::Adapter(_) => plain(self.adapter_size.unwrap_or(0)),
            Space::Vocab => plain(self.vocab_size),
            Space::Position if self.family.reads_images() => plain(self.num_patches() + self.prefix_tokens()),
            Space::Position => plain(self.max_position_embeddings),
            Space::TokenType => {
                plain(self.type_vocab_size.unwrap_or(if self.family == Family::Roberta { 1 } else { 2 }))
            }
            Space::Patch => plain(self.num_channels() * self.patch_size() * self.patch_size()),
            Space::Label => plain(if self.head() == Head::QuestionAnswering { 2 } else { self.num_labels() }),
        }
    }
}
