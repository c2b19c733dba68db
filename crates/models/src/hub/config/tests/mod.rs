//! What `config.json` means, family by family; real files are read in the crate's integration tests.

mod reading;
mod robust;
mod writing;

use crate::config::Naming;
use crate::rope::{Longrope, RopeScaling};
use crate::{Family, Head, ModelConfig};
use serde_json::{Map, Value, json};

/// A file with what has to be there and no more.
fn least(family: Family) -> Value {
    let mut json = match family {
        Family::Gpt2 => json!({ "vocab_size": 37, "n_embd": 12, "n_layer": 2, "n_head": 3 }),
        Family::Cait => return json!({ "architecture": "cait_xxs24_224" }),
        _ => json!({ "vocab_size": 37, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3 }),
    };
    json["model_type"] = family.name().into();
    json
}

fn with(mut json: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        json[key.as_str()] = value.clone();
    }
    json
}

fn read(json: &Value) -> ModelConfig {
    ModelConfig::from_hub_json(json).unwrap_or_else(|error| panic!("{error} in {json}"))
}

fn message(json: &Value) -> String {
    ModelConfig::from_hub_json(json).expect_err(&json.to_string()).to_string()
}

/// A configuration of every family in which little is as usual.
fn odd(family: Family) -> ModelConfig {
    let mut config = ModelConfig::new(family, 18, 3, 3);
    config.intermediate_size = Some(29);
    config.attention_dropout = 0.2;
    config.initializer_range = 0.03;
    if family.reads_images() {
        (config.image_size, config.patch_size, config.num_channels) = (Some(9), Some(3), Some(1));
        (config.attention_bias, config.num_labels) = (Some(false), Some(5));
    } else {
        (config.vocab_size, config.max_position_embeddings) = (41, 31);
    }
    if family.is_llama_style() {
        (config.num_key_value_heads, config.head_dim, config.rope_theta) = (Some(1), Some(4), Some(500.0));
        config.tie_word_embeddings = Some(true);
        config.rope_scaling = Some(RopeScaling::Longrope(Longrope {
            short_factor: vec![1.0, 1.25],
            long_factor: vec![1.5, 2.5],
            factor: None,
            original_max_position_embeddings: Some(16),
            attention_factor: Some(1.25),
        }));
    } else {
        config.hidden_dropout = 0.1;
    }
    match family {
        Family::Bert | Family::Roberta => {
            (config.type_vocab_size, config.classifier_dropout) = (Some(3), Some(0.3));
            (config.head, config.num_labels) = (Some(Head::SequenceRegression), Some(2));
        }
        Family::Deit => config.head = Some(Head::DistilledImageClassification),
        Family::Cait => {
            (config.num_class_layers, config.class_intermediate_size) = (Some(1), Some(22));
            config.layer_scale_init = Some(0.3);
        }
        Family::Llama => (config.attention_bias, config.mlp_bias) = (Some(true), Some(true)),
        Family::Mistral => config.sliding_window = Some(7),
        Family::Qwen2 | Family::Qwen3 => (config.sliding_window, config.max_window_layers) = (Some(7), Some(1)),
        _ => {}
    }
    if family == Family::Roberta {
        config.pad_token_id = Some(4);
    }
    config.check().unwrap();
    config
}

/// All odd ones, those that have a choice of names with both.
fn odd_ones() -> Vec<ModelConfig> {
    let mut all: Vec<_> = Family::ALL.into_iter().map(odd).collect();
    all.extend([Family::Vit, Family::Deit].map(|family| ModelConfig { naming: Naming::Timm, ..odd(family) }));
    all
}

/// Two configurations of one model may differ in what is left out; what is written does not.
fn assert_same(a: &ModelConfig, b: &ModelConfig) {
    assert_eq!((a.family, a.head(), a.naming), (b.family, b.head(), b.naming));
    assert_eq!(a.to_hub_json(None), b.to_hub_json(None));
}

fn map(json: &Value) -> &Map<String, Value> {
    json.as_object().unwrap()
}
