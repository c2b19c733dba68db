//! Whatever a file holds, it is read or refused, never a panic; and what is read can be written.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Every key that is known anywhere here.
fn keys() -> Vec<String> {
    let mut keys: Vec<String> = odd_ones()
        .iter()
        .flat_map(|config| map(&config.to_hub_json(None)).clone())
        .flat_map(|(key, value)| {
            let inner: Vec<String> = value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
            std::iter::once(key).chain(inner)
        })
        .collect();
    let others = [
        "num_labels",
        "problem_type",
        "rope_scaling",
        "rope_theta",
        "layer_types",
        "type",
        "factor",
        "low_freq_factor",
        "original_max_position_embeddings",
        "partial_rotary_factor",
        "full_attention",
        "pooler_output_size",
        "img_size",
        "in_chans",
        "input_size",
        "tie_word_embeddings",
        "quantization_config",
        "pruned_heads",
        "reg_tokens",
    ];
    keys.extend(others.map(str::to_owned));
    keys.sort();
    keys.dedup();
    keys
}

/// Values of all kinds, and such as keys have.
fn value() -> impl Strategy<Value = Value> {
    let words = [
        "bert",
        "qwen2",
        "gelu",
        "linear",
        "yarn",
        "longrope",
        "llama3",
        "dynamic",
        "default",
        "regression",
        "token",
        "BertForSequenceClassification",
        "vit_tiny_patch16_224",
        "cait_s24_224",
        "sliding_attention",
        "absolute",
        "é",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..40_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((select(keys()), inner), 0..6).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_file_of_known_keys_panics(entries in vec((select(keys()), value()), 0..30)) {
        let json: Value = entries.into_iter().collect();
        if let Ok(config) = ModelConfig::from_hub_json(&json)
            && config.check().is_ok()
        {
            prop_assert_eq!(&config.to_hub_json(Some(map(&json))), &json);
        }
    }

    #[test]
    fn a_file_with_odd_values_is_refused_or_written_as_it_was(
        which in 0..odd_ones().len(),
        entries in vec((select(keys()), value()), 1..4),
        sizes in (1..9_usize, 1..9_usize),
    ) {
        let odd = &odd_ones()[which];
        let mut json = odd.to_hub_json(None);
        for (key, value) in entries {
            let inner = if odd.naming == Naming::Timm { json["model_args"].get_mut(&key) } else { None };
            match inner {
                Some(place) => *place = value,
                None => json[key] = value,
            }
        }
        let Ok(mut config) = ModelConfig::from_hub_json(&json) else { return Ok(()) };
        if config.check().is_err() {
            return Ok(());
        }
        prop_assert_eq!(&config.to_hub_json(Some(map(&json))), &json);
        // A model that has grown from it is read back as what it is.
        config.hidden_size = sizes.0 * config.num_attention_heads;
        config.num_hidden_layers = sizes.1;
        if config.check().is_ok() {
            let written = config.to_hub_json(Some(map(&json)));
            assert_same(&read(&written), &config);
        }
    }
}
