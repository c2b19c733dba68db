//! Keys, their defaults and what is refused.

use super::*;
use crate::config::Activation;
use crate::rope::{Llama3, Yarn};

#[test]
fn what_the_hub_may_leave_out_has_its_default() {
    let sizes = |family| {
        let config = read(&least(family));
        config.check().unwrap();
        (config.intermediate_size(), config.max_position_embeddings, config.layer_norm_eps())
    };
    assert_eq!(sizes(Family::Gpt2), (48, 1024, 1e-5));
    assert_eq!(sizes(Family::Bert), (3072, 512, 1e-12));
    assert_eq!(sizes(Family::Roberta), (3072, 512, 1e-12));
    assert_eq!(sizes(Family::Llama), (11_008, 2048, 1e-6));
    for family in [Family::Gpt2, Family::Bert, Family::Roberta] {
        let config = read(&least(family));
        assert_eq!((config.hidden_dropout, config.attention_dropout, config.initializer_range), (0.1, 0.1, 0.02));
    }
    assert_eq!(read(&least(Family::Roberta)).type_vocab_size, Some(2));
    let vit = read(&least(Family::Vit));
    assert_eq!((vit.intermediate_size(), vit.image_size(), vit.patch_size(), vit.num_labels()), (3072, 224, 16, 2));
    assert_eq!((vit.hidden_dropout, vit.query_key_value_bias()), (0.0, true));
}

#[test]
fn the_llama_kinds_have_defaults_of_their_own() {
    let heads = |family, changes: Value| {
        let many = json!({ "num_attention_heads": 64, "hidden_size": 512 });
        let config = read(&with(with(least(family), &many), &changes));
        (config.num_key_value_heads(), config.head_dim())
    };
    for (family, left_out, null) in [
        (Family::Llama, (64, 8), (64, 8)),
        (Family::Mistral, (8, 8), (64, 8)),
        (Family::Qwen2, (32, 8), (64, 8)),
        (Family::Qwen3, (32, 128), (64, 128)),
    ] {
        assert_eq!(heads(family, json!({})), left_out, "{family}");
        assert_eq!(heads(family, json!({ "num_key_value_heads": null, "head_dim": null })), null, "{family}");
    }
}

#[test]
fn windows_are_where_the_keys_of_the_family_put_them() {
    let windows = |family, keys: Value| {
        let config = read(&with(least(family), &with(json!({ "num_key_value_heads": 3 }), &keys)));
        [config.window(0), config.window(1)]
    };
    let (all, second) = ([Some(7), Some(7)], [None, Some(7)]);
    let cases = [
        (Family::Llama, json!({ "sliding_window": 7 }), [None; 2]),
        (Family::Mistral, json!({}), [Some(4096); 2]),
        (Family::Mistral, json!({ "sliding_window": null }), [None; 2]),
        (
            Family::Mistral,
            json!({ "sliding_window": 7, "layer_types": ["sliding_attention", "sliding_attention"] }),
            all,
        ),
        (Family::Qwen2, json!({}), [None; 2]),
        (Family::Qwen2, json!({ "sliding_window": 7, "max_window_layers": 0 }), [None; 2]),
        (Family::Qwen2, json!({ "sliding_window": 7, "use_sliding_window": true, "max_window_layers": 0 }), all),
        (Family::Qwen2, json!({ "sliding_window": 7, "use_sliding_window": true, "max_window_layers": 1 }), second),
        (Family::Qwen3, json!({ "sliding_window": 7, "use_sliding_window": true }), [None; 2]),
        (Family::Qwen3, json!({ "use_sliding_window": true, "max_window_layers": 1 }), [None, Some(4096)]),
        (
            Family::Qwen3,
            json!({ "use_sliding_window": true, "sliding_window": null, "max_window_layers": 1 }),
            [None; 2],
        ),
        (
            Family::Qwen3,
            json!({ "sliding_window": 7, "use_sliding_window": true, "max_window_layers": 1,
                    "layer_types": ["full_attention", "sliding_attention"] }),
            second,
        ),
    ];
    for (family, keys, expected) in cases {
        assert_eq!(windows(family, keys.clone()), expected, "{family} {keys}");
    }
}

#[test]
fn classes_name_the_head() {
    let cases = [
        ("bert", json!({}), Head::MaskedLm, None),
        ("bert", json!({ "architectures": null }), Head::MaskedLm, None),
        ("bert", json!({ "architectures": [] }), Head::MaskedLm, None),
        ("bert", json!({ "architectures": ["BertForMaskedLM"] }), Head::MaskedLm, None),
        ("bert", json!({ "architectures": ["BertForPreTraining"] }), Head::MaskedLm, None),
        ("bert", json!({ "architectures": ["BertForQuestionAnswering"] }), Head::QuestionAnswering, None),
        ("bert", json!({ "architectures": ["BertModel"] }), Head::None, None),
        ("bert", json!({ "architectures": ["BertForSequenceClassification"] }), Head::SequenceClassification, Some(2)),
        (
            "bert",
            json!({ "architectures": ["BertForSequenceClassification"], "num_labels": 3 }),
            Head::SequenceClassification,
            Some(3),
        ),
        (
            "bert",
            json!({ "architectures": ["BertForSequenceClassification"], "id2label": { "0": "score" } }),
            Head::SequenceRegression,
            Some(1),
        ),
        (
            "bert",
            json!({ "architectures": ["BertForSequenceClassification"], "problem_type": "regression" }),
            Head::SequenceRegression,
            Some(2),
        ),
        ("roberta", json!({ "architectures": ["RobertaForMaskedLM"] }), Head::MaskedLm, None),
        ("xlm-roberta", json!({ "architectures": ["XLMRobertaModel"] }), Head::None, None),
        ("camembert", json!({ "architectures": ["CamembertForMaskedLM"] }), Head::MaskedLm, None),
        (
            "vit",
            json!({ "architectures": ["ViTForImageClassification"], "num_labels": 7 }),
            Head::ImageClassification,
            Some(7),
        ),
        ("vit", json!({ "architectures": ["ViTModel"] }), Head::None, None),
        ("deit", json!({ "architectures": ["DeiTForImageClassification"] }), Head::ImageClassification, Some(2)),
        (
            "deit",
            json!({ "architectures": ["DeiTForImageClassificationWithTeacher"] }),
            Head::DistilledImageClassification,
            Some(2),
        ),
        ("llama", json!({ "architectures": ["LlamaForCausalLM"] }), Head::CausalLm, None),
        ("qwen3", json!({ "architectures": ["Qwen3Model"] }), Head::None, None),
    ];
    for (model_type, keys, head, num_labels) in cases {
        let json = with(with(least(Family::Bert), &keys), &json!({ "model_type": model_type }));
        let config = read(&json);
        assert_eq!((config.head(), config.num_labels), (head, num_labels), "{json}");
    }
    for (class, head) in [("GPT2LMHeadModel", Head::CausalLm), ("GPT2Model", Head::None)] {
        let json = with(least(Family::Gpt2), &json!({ "architectures": [class] }));
        assert_eq!(read(&json).head(), head);
    }
}

#[test]
fn activations_have_all_their_names() {
    for (name, activation) in [
        ("gelu", Activation::Gelu),
        ("gelu_new", Activation::GeluNew),
        ("gelu_pytorch_tanh", Activation::GeluNew),
        ("gelu_fast", Activation::GeluNew),
        ("quick_gelu", Activation::QuickGelu),
        ("relu", Activation::Relu),
        ("silu", Activation::Silu),
        ("swish", Activation::Silu),
    ] {
        let json = with(least(Family::Bert), &json!({ "hidden_act": name }));
        assert_eq!(read(&json).hidden_act(), activation);
    }
}

#[test]
fn rotary_positions_are_read_in_both_forms() {
    let llama3 = RopeScaling::Llama3(Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: Some(64),
    });
    let numbers =
        json!({ "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4, "original_max_position_embeddings": 64 });
    let typed = |key: &str, name: &str, rest: &Value| with(json!({ key: name }), rest);
    let longrope = |original| {
        RopeScaling::Longrope(Longrope {
            short_factor: vec![1.0, 2.0],
            long_factor: vec![2.0, 4.0],
            factor: None,
            original_max_position_embeddings: original,
            attention_factor: None,
        })
    };
    let lists = json!({ "short_factor": [1, 2], "long_factor": [2.0, 4.0] });
    let yarn = Yarn {
        factor: 4.0,
        original_max_position_embeddings: Some(512),
        attention_factor: None,
        beta_fast: Some(4.0),
        beta_slow: None,
        mscale: Some(1.5),
        mscale_all_dim: None,
        truncate: Some(false),
    };
    let cases = [
        (json!({}), None, None),
        (json!({ "rope_theta": 5.0, "rope_scaling": null }), Some(5.0), None),
        (json!({ "rope_theta": 5.0, "rope_scaling": {} }), Some(5.0), None),
        (json!({ "rope_parameters": { "rope_theta": 7, "rope_type": "default" }, "rope_theta": 5.0 }), Some(7.0), None),
        (
            json!({ "rope_theta": 5.0, "rope_scaling": { "type": "linear", "factor": 2 } }),
            Some(5.0),
            Some(RopeScaling::Linear { factor: 2.0 }),
        ),
        (
            json!({ "rope_scaling": { "rope_type": "dynamic", "type": "linear", "factor": 3.0 } }),
            None,
            Some(RopeScaling::Dynamic { factor: 3.0 }),
        ),
        (json!({ "rope_scaling": typed("rope_type", "llama3", &numbers) }), None, Some(llama3.clone())),
        (json!({ "rope_parameters": typed("rope_type", "llama3", &numbers) }), None, Some(llama3)),
        (json!({ "rope_scaling": typed("type", "su", &lists) }), None, Some(longrope(None))),
        (
            json!({ "rope_scaling": typed("type", "longrope", &lists), "original_max_position_embeddings": 32 }),
            None,
            Some(longrope(Some(32))),
        ),
        (
            json!({ "rope_parameters": { "rope_type": "yarn", "factor": null, "original_max_position_embeddings": 512,
                                         "beta_fast": 4, "mscale": 1.5, "truncate": false, "finetuned": true } }),
            None,
            Some(RopeScaling::Yarn(yarn)),
        ),
    ];
    for (keys, theta, scaling) in cases {
        let config = read(&with(least(Family::Llama), &keys));
        assert_eq!((config.rope_theta, config.rope_scaling), (theta, scaling), "{keys}");
    }
}

#[test]
fn what_is_not_built_here_is_refused_by_key() {
    let cases = [
        (
            "gpt2",
            "model_type",
            json!("mamba"),
            "found \"mamba\", expected one of gpt2, bert, roberta, xlm-roberta, camembert, vit",
        ),
        ("gpt2", "model_type", json!(null), "found nothing, expected one of gpt2"),
        ("gpt2", "activation_function", json!("mish"), "found \"mish\", expected one of gelu, gelu_new"),
        ("bert", "hidden_act", json!(3), "found 3, expected one of gelu"),
        ("gpt2", "tie_word_embeddings", json!(false), "found false, expected true"),
        ("bert", "tie_word_embeddings", json!(false), "found false, expected true"),
        ("gpt2", "scale_attn_by_inverse_layer_idx", json!(true), "found true, expected false"),
        ("gpt2", "scale_attn_weights", json!(false), "found false, expected true"),
        ("gpt2", "add_cross_attention", json!(true), "found true, expected false"),
        ("bert", "is_decoder", json!(true), "found true, expected false"),
        ("roberta", "position_embedding_type", json!("relative_key"), "expected \"absolute\""),
        ("gpt2", "resid_pdrop", json!(0.3), "found 0.3, expected 0.1, as embd_pdrop"),
        ("gpt2", "n_embd", json!("wide"), "found \"wide\", expected a whole number"),
        ("gpt2", "n_layer", json!(null), "found nothing, expected a whole number"),
        ("bert", "vocab_size", json!(-1), "found -1, expected a whole number"),
        ("bert", "hidden_size", json!(12.5), "found 12.5, expected a whole number"),
        ("bert", "layer_norm_eps", json!("small"), "found \"small\", expected a number"),
        ("bert", "pruned_heads", json!({ "1": [0] }), "expected nothing: every layer has all heads"),
        ("llama", "quantization_config", json!({ "bits": 4 }), "expected nothing: quantised weights are not read"),
        (
            "bert",
            "architectures",
            json!(["BertForMultipleChoice"]),
            "expected one of BertForMaskedLM, BertForSequenceClassification, BertForQuestionAnswering, BertModel",
        ),
        ("llama", "architectures", json!(["MistralForCausalLM"]), "expected one of LlamaForCausalLM, LlamaModel"),
        ("llama", "architectures", json!("LlamaForCausalLM"), "expected a list of names"),
        ("vit", "pooler_act", json!("relu"), "found \"relu\", expected \"tanh\""),
        ("vit", "image_size", json!([224, 192]), "found [224,192], expected a whole number, or two that are the same"),
        ("mistral", "attention_bias", json!(true), "found true, expected false"),
        ("qwen2", "mlp_bias", json!(true), "found true, expected false"),
        (
            "llama",
            "layer_types",
            json!(["full_attention"]),
            "as num_hidden_layers, sliding_window and max_window_layers say",
        ),
        ("qwen2", "layer_types", json!(["full_attention", "sliding_attention"]), "as num_hidden_layers"),
        ("mistral", "layer_types", json!(["full_attention", "sliding_attention"]), "as num_hidden_layers"),
        ("llama", "partial_rotary_factor", json!(0.5), "found 0.5, expected 1, as whole heads are turned"),
    ];
    for (family, key, value, expected) in cases {
        let family = Family::ALL.into_iter().find(|known| known.name() == family).unwrap();
        let mut json = least(family);
        if family == Family::Vit {
            json["architectures"] = json!(["ViTModel"]);
        }
        json[key] = value;
        let message = message(&json);
        assert!(message.starts_with(&format!("{key}: ")) && message.contains(expected), "{message}");
    }
    for json in [json!([]), json!(null), json!("gpt2")] {
        assert!(message(&json).starts_with("config.json: "), "{json}");
    }
    assert_eq!(message(&json!({ "model_type": "bert" })), "vocab_size: found nothing, expected a whole number");
}

#[test]
fn labels_and_rotary_positions_are_refused_by_key() {
    let classifier = json!({ "architectures": ["BertForSequenceClassification"] });
    let cases = [
        (
            "bert",
            json!({ "problem_type": "multi_label_classification" }),
            "problem_type: found \"multi_label_classification\"",
        ),
        ("bert", json!({ "id2label": ["a", "b"] }), "id2label: found [\"a\",\"b\"], expected an object"),
        (
            "llama",
            json!({ "rope_scaling": { "type": "mrope" } }),
            "rope_scaling.type: found \"mrope\", expected one of default",
        ),
        ("llama", json!({ "rope_scaling": { "rope_type": 3 } }), "rope_scaling.rope_type: found 3, expected a string"),
        ("llama", json!({ "rope_parameters": { "rope_type": "linear" } }), "rope_parameters.factor: found nothing"),
        (
            "llama",
            json!({ "rope_parameters": { "rope_type": "longrope", "short_factor": [1, "2"] } }),
            "rope_parameters.short_factor: found [1,\"2\"], expected a list of numbers",
        ),
        (
            "qwen3",
            json!({ "rope_parameters": { "full_attention": { "rope_type": "default" } } }),
            "rope_parameters: found {\"rope_type\":\"default\"}, expected the same parameters for all layers",
        ),
        (
            "llama",
            json!({ "rope_parameters": { "rope_type": "default", "partial_rotary_factor": 0.25 } }),
            "partial_rotary_factor: found 0.25",
        ),
    ];
    for (family, keys, expected) in cases {
        let family = Family::ALL.into_iter().find(|known| known.name() == family).unwrap();
        let base = if family == Family::Bert { with(least(family), &classifier) } else { least(family) };
        let message = message(&with(base, &keys));
        assert!(message.starts_with(expected), "{message}");
    }
    let regression = json!({ "architectures": ["ViTForImageClassification"], "problem_type": "regression" });
    assert!(message(&with(least(Family::Vit), &regression)).starts_with("problem_type: "));
}

#[test]
fn timms_names_and_arguments_give_sizes() {
    type Sizes = (Family, usize, usize, usize, usize, usize);
    let cases: [(&str, Value, Sizes); 8] = [
        ("vit_small_patch32_384", json!({}), (Family::Vit, 384, 12, 6, 1536, 32)),
        ("vit_huge_patch14_224.orig_in21k", json!({}), (Family::Vit, 1280, 32, 16, 5120, 14)),
        ("deit_tiny_patch16_224", json!({}), (Family::Vit, 192, 12, 3, 768, 16)),
        ("deit_base_distilled_patch16_384", json!({}), (Family::Deit, 768, 12, 12, 3072, 16)),
        ("cait_m48_448", json!({}), (Family::Cait, 768, 48, 16, 3072, 16)),
        ("vit_tiny_patch16_224", json!({ "embed_dim": 12, "mlp_ratio": 2.45 }), (Family::Vit, 12, 12, 3, 29, 16)),
        (
            "vit_tiny_patch16_224",
            json!({ "depth": 1, "num_heads": 4, "patch_size": [8, 8] }),
            (Family::Vit, 192, 1, 4, 768, 8),
        ),
        ("cait_s24_224", json!({ "depth": 3, "depth_token_only": 1 }), (Family::Cait, 384, 3, 8, 1536, 16)),
    ];
    for (name, args, sizes) in cases {
        let json = json!({
            "architecture": name, "num_classes": 10, "model_args": args,
            "pretrained_cfg": { "input_size": [1, 448, 448], "fixed_input_size": true, "num_classes": 3 },
        });
        let config = read(&json);
        let found = (
            config.family,
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.intermediate_size(),
            config.patch_size(),
        );
        assert_eq!(found, sizes, "{name}");
        assert_eq!((config.image_size(), config.num_channels(), config.num_labels()), (448, 1, 10));
        assert_eq!((config.naming, config.layer_norm_eps()), (Naming::Timm, 1e-6));
        config.check().unwrap();
    }
    let older = json!({ "architecture": "cait_s36_384", "num_classes": 0, "input_size": [3, 384, 384] });
    let config = read(&older);
    assert_eq!((config.image_size(), config.head(), config.layer_scale_init()), (384, Head::None, 1e-6));
    let distilled = json!({ "architecture": "deit_tiny_distilled_patch16_224" });
    let config = read(&distilled);
    assert_eq!(
        (config.head(), config.num_labels(), config.image_size()),
        (Head::DistilledImageClassification, 1000, 224)
    );
}

#[test]
fn timms_arguments_that_are_not_built_here_are_refused_by_name() {
    let cases = [
        ("vit_tiny_patch16_224", json!({ "class_token": false }), "class_token: found false, expected true"),
        ("vit_tiny_patch16_224", json!({ "reg_tokens": 4 }), "reg_tokens: found 4, expected 0"),
        ("vit_tiny_patch16_224", json!({ "init_values": 1e-5 }), "init_values: found 0.00001, expected nothing"),
        ("vit_tiny_patch16_224", json!({ "global_pool": "avg" }), "global_pool: found \"avg\", expected \"token\""),
        ("vit_tiny_patch16_224", json!({ "fc_norm": true }), "fc_norm: found true, expected false"),
        ("vit_tiny_patch16_224", json!({ "depth_token_only": 1 }), "model_args: found \"depth_token_only\""),
        (
            "vit_tiny_patch16_224",
            json!({ "proj_drop_rate": 0.1 }),
            "pos_drop_rate: found nothing, expected 0.1, as proj",
        ),
        ("vit_tiny_patch16_224", json!({ "embed_dim": "wide" }), "embed_dim: found \"wide\", expected a whole number"),
        (
            "cait_s24_224",
            json!({ "qk_norm": true }),
            "model_args: found \"qk_norm\", expected arguments among embed_dim",
        ),
        ("cait_s24_224", json!({ "drop_path_rate": 0.1 }), "drop_path_rate: found 0.1, expected 0"),
        (
            "vit_base_patch16_clip_224",
            json!({}),
            "architecture: found \"vit_base_patch16_clip_224\", expected vit_{tiny",
        ),
        ("deit3_base_patch16_224", json!({}), "architecture: found"),
        ("resnet50", json!({}), "architecture: found"),
    ];
    for (architecture, args, expected) in cases {
        let message = message(&json!({ "architecture": architecture, "model_args": args }));
        assert!(message.starts_with(expected), "{message}");
    }
    let average = json!({ "architecture": "vit_tiny_patch16_224", "global_pool": "avg" });
    assert!(message(&average).starts_with("global_pool: "));
    let wide = json!({ "architecture": "vit_tiny_patch16_224", "pretrained_cfg": { "input_size": [3, 224, 192] } });
    assert!(message(&wide).starts_with("input_size: found [3,224,192]"));
}
