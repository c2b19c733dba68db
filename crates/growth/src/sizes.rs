//! Whether one model can grow into another at all, whatever the method.

use crate::{GrowthError, Result};
use ligo_models::{Family, ModelConfig, Space};
use std::fmt::Debug;

/// Checks that `large` is the same kind of model as `small` and nowhere smaller.
///
/// Depth, residual width, attention width, the number of heads and the MLP's inner widths may grow. What a model computes beside its widths must be
/// equal: family, head, names, vocabulary, positions, images, labels, activation, ε of the norms, biases, tying, rotary angles,
/// windows, and the number of CaiT's class-attention layers. How heads become more is a method's own affair, but
/// - where heads are rotary they keep their length, since each pair of coordinates turns at a speed of its own (and Qwen3's head
///   norms have a gain for each coordinate);
/// - where heads share keys and values, as many share them as in the small model, so that a head stays with its group.
///
/// # Errors
/// [`GrowthError::Sizes`] for the first size that does not fit.
pub fn check_growth(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    check_shapes(small, large)?;
    let eps = |config: &ModelConfig| config.layer_norm_eps();
    if eps(small) != eps(large) {
        return Err(GrowthError::Sizes {
            what: "layer_norm_eps".into(),
            found: eps(large).to_string(),
            expected: format!("{}, as in the small model", eps(small)),
        });
    }
    Ok(())
}

/// As [`check_growth`], but that ε may differ: a method may have to change it where the norms see another variance.
pub(crate) fn check_shapes(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let wrong = |what: &str, found: String, expected: String| {
        Err(GrowthError::Sizes { what: what.to_owned(), found, expected: format!("{expected}, as in the small model") })
    };
    if small.family != large.family {
        return wrong("family", large.family.to_string(), small.family.to_string());
    }
    for config in [small, large] {
        if let Some(size) = config.adapter_size {
            return Err(GrowthError::Sizes {
                what: "adapter_size".into(),
                found: size.to_string(),
                expected: "none: adapters belong to a fine-tuned model and do not grow".into(),
            });
        }
    }
    for ((what, small), (_, large)) in fixed(small).into_iter().zip(fixed(large)) {
        if small != large {
            return wrong(what, large, small);
        }
    }
    for ((what, small), (_, large)) in growing(small).into_iter().zip(growing(large)) {
        if large < small {
            return wrong(what, large.to_string(), format!("at least {small}"));
        }
    }
    let sharing = |config: &ModelConfig| config.num_attention_heads / config.num_key_value_heads().max(1);
    let (shared, found) = (sharing(small), sharing(large));
    if shared != found {
        let found = format!("{} ({found} heads to each)", large.num_key_value_heads());
        return wrong("num_key_value_heads", found, format!("num_attention_heads / {shared} ({shared} heads to each)"));
    }
    if small.family.is_llama_style() && small.head_dim() != large.head_dim() {
        return wrong(
            "head_dim",
            large.head_dim().to_string(),
            format!("{}, whose rotary pairs stay whole", small.head_dim()),
        );
    }
    Ok(())
}

/// What growing may not change, by the names of the keys; what a family does not have is equal anyway.
fn fixed(config: &ModelConfig) -> Vec<(&'static str, String)> {
    let width = |space| config.space(space).width();
    // Where it is not said, only RoBERTa has one.
    let padding = config.pad_token_id.or((config.family == Family::Roberta).then(|| config.pad_token_id()));
    vec![
        ("head", config.head().to_string()),
        ("naming", shown(config.naming).to_lowercase()),
        ("vocab_size", config.vocab_size.to_string()),
        ("max_position_embeddings", config.max_position_embeddings.to_string()),
        ("type_vocab_size", width(Space::TokenType).to_string()),
        ("pad_token_id", padding.map_or("none".into(), |id| id.to_string())),
        ("image_size", config.image_size().to_string()),
        ("patch_size", config.patch_size().to_string()),
        ("num_channels", config.num_channels().to_string()),
        ("num_class_layers", config.num_class_layers().to_string()),
        ("num_labels", config.num_labels().to_string()),
        ("pooler", config.has_pooler().to_string()),
        ("hidden_act", shown(config.hidden_act())),
        ("attention_bias", config.query_key_value_bias().to_string()),
        ("mlp_bias", config.mlp_bias().to_string()),
        ("tie_word_embeddings", config.tie_word_embeddings().to_string()),
        ("rope_theta", config.rope_theta().to_string()),
        ("rope_scaling", config.rope_scaling.as_ref().map_or("none".into(), shown)),
        ("sliding_window", config.sliding_window.map_or("none".into(), |window| window.to_string())),
        ("max_window_layers", config.max_window_layers.unwrap_or(0).to_string()),
    ]
}

/// What may only grow, by the names of the keys.
fn growing(config: &ModelConfig) -> Vec<(&'static str, usize)> {
    let mut growing = vec![
        ("num_hidden_layers", config.num_hidden_layers),
        ("hidden_size", config.hidden_size),
        ("intermediate_size", config.intermediate_size()),
        ("num_attention_heads", config.num_attention_heads),
    ];
    if config.family == Family::Cait {
        growing.push(("class_intermediate_size", config.class_intermediate_size()));
    }
    growing
}

fn shown(value: impl Debug) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use ligo_models::{Activation, Head, Naming, RopeScaling};

    #[test]
    fn a_model_grows_into_itself_and_into_larger_ones() {
        for family in Family::ALL {
            let small = config(family, 2, 8, 2);
            check_growth(&small, &small).unwrap();
            check_growth(&small, &config(family, 3, 12, 3)).unwrap();
        }
    }

    #[test]
    fn a_size_that_shrinks_or_may_not_change_is_named() {
        type Change = fn(&mut ModelConfig);
        let cases: [(Family, Change, &str); 27] = [
            (
                Family::Bert,
                |c| c.adapter_size = Some(4),
                "adapter_size: the large model has 4, expected none: adapters",
            ),
            (Family::Bert, |c| c.family = Family::Gpt2, "family: the large model has gpt2, expected bert, as in"),
            (Family::Bert, |c| c.vocab_size = 7, "vocab_size: the large model has 7, expected 13, as in"),
            (Family::Bert, |c| c.max_position_embeddings = 99, "max_position_embeddings: the large model has 99"),
            (Family::Bert, |c| c.type_vocab_size = Some(3), "type_vocab_size: the large model has 3, expected 2"),
            (
                Family::Bert,
                |c| c.num_hidden_layers = 1,
                "num_hidden_layers: the large model has 1, expected at least 2",
            ),
            (Family::Bert, |c| c.hidden_size = 4, "hidden_size: the large model has 4, expected at least 8"),
            (
                Family::Bert,
                |c| c.intermediate_size = Some(8),
                "intermediate_size: the large model has 8, expected at least 32",
            ),
            (
                Family::Bert,
                |c| c.head = Some(Head::QuestionAnswering),
                "head: the large model has question-answering, expected masked-lm",
            ),
            (
                Family::Bert,
                |c| c.hidden_act = Some(Activation::Relu),
                "hidden_act: the large model has Relu, expected Gelu",
            ),
            (Family::Bert, |c| c.layer_norm_eps = Some(0.5), "layer_norm_eps: the large model has 0.5"),
            (Family::Roberta, |c| c.pad_token_id = Some(0), "pad_token_id: the large model has 0, expected 1"),
            (Family::Bert, |c| c.pad_token_id = Some(1), "pad_token_id: the large model has 1, expected none"),
            (Family::Vit, |c| c.naming = Naming::Timm, "naming: the large model has timm, expected hub"),
            (Family::Vit, |c| c.image_size = Some(8), "image_size: the large model has 8, expected 4"),
            (Family::Deit, |c| c.num_labels = Some(7), "num_labels: the large model has 7, expected 3"),
            (Family::Cait, |c| c.num_class_layers = Some(1), "num_class_layers: the large model has 1, expected 2"),
            (
                Family::Cait,
                |c| c.class_intermediate_size = Some(8),
                "class_intermediate_size: the large model has 8, expected at least 32",
            ),
            (
                Family::Cait,
                |c| c.num_attention_heads = 1,
                "num_attention_heads: the large model has 1, expected at least 2",
            ),
            (
                Family::Llama,
                |c| c.attention_bias = Some(true),
                "attention_bias: the large model has true, expected false",
            ),
            (Family::Llama, |c| c.tie_word_embeddings = Some(true), "tie_word_embeddings: the large model has true"),
            (Family::Llama, |c| c.rope_theta = Some(5e5), "rope_theta: the large model has 500000, expected 10000"),
            (
                Family::Llama,
                |c| c.rope_scaling = Some(RopeScaling::Linear { factor: 2.0 }),
                "rope_scaling: the large model has Linear { factor: 2.0 }, expected none",
            ),
            (Family::Mistral, |c| c.sliding_window = Some(4), "sliding_window: the large model has 4, expected none"),
            (
                Family::Qwen2,
                |c| c.num_key_value_heads = Some(2),
                "num_key_value_heads: the large model has 2 (2 heads to each), expected num_attention_heads / 1 (1 heads to each)",
            ),
            (
                Family::Qwen3,
                |c| c.head_dim = Some(6),
                "head_dim: the large model has 6, expected 4, whose rotary pairs stay whole",
            ),
            (
                Family::Llama,
                |c| c.num_attention_heads = 1,
                "num_attention_heads: the large model has 1, expected at least 2",
            ),
        ];
        for (family, change, expected) in cases {
            let small = config(family, 2, 8, 2);
            let mut large = config(family, 4, 16, 4);
            change(&mut large);
            let message = check_growth(&small, &large).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
