//! The Hub's `config.json`, read and written for both families.
//!
//! Keys that change what the model computes and that are not built here (another activation, untied output, cross-attention, …)
//! are refused; keys that do not (token ids, the library's version, …) are passed over.

use crate::{Family, ModelConfig, ModelError, Result};
use serde_json::{Value, json};

/// What a family calls each size and option.
struct Keys {
    model_type: &'static str,
    architecture: &'static str,
    hidden_size: &'static str,
    num_hidden_layers: &'static str,
    num_attention_heads: &'static str,
    intermediate_size: &'static str,
    max_position_embeddings: &'static str,
    /// One value here, several keys there.
    hidden_dropout: &'static [&'static str],
    attention_dropout: &'static str,
    layer_norm_eps: &'static str,
    activation: &'static str,
    /// The first is what is written.
    activations: &'static [&'static str],
    /// Keys that must have this value if they are there.
    fixed: &'static [(&'static str, Fixed)],
}

#[derive(Clone, Copy)]
enum Fixed {
    Bool(bool),
    Text(&'static str),
}

const GPT2: Keys = Keys {
    model_type: "gpt2",
    architecture: "GPT2LMHeadModel",
    hidden_size: "n_embd",
    num_hidden_layers: "n_layer",
    num_attention_heads: "n_head",
    intermediate_size: "n_inner",
    max_position_embeddings: "n_positions",
    hidden_dropout: &["embd_pdrop", "resid_pdrop"],
    attention_dropout: "attn_pdrop",
    layer_norm_eps: "layer_norm_epsilon",
    activation: "activation_function",
    activations: &["gelu_new", "gelu_pytorch_tanh"],
    fixed: &[
        ("tie_word_embeddings", Fixed::Bool(true)),
        ("scale_attn_weights", Fixed::Bool(true)),
        ("scale_attn_by_inverse_layer_idx", Fixed::Bool(false)),
        ("add_cross_attention", Fixed::Bool(false)),
    ],
};

const BERT: Keys = Keys {
    model_type: "bert",
    architecture: "BertForMaskedLM",
    hidden_size: "hidden_size",
    num_hidden_layers: "num_hidden_layers",
    num_attention_heads: "num_attention_heads",
    intermediate_size: "intermediate_size",
    max_position_embeddings: "max_position_embeddings",
    hidden_dropout: &["hidden_dropout_prob"],
    attention_dropout: "attention_probs_dropout_prob",
    layer_norm_eps: "layer_norm_eps",
    activation: "hidden_act",
    activations: &["gelu"],
    fixed: &[
        ("tie_word_embeddings", Fixed::Bool(true)),
        ("is_decoder", Fixed::Bool(false)),
        ("add_cross_attention", Fixed::Bool(false)),
        ("position_embedding_type", Fixed::Text("absolute")),
    ],
};

/// What `transformers` takes where a dropout is left out.
const DEFAULT_DROPOUT: f32 = 0.1;

impl ModelConfig {
    /// The Hub's `config.json` for this model.
    pub fn to_hub_json(&self) -> Value {
        let keys = keys(self.family);
        let mut json = json!({
            "architectures": [keys.architecture],
            "model_type": keys.model_type,
            "dtype": "float32",
            "vocab_size": self.vocab_size,
        });
        let mut set = |key: &str, value: Value| json[key] = value;
        set(keys.max_position_embeddings, self.max_position_embeddings.into());
        set(keys.hidden_size, self.hidden_size.into());
        set(keys.num_hidden_layers, self.num_hidden_layers.into());
        set(keys.num_attention_heads, self.num_attention_heads.into());
        set(keys.intermediate_size, self.intermediate_size().into());
        set(keys.activation, keys.activations[0].into());
        for key in keys.hidden_dropout {
            set(key, shortest(self.hidden_dropout));
        }
        set(keys.attention_dropout, shortest(self.attention_dropout));
        set(keys.layer_norm_eps, shortest(self.layer_norm_eps()));
        set("initializer_range", shortest(self.initializer_range));
        for &(key, value) in keys.fixed {
            set(key, value.json());
        }
        match self.family {
            // Left out they would default to GPT-2's own 50256, beyond most vocabularies.
            Family::Gpt2 => {
                set("bos_token_id", Value::Null);
                set("eos_token_id", Value::Null);
            }
            // `transformers` would take token 0 for padding and give it no gradient.
            Family::Bert => {
                set("type_vocab_size", self.type_vocab_size.unwrap_or(2).into());
                set("pad_token_id", Value::Null);
            }
        }
        json
    }

    /// Reads the Hub's `config.json`.
    ///
    /// Sizes have to be there; what else is left out has `transformers`' default. Whether the sizes work together is for
    /// [`crate::Model::new`] to say.
    ///
    /// # Errors
    /// [`ModelError::Config`] that names the key: missing, of the wrong type, or asking for what is not built here.
    pub fn from_hub_json(json: &Value) -> Result<Self> {
        let family = match json.get("model_type").and_then(Value::as_str) {
            Some("gpt2") => Family::Gpt2,
            Some("bert") => Family::Bert,
            _ => return wrong("model_type", json.get("model_type"), "\"gpt2\" or \"bert\""),
        };
        let keys = keys(family);
        if let Some(found) = json.get(keys.activation)
            && !found.as_str().is_some_and(|name| keys.activations.contains(&name))
        {
            return wrong(keys.activation, Some(found), &format!("{:?}", keys.activations[0]));
        }
        for &(key, value) in keys.fixed {
            match json.get(key) {
                Some(found) if *found != value.json() => return wrong(key, Some(found), &value.json().to_string()),
                _ => {}
            }
        }
        let hidden_dropout = number(json, keys.hidden_dropout[0])?.unwrap_or(DEFAULT_DROPOUT);
        for &key in &keys.hidden_dropout[1..] {
            if number(json, key)?.unwrap_or(DEFAULT_DROPOUT) != hidden_dropout {
                let expected = format!("{hidden_dropout}, as {}", keys.hidden_dropout[0]);
                return wrong(key, json.get(key), &expected);
            }
        }
        Ok(Self {
            family,
            vocab_size: size(json, "vocab_size")?,
            hidden_size: size(json, keys.hidden_size)?,
            num_hidden_layers: size(json, keys.num_hidden_layers)?,
            num_attention_heads: size(json, keys.num_attention_heads)?,
            intermediate_size: optional_size(json, keys.intermediate_size)?,
            max_position_embeddings: size(json, keys.max_position_embeddings)?,
            type_vocab_size: match family {
                Family::Gpt2 => None,
                Family::Bert => optional_size(json, "type_vocab_size")?,
            },
            layer_norm_eps: number(json, keys.layer_norm_eps)?,
            hidden_dropout,
            attention_dropout: number(json, keys.attention_dropout)?.unwrap_or(DEFAULT_DROPOUT),
            initializer_range: number(json, "initializer_range")?.unwrap_or(0.02),
        })
    }
}

impl Fixed {
    fn json(self) -> Value {
        match self {
            Self::Bool(value) => value.into(),
            Self::Text(value) => value.into(),
        }
    }
}

fn keys(family: Family) -> &'static Keys {
    match family {
        Family::Gpt2 => &GPT2,
        Family::Bert => &BERT,
    }
}

/// The shortest decimal that reads back as `x`: 0.1, not the 0.10000000149011612 that an f32 becomes in f64.
fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn wrong<T>(field: &'static str, found: Option<&Value>, expected: &str) -> Result<T> {
    let found = found.map_or("nothing".into(), Value::to_string);
    Err(ModelError::Config { field, found, expected: expected.to_owned() })
}

fn size(json: &Value, key: &'static str) -> Result<usize> {
    match optional_size(json, key)? {
        Some(size) => Ok(size),
        None => wrong(key, json.get(key), "a whole number"),
    }
}

fn optional_size(json: &Value, key: &'static str) -> Result<Option<usize>> {
    match json.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(found) => match found.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size) => Ok(Some(size)),
            None => wrong(key, Some(found), "a whole number"),
        },
    }
}

fn number(json: &Value, key: &'static str) -> Result<Option<f32>> {
    match json.get(key) {
        None => Ok(None),
        Some(found) => match found.as_f64() {
            Some(x) => Ok(Some(x as f32)),
            None => wrong(key, Some(found), "a number"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(family: Family) -> ModelConfig {
        ModelConfig {
            family,
            vocab_size: 37,
            hidden_size: 12,
            num_hidden_layers: 3,
            num_attention_heads: 2,
            intermediate_size: Some(29),
            max_position_embeddings: 33,
            type_vocab_size: (family == Family::Bert).then_some(3),
            layer_norm_eps: Some(1e-6),
            hidden_dropout: 0.1,
            attention_dropout: 0.2,
            initializer_range: 0.03,
        }
    }

    #[test]
    fn a_configuration_comes_back_from_the_hubs_form() {
        for family in [Family::Gpt2, Family::Bert] {
            let json = config(family).to_hub_json();
            assert_eq!(ModelConfig::from_hub_json(&json).unwrap(), config(family));
            assert!(json.to_string().contains("0.1,"), "decimals are short: {json}");
        }
    }

    #[test]
    fn what_the_hub_may_leave_out_has_its_default() {
        let json = json!({
            "model_type": "gpt2", "vocab_size": 5, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_positions": 3, "n_inner": null,
        });
        let config = ModelConfig::from_hub_json(&json).unwrap();
        assert_eq!((config.intermediate_size(), config.layer_norm_eps()), (16, 1e-5));
        assert_eq!((config.hidden_dropout, config.attention_dropout, config.initializer_range), (0.1, 0.1, 0.02));
    }

    #[test]
    fn what_is_not_built_here_is_refused_by_key() {
        let cases = [
            (Family::Gpt2, "model_type", json!("llama"), "found \"llama\", expected \"gpt2\" or \"bert\""),
            (Family::Gpt2, "activation_function", json!("relu"), "found \"relu\", expected \"gelu_new\""),
            (Family::Bert, "hidden_act", json!("gelu_new"), "found \"gelu_new\", expected \"gelu\""),
            (Family::Gpt2, "tie_word_embeddings", json!(false), "found false, expected true"),
            (Family::Gpt2, "scale_attn_by_inverse_layer_idx", json!(true), "found true, expected false"),
            (Family::Bert, "is_decoder", json!(true), "found true, expected false"),
            (Family::Bert, "position_embedding_type", json!("relative_key"), "expected \"absolute\""),
            (Family::Gpt2, "resid_pdrop", json!(0.3), "found 0.3, expected 0.1, as embd_pdrop"),
            (Family::Gpt2, "n_embd", json!("wide"), "found \"wide\", expected a whole number"),
            (Family::Gpt2, "n_layer", json!(null), "found null, expected a whole number"),
            (Family::Bert, "vocab_size", json!(-1), "found -1, expected a whole number"),
            (Family::Bert, "layer_norm_eps", json!("small"), "found \"small\", expected a number"),
        ];
        for (family, key, value, expected) in cases {
            let mut json = config(family).to_hub_json();
            json[key] = value;
            let message = ModelConfig::from_hub_json(&json).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{key}: ")) && message.contains(expected), "{message}");
        }
        let message = ModelConfig::from_hub_json(&json!({ "model_type": "bert" })).unwrap_err().to_string();
        assert_eq!(message, "vocab_size: found nothing, expected a whole number");
    }
}
