//! What is written, from nothing and over an original.

use super::*;

#[test]
fn every_family_comes_back_from_a_file_made_from_nothing() {
    for config in odd_ones() {
        let json = config.to_hub_json(None);
        let again = read(&json);
        assert_same(&again, &config);
        again.check().unwrap();
        assert_eq!(again.to_hub_json(None), json);
        let text = json.to_string();
        assert!(text.contains(":0.2,") && !text.contains("0.2000"), "decimals are short: {json}");
    }
}

#[test]
fn what_was_read_is_written_as_it_was() {
    let rope = json!({ "rope_theta": 1e6, "rope_scaling": { "type": "su", "long_factor": [2, 4], "short_factor": [1, 2] },
                       "original_max_position_embeddings": 32 });
    let originals = [
        with(
            least(Family::Gpt2),
            &json!({ "n_inner": null, "n_ctx": 1024, "activation_function": "gelu_pytorch_tanh" }),
        ),
        with(
            least(Family::Bert),
            &json!({ "layer_norm_eps": 1e-12, "id2label": { "0": "a" }, "torch_dtype": "float16" }),
        ),
        with(least(Family::Bert), &json!({ "architectures": ["BertForSequenceClassification"], "num_labels": 1 })),
        with(
            least(Family::Roberta),
            &json!({ "model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"] }),
        ),
        with(least(Family::Vit), &json!({ "image_size": [224, 224], "pooler_output_size": 768 })),
        with(least(Family::Llama), &rope),
        with(
            least(Family::Qwen2),
            &json!({ "sliding_window": 131_072, "use_sliding_window": false, "num_key_value_heads": null }),
        ),
        with(least(Family::Mistral), &json!({ "num_key_value_heads": 3, "unknown": { "deep": [null] } })),
        json!({ "architecture": "cait_s36_384", "num_classes": 5, "input_size": [3, 384, 384], "mean": [0.5, 0.5, 0.5] }),
        json!({ "architecture": "vit_tiny_patch16_224", "model_args": { "mlp_ratio": 2.001 }, "pretrained_cfg": { "crop_pct": 0.9 } }),
    ];
    for original in originals {
        let written = read(&original).to_hub_json(Some(map(&original)));
        assert_eq!(written.to_string(), original.to_string(), "the order of keys too");
    }
}

#[test]
fn a_grown_llama_has_new_sizes_and_everything_else_as_it_was() {
    let original = json!({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "bos_token_id": 7, "vocab_size": 37, "hidden_size": 12,
        "intermediate_size": 29, "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 6,
        "rope_theta": 1000000.0, "rope_scaling": { "type": "linear", "factor": 2.0 }, "torch_dtype": "bfloat16",
        "use_sliding_window": true, "sliding_window": 7, "max_window_layers": 1,
        "layer_types": ["full_attention", "sliding_attention"], "custom": [1, 2],
    });
    let mut config = read(&original);
    (config.hidden_size, config.intermediate_size, config.num_hidden_layers) = (24, Some(58), 4);
    (config.num_attention_heads, config.num_key_value_heads, config.max_window_layers) = (6, Some(2), Some(3));
    let expected = with(
        original.clone(),
        &json!({
            "hidden_size": 24, "intermediate_size": 58, "num_hidden_layers": 4, "num_attention_heads": 6,
            "num_key_value_heads": 2, "max_window_layers": 3,
            "layer_types": ["full_attention", "full_attention", "full_attention", "sliding_attention"],
        }),
    );
    let written = config.to_hub_json(Some(map(&original)));
    assert_eq!(written.to_string(), expected.to_string());
    assert_eq!(read(&written), config);
}

#[test]
fn keys_that_were_left_out_are_written_where_their_default_would_be_wrong() {
    // Without head_dim it would be 24 / 6.
    let original = with(least(Family::Llama), &json!({ "intermediate_size": 29 }));
    let mut config = read(&original);
    (config.hidden_size, config.num_attention_heads, config.head_dim) = (24, 3, Some(4));
    let written = config.to_hub_json(Some(map(&original)));
    assert_eq!((&written["head_dim"], &written["hidden_size"]), (&json!(4), &json!(24)));
    assert_same(&read(&written), &config);

    let original = least(Family::Mistral);
    let mut config = read(&original);
    (config.num_key_value_heads, config.sliding_window) = (Some(3), None);
    let written = config.to_hub_json(Some(map(&original)));
    assert_eq!((&written["num_key_value_heads"], &written["sliding_window"]), (&json!(3), &Value::Null));
    assert_same(&read(&written), &config);
}

#[test]
fn everything_can_change_over_any_original() {
    for config in odd_ones() {
        let mut original = match config.naming {
            Naming::Hub => least(config.family),
            Naming::Timm if config.family == Family::Deit => {
                json!({ "architecture": "deit_small_distilled_patch16_224" })
            }
            Naming::Timm if config.family == Family::Vit => json!({ "architecture": "deit_small_patch16_224" }),
            Naming::Timm => least(config.family),
        };
        original["mine"] = json!("stays");
        let written = config.to_hub_json(Some(map(&original)));
        assert_same(&read(&written), &config);
        let place = if config.naming == Naming::Timm { &written["pretrained_cfg"] } else { &written };
        assert_eq!(place["mine"], "stays", "{written}");
    }
}

#[test]
fn another_familys_original_is_left_aside() {
    let config = odd(Family::Gpt2);
    for original in [least(Family::Bert), json!({ "model_type": "mamba" }), json!({})] {
        assert_eq!(config.to_hub_json(Some(map(&original))), config.to_hub_json(None));
    }
}

#[test]
fn a_new_head_has_a_class_and_labels_of_its_own() {
    let original = with(
        least(Family::Roberta),
        &json!({ "model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"] }),
    );
    let mut config = read(&original);
    (config.head, config.num_labels) = (Some(Head::SequenceClassification), Some(2));
    let two = config.to_hub_json(Some(map(&original)));
    assert_eq!(two, with(original.clone(), &json!({ "architectures": ["XLMRobertaForSequenceClassification"] })));

    config.num_labels = Some(3);
    let three = config.to_hub_json(Some(map(&two)));
    assert_eq!(three["id2label"], json!({ "0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2" }));
    assert_eq!(three["label2id"], json!({ "LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2 }));
    assert_same(&read(&three), &config);

    let named = with(three, &json!({ "id2label": { "0": "no", "1": "yes", "2": "perhaps" } }));
    assert_eq!(config.to_hub_json(Some(map(&named))), named, "names stay");

    (config.head, config.num_labels) = (Some(Head::SequenceRegression), Some(3));
    let regression = config.to_hub_json(Some(map(&named)));
    assert_eq!(regression["problem_type"], "regression");
    assert_same(&read(&regression), &config);
    (config.head, config.num_labels) = (Some(Head::SequenceClassification), Some(2));
    let back = config.to_hub_json(Some(map(&regression)));
    assert_eq!((back.get("problem_type"), &back["id2label"]), (None, &json!({ "0": "LABEL_0", "1": "LABEL_1" })));

    (config.head, config.num_labels) = (Some(Head::None), None);
    assert_eq!(config.to_hub_json(Some(map(&back)))["architectures"], json!(["XLMRobertaModel"]));
}

#[test]
fn the_pretraining_class_becomes_the_one_that_is_written() {
    let original = with(least(Family::Bert), &json!({ "architectures": ["BertForPreTraining"] }));
    let written = read(&original).to_hub_json(Some(map(&original)));
    assert_eq!(written, with(original, &json!({ "architectures": ["BertForMaskedLM"] })));
}

#[test]
fn a_pooler_is_as_wide_as_the_model() {
    let original = with(least(Family::Vit), &json!({ "pooler_output_size": 12 }));
    let mut config = read(&original);
    config.hidden_size = 24;
    assert_eq!(config.to_hub_json(Some(map(&original)))["pooler_output_size"], 24);
}

#[test]
fn rotary_positions_that_change_are_written_in_the_newer_form() {
    let original = with(
        least(Family::Llama),
        &json!({ "rope_theta": 5.0, "rope_scaling": { "type": "linear", "factor": 2.0 }, "rms_norm_eps": 1e-6 }),
    );
    let mut config = read(&original);
    config.rope_scaling = Some(RopeScaling::Dynamic { factor: 4.0 });
    let written = config.to_hub_json(Some(map(&original)));
    assert_eq!(written["rope_parameters"], json!({ "rope_type": "dynamic", "factor": 4.0, "rope_theta": 5.0 }));
    assert!(written.get("rope_scaling").is_none() && written.get("rope_theta").is_none(), "{written}");
    assert_eq!(read(&written), config);
}

#[test]
fn a_grown_timm_model_has_arguments_for_what_its_name_does_not_say() {
    let original = json!({
        "architecture": "deit_tiny_patch16_224", "num_classes": 1000, "num_features": 192, "global_pool": "token",
        "pretrained_cfg": { "input_size": [3, 224, 224], "fixed_input_size": true, "crop_pct": 0.9, "num_classes": 1000 },
    });
    let mut config = read(&original);
    (config.hidden_size, config.num_attention_heads, config.intermediate_size) = (384, 6, Some(1536));
    let expected =
        with(original.clone(), &json!({ "num_features": 384, "model_args": { "embed_dim": 384, "num_heads": 6 } }));
    let grown = config.to_hub_json(Some(map(&original)));
    assert_eq!(grown, expected);

    config.num_labels = Some(10);
    let fewer = config.to_hub_json(Some(map(&grown)));
    assert_eq!((&fewer["num_classes"], &fewer["pretrained_cfg"]["num_classes"]), (&json!(10), &json!(10)));
    config.image_size = Some(384);
    let larger = config.to_hub_json(Some(map(&fewer)));
    assert_eq!(larger["pretrained_cfg"]["input_size"], json!([3, 384, 384]));
    assert_same(&read(&larger), &config);
}
