use super::*;
use crate::rope::RopeScaling;

/// A small configuration of any family, as somebody would write it.
fn config(family: &str) -> ModelConfig {
    let text = "vocab_size = 11
         max_position_embeddings = 5";
    let images = "image_size = 8
         patch_size = 4";
    let special = match family {
        "vit" | "deit" => images.to_owned(),
        "cait" => format!("{images}\nnaming = 'timm'"),
        _ => text.to_owned(),
    };
    let sizes = format!(
        "family = '{family}'
         hidden_size = 12
         num_hidden_layers = 2
         num_attention_heads = 3
         {special}"
    );
    toml::from_str(&sizes).unwrap()
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let (gpt2, bert, roberta) = (config("gpt2"), config("bert"), config("roberta"));
    assert_eq!((gpt2.intermediate_size(), gpt2.layer_norm_eps()), (48, 1e-5));
    assert_eq!((bert.space(Space::TokenType).width(), bert.layer_norm_eps()), (2, 1e-12));
    assert_eq!((roberta.space(Space::TokenType).width(), roberta.pad_token_id()), (1, 1));
    assert_eq!((gpt2.hidden_dropout, gpt2.attention_dropout, gpt2.initializer_range), (0.0, 0.0, 0.02));
    let sizes = "family = 'bert'
        hidden_size = 12
        num_hidden_layers = 2
        num_attention_heads = 3";
    let open: ModelConfig = toml::from_str(sizes).unwrap();
    assert_eq!((open.vocab_size, open.max_position_embeddings), (0, 0));

    let llama = config("llama");
    assert_eq!((llama.num_key_value_heads(), llama.head_dim(), llama.rope_theta()), (3, 4, 10_000.0));
    assert_eq!((llama.layer_norm_eps(), llama.hidden_act(), llama.window(1)), (1e-6, Activation::Silu, None));
    assert!(!llama.tie_word_embeddings() && !llama.mlp_bias() && !llama.query_key_value_bias());
    let (vit, cait) = (config("vit"), config("cait"));
    assert_eq!((vit.num_channels(), vit.num_labels(), vit.layer_norm_eps()), (3, 1000, 1e-12));
    assert_eq!((cait.num_class_layers(), cait.class_intermediate_size(), cait.layer_norm_eps()), (2, 48, 1e-6));
}

#[test]
fn every_family_has_a_usual_head_and_stays_as_it_is_in_toml() {
    let heads = [
        ("gpt2", Head::CausalLm),
        ("bert", Head::MaskedLm),
        ("roberta", Head::MaskedLm),
        ("vit", Head::ImageClassification),
        ("deit", Head::ImageClassification),
        ("cait", Head::ImageClassification),
        ("llama", Head::CausalLm),
        ("mistral", Head::CausalLm),
        ("qwen2", Head::CausalLm),
        ("qwen3", Head::CausalLm),
    ];
    assert_eq!(heads.len(), Family::ALL.len());
    for (family, head) in heads {
        let config = config(family);
        config.check().unwrap();
        assert_eq!((config.family.name(), config.head()), (family, head));
        let again: ModelConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let cases = [
        ("family = 'gpt2'\nhiden_size = 4", "hiden_size"),
        ("family = 'gpt3'", "gpt3"),
        ("family = 'bert'\nhead = 'multiple-choice'", "multiple-choice"),
        ("family = 'llama'\nrope_scaling = { rope_type = 'linear', factr = 2.0 }", "factr"),
        ("family = 'llama'\nrope_scaling = { rope_type = 'yarn', factor = 2.0, betta_fast = 1 }", "betta_fast"),
        ("family = 'llama'\nrope_scaling = { rope_type = 'ntk', factor = 2.0 }", "ntk"),
    ];
    for (text, name) in cases {
        let error = toml::from_str::<ModelConfig>(text).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
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
        ("gpt2", "num_hidden_layers", |c| c.num_hidden_layers = usize::MAX, "expected a number from 1 to 4096"),
        ("gpt2", "num_attention_heads", |c| c.num_attention_heads = 0, "found 0"),
        ("gpt2", "intermediate_size", |c| c.intermediate_size = Some(0), "found 0"),
        ("gpt2", "head_dim", |c| c.head_dim = Some(4), "expected no such key: only Llama style"),
        ("gpt2", "image_size", |c| c.image_size = Some(8), "only models of images"),
        ("gpt2", "naming", |c| c.naming = Naming::Timm, "found timm, expected hub"),
        ("bert", "max_position_embeddings", |c| c.max_position_embeddings = 0, "found 0"),
        ("bert", "type_vocab_size", |c| c.type_vocab_size = Some(0), "found 0"),
        ("gpt2", "type_vocab_size", |c| c.type_vocab_size = Some(2), "found 2, expected no such key: only BERT"),
        ("bert", "hidden_dropout", |c| c.hidden_dropout = 1.0, "found 1, expected a number in [0, 1)"),
        ("bert", "attention_dropout", |c| c.attention_dropout = -0.1, "found -0.1"),
        ("bert", "attention_dropout", |c| c.attention_dropout = f32::NAN, "found NaN"),
        ("bert", "classifier_dropout", |c| c.classifier_dropout = Some(2.0), "found 2"),
        ("bert", "layer_norm_eps", |c| c.layer_norm_eps = Some(0.0), "expected a finite number above 0"),
        ("gpt2", "initializer_range", |c| c.initializer_range = f32::INFINITY, "found inf"),
        ("bert", "head", |c| c.head = Some(Head::CausalLm), "one that bert has: masked-lm, sequence-classification"),
        ("bert", "num_labels", |c| c.num_labels = Some(3), "no such key: masked-lm has no labels"),
        (
            "bert",
            "num_labels",
            |c| (c.head, c.num_labels) = (Some(Head::SequenceClassification), Some(1)),
            "found 1, expected at least 2",
        ),
        ("bert", "pooler", |c| c.pooler = Some(true), "no such key: masked-lm decides on it"),
        ("roberta", "pad_token_id", |c| c.pad_token_id = Some(11), "found 11, expected an id below vocab_size (11)"),
        ("roberta", "max_position_embeddings", |c| c.max_position_embeddings = 2, "more than pad_token_id + 1 (2)"),
        ("llama", "hidden_size", |c| (c.hidden_size, c.head_dim) = (13, Some(4)), "found 13, expected a multiple"),
        ("mistral", "head_dim", |c| c.head_dim = Some(5), "found 5, expected an even number"),
        ("llama", "num_key_value_heads", |c| c.num_key_value_heads = Some(2), "a divisor of num_attention_heads (3)"),
        ("llama", "num_key_value_heads", |c| c.num_key_value_heads = Some(0), "found 0"),
        ("llama", "rope_theta", |c| c.rope_theta = Some(-1.0), "a finite number above 0"),
        ("llama", "sliding_window", |c| c.sliding_window = Some(4), "only Mistral, Qwen2 and Qwen3"),
        ("mistral", "sliding_window", |c| c.sliding_window = Some(0), "found 0"),
        ("mistral", "max_window_layers", |c| c.max_window_layers = Some(1), "only Qwen2 and Qwen3"),
        ("mistral", "attention_bias", |c| c.attention_bias = Some(true), "found true"),
        ("qwen2", "mlp_bias", |c| c.mlp_bias = Some(true), "only Llama"),
        ("llama", "hidden_dropout", |c| c.hidden_dropout = 0.1, "no such key"),
        ("vit", "vocab_size", |c| c.vocab_size = 3, "only models of text"),
        ("vit", "image_size", |c| c.image_size = Some(9), "a multiple of patch_size (4)"),
        ("vit", "patch_size", |c| c.patch_size = Some(0), "found 0"),
        ("vit", "num_class_layers", |c| c.num_class_layers = Some(1), "only CaiT"),
        ("vit", "layer_norm_eps", |c| (c.naming, c.layer_norm_eps) = (Naming::Timm, Some(1e-12)), "expected 1e-6"),
        (
            "deit",
            "head",
            |c| {
                c.naming = Naming::Timm;
                c.head = Some(Head::ImageClassification);
            },
            "distilled-image-classification or none",
        ),
        ("cait", "hidden_act", |c| c.hidden_act = Some(Activation::Relu), "found Relu, expected gelu"),
        ("cait", "naming", |c| c.naming = Naming::Hub, "found hub, expected timm"),
        ("cait", "class_intermediate_size", |c| c.class_intermediate_size = Some(0), "found 0"),
        (
            "llama",
            "rope_scaling.factor",
            |c| c.rope_scaling = Some(RopeScaling::Linear { factor: f64::NAN }),
            "found NaN",
        ),
    ];
    for (family, field, change, expected) in cases {
        let mut config = config(family);
        config.check().unwrap();
        change(&mut config);
        let message = config.check().unwrap_err().to_string();
        assert!(message.starts_with(&format!("{field}: ")) && message.contains(expected), "{message}");
    }
}

#[test]
fn a_window_begins_where_it_is_said_to() {
    let mut config = config("qwen2");
    config.sliding_window = Some(7);
    assert_eq!((config.window(0), config.window(1)), (Some(7), Some(7)));
    config.max_window_layers = Some(1);
    assert_eq!((config.window(0), config.window(1)), (None, Some(7)));
}
