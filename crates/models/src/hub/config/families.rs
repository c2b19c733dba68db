//! What each family calls its sizes and options in `config.json`, what `transformers` takes where one is left out, and which
//! values are the only ones built here. Data alone: `field` says what is done with it.

use super::field::Fixed::{self, Bool, Text};
use super::field::Kind::{Act, Flag, Groups, Maybe, Number, Only, SameNumber, Side, Size, Token};
use super::field::LeftOut::{self, Ours, Theirs, Wrong};
use super::field::{Field, Kind, always, with_tokens, without_head};
use crate::{Family, ModelConfig};

/// The tables that hold for a family.
pub(super) fn tables(family: Family) -> &'static [&'static [Field]] {
    match family {
        Family::Gpt2 => &[&TEXT, &GPT2],
        Family::Bert => &[&TEXT, &WIDTHS, &ENCODER, &BERT],
        Family::Roberta => &[&TEXT, &WIDTHS, &ENCODER, &ROBERTA],
        Family::Vit | Family::Deit => &[&WIDTHS, &IMAGES],
        Family::Llama => &[&TEXT, &WIDTHS, &DECODER, &LLAMA],
        Family::Mistral => &[&TEXT, &WIDTHS, &DECODER, &MISTRAL],
        Family::Qwen2 => &[&TEXT, &WIDTHS, &DECODER, &QWEN2],
        Family::Qwen3 => &[&TEXT, &WIDTHS, &DECODER, &QWEN3],
        // Only timm has it.
        Family::Cait => &[],
    }
}

/// The fields of all tables of a family.
pub(super) fn fields(family: Family) -> impl Iterator<Item = &'static Field> {
    tables(family).iter().copied().flatten()
}

/// A key that has the field's own name.
const fn field(key: &'static str, kind: Kind) -> Field {
    called(key, key, kind)
}

/// A key, and the field's name.
const fn called(key: &'static str, field: &'static str, kind: Kind) -> Field {
    Field { key, field, kind }
}

const fn hidden_size(key: &'static str) -> Field {
    called(key, "hidden_size", Size(Wrong, |c| c.hidden_size, |c, x| c.hidden_size = x))
}

const fn num_hidden_layers(key: &'static str) -> Field {
    called(key, "num_hidden_layers", Size(Wrong, |c| c.num_hidden_layers, |c, x| c.num_hidden_layers = x))
}

const fn num_attention_heads(key: &'static str) -> Field {
    called(key, "num_attention_heads", Size(Wrong, |c| c.num_attention_heads, |c, x| c.num_attention_heads = x))
}

const fn intermediate_size(key: &'static str, left_out: LeftOut<usize>) -> Field {
    called(
        key,
        "intermediate_size",
        Size(left_out, ModelConfig::intermediate_size, |c, x| c.intermediate_size = Some(x)),
    )
}

const fn positions(key: &'static str, theirs: usize) -> Field {
    called(
        key,
        "max_position_embeddings",
        Size(Theirs(theirs), |c| c.max_position_embeddings, |c, x| c.max_position_embeddings = x),
    )
}

const fn head_dim(left_out: LeftOut<usize>) -> Field {
    field("head_dim", Size(left_out, ModelConfig::head_dim, |c, x| c.head_dim = Some(x)))
}

const fn groups(left_out: LeftOut<usize>) -> Field {
    field("num_key_value_heads", Groups(left_out))
}

const fn hidden_dropout(key: &'static str, theirs: f32) -> Field {
    called(key, "hidden_dropout", Number(Theirs(theirs), |c| c.hidden_dropout, |c, x| c.hidden_dropout = x))
}

const fn attention_dropout(key: &'static str, theirs: f32) -> Field {
    called(key, "attention_dropout", Number(Theirs(theirs), |c| c.attention_dropout, |c, x| c.attention_dropout = x))
}

const fn norm_eps(key: &'static str) -> Field {
    called(key, "layer_norm_eps", Number(Ours, ModelConfig::layer_norm_eps, |c, x| c.layer_norm_eps = Some(x)))
}

const fn initializer_range() -> Field {
    field("initializer_range", Number(Theirs(0.02), |c| c.initializer_range, |c, x| c.initializer_range = x))
}

const fn type_vocab_size(left_out: LeftOut<usize>) -> Field {
    let get = |c: &ModelConfig| c.space(crate::Space::TokenType).width();
    field("type_vocab_size", Size(left_out, get, |c, x| c.type_vocab_size = Some(x)))
}

const fn attention_bias(key: &'static str) -> Field {
    called(key, "attention_bias", Flag(Ours, ModelConfig::query_key_value_bias, |c, x| c.attention_bias = Some(x)))
}

const fn only(key: &'static str, value: Fixed) -> Field {
    field(key, Only(value, always))
}

const TEXT: [Field; 1] = [field("vocab_size", Size(Wrong, |c| c.vocab_size, |c, x| c.vocab_size = x))];

const WIDTHS: [Field; 3] =
    [hidden_size("hidden_size"), num_hidden_layers("num_hidden_layers"), num_attention_heads("num_attention_heads")];

const GPT2: [Field; 15] = [
    hidden_size("n_embd"),
    num_hidden_layers("n_layer"),
    num_attention_heads("n_head"),
    intermediate_size("n_inner", Ours),
    positions("n_positions", 1024),
    called("activation_function", "hidden_act", Act),
    hidden_dropout("embd_pdrop", 0.1),
    field("resid_pdrop", SameNumber(0.1, "embd_pdrop", |c| c.hidden_dropout)),
    attention_dropout("attn_pdrop", 0.1),
    norm_eps("layer_norm_epsilon"),
    initializer_range(),
    field("tie_word_embeddings", Only(Bool(true), with_tokens)),
    only("scale_attn_weights", Bool(true)),
    only("scale_attn_by_inverse_layer_idx", Bool(false)),
    only("add_cross_attention", Bool(false)),
];

/// What BERT and RoBERTa share.
const ENCODER: [Field; 12] = [
    intermediate_size("intermediate_size", Theirs(3072)),
    positions("max_position_embeddings", 512),
    field("hidden_act", Act),
    hidden_dropout("hidden_dropout_prob", 0.1),
    attention_dropout("attention_probs_dropout_prob", 0.1),
    field("classifier_dropout", Maybe(|c| c.classifier_dropout, |c, x| c.classifier_dropout = x)),
    norm_eps("layer_norm_eps"),
    initializer_range(),
    field("tie_word_embeddings", Only(Bool(true), with_tokens)),
    only("is_decoder", Bool(false)),
    only("add_cross_attention", Bool(false)),
    only("position_embedding_type", Text("absolute")),
];

const BERT: [Field; 2] = [
    type_vocab_size(Ours),
    // Without one the Hub's token 0 would be padding and get no gradient.
    field("pad_token_id", Token(0, |c| c.pad_token_id, |c, x| c.pad_token_id = x)),
];

const ROBERTA: [Field; 2] = [
    type_vocab_size(Theirs(2)),
    field("pad_token_id", Size(Ours, ModelConfig::pad_token_id, |c, x| c.pad_token_id = Some(x))),
];

/// ViT and DeiT.
const IMAGES: [Field; 11] = [
    intermediate_size("intermediate_size", Theirs(3072)),
    field("hidden_act", Act),
    hidden_dropout("hidden_dropout_prob", 0.0),
    attention_dropout("attention_probs_dropout_prob", 0.0),
    norm_eps("layer_norm_eps"),
    initializer_range(),
    field("image_size", Side(Ours, ModelConfig::image_size, |c, x| c.image_size = Some(x))),
    field("patch_size", Side(Ours, ModelConfig::patch_size, |c, x| c.patch_size = Some(x))),
    field("num_channels", Size(Ours, ModelConfig::num_channels, |c, x| c.num_channels = Some(x))),
    attention_bias("qkv_bias"),
    field("pooler_act", Only(Text("tanh"), without_head)),
];

/// What all of Llama's kind share.
const DECODER: [Field; 5] = [
    field("hidden_act", Act),
    attention_dropout("attention_dropout", 0.0),
    norm_eps("rms_norm_eps"),
    initializer_range(),
    field("tie_word_embeddings", Flag(Ours, ModelConfig::tie_word_embeddings, |c, x| c.tie_word_embeddings = Some(x))),
];

const LLAMA: [Field; 6] = [
    intermediate_size("intermediate_size", Theirs(11_008)),
    positions("max_position_embeddings", 2048),
    groups(Ours),
    head_dim(Ours),
    attention_bias("attention_bias"),
    field("mlp_bias", Flag(Ours, ModelConfig::mlp_bias, |c, x| c.mlp_bias = Some(x))),
];

const MISTRAL: [Field; 6] = [
    intermediate_size("intermediate_size", Theirs(14_336)),
    positions("max_position_embeddings", 131_072),
    groups(Theirs(8)),
    head_dim(Ours),
    only("attention_bias", Bool(false)),
    only("mlp_bias", Bool(false)),
];

const QWEN2: [Field; 5] = [
    intermediate_size("intermediate_size", Theirs(22_016)),
    positions("max_position_embeddings", 32_768),
    groups(Theirs(32)),
    head_dim(Ours),
    only("mlp_bias", Bool(false)),
];

const QWEN3: [Field; 6] = [
    intermediate_size("intermediate_size", Theirs(22_016)),
    positions("max_position_embeddings", 32_768),
    groups(Theirs(32)),
    head_dim(Theirs(128)),
    attention_bias("attention_bias"),
    only("mlp_bias", Bool(false)),
];
