//! What the models say about their parameters.

use crate::config;
use ligo_models::{Axis, Family, Head, Init, Model, ModelConfig, Naming, ParamSpec, Role, Space};
use std::collections::BTreeSet;

const V: usize = 13;
const H: usize = 6;
const F: usize = 11;
const P: usize = 7;

/// A parameter: name (layers as `{}`), shape, axes.
///
/// An axis is `+` (produces) or `-` (consumes) and the letters of its spaces.
type Row = (&'static str, &'static [usize], &'static str);

/// Every parameter of the two layers' models.
const GPT2: [Row; 16] = [
    ("transformer.wte.weight", &[V, H], "+V +E"),
    ("transformer.wpe.weight", &[P, H], "+P +E"),
    ("transformer.h.{}.ln_1.weight", &[H], "+E"),
    ("transformer.h.{}.ln_1.bias", &[H], "+E"),
    ("transformer.h.{}.attn.c_attn.weight", &[H, 3 * H], "-E +QKA"),
    ("transformer.h.{}.attn.c_attn.bias", &[3 * H], "+QKA"),
    ("transformer.h.{}.attn.c_proj.weight", &[H, H], "-A +E"),
    ("transformer.h.{}.attn.c_proj.bias", &[H], "+E"),
    ("transformer.h.{}.ln_2.weight", &[H], "+E"),
    ("transformer.h.{}.ln_2.bias", &[H], "+E"),
    ("transformer.h.{}.mlp.c_fc.weight", &[H, F], "-E +F"),
    ("transformer.h.{}.mlp.c_fc.bias", &[F], "+F"),
    ("transformer.h.{}.mlp.c_proj.weight", &[F, H], "-F +E"),
    ("transformer.h.{}.mlp.c_proj.bias", &[H], "+E"),
    ("transformer.ln_f.weight", &[H], "-E"),
    ("transformer.ln_f.bias", &[H], "-E"),
];

const BERT: [Row; 26] = [
    ("bert.embeddings.word_embeddings.weight", &[V, H], "+V +E"),
    ("bert.embeddings.position_embeddings.weight", &[P, H], "+P +E"),
    ("bert.embeddings.token_type_embeddings.weight", &[2, H], "+T +E"),
    ("bert.embeddings.LayerNorm.weight", &[H], "+E"),
    ("bert.embeddings.LayerNorm.bias", &[H], "+E"),
    ("bert.encoder.layer.{}.attention.self.query.weight", &[H, H], "+Q -E"),
    ("bert.encoder.layer.{}.attention.self.query.bias", &[H], "+Q"),
    ("bert.encoder.layer.{}.attention.self.key.weight", &[H, H], "+K -E"),
    ("bert.encoder.layer.{}.attention.self.key.bias", &[H], "+K"),
    ("bert.encoder.layer.{}.attention.self.value.weight", &[H, H], "+A -E"),
    ("bert.encoder.layer.{}.attention.self.value.bias", &[H], "+A"),
    ("bert.encoder.layer.{}.attention.output.dense.weight", &[H, H], "+E -A"),
    ("bert.encoder.layer.{}.attention.output.dense.bias", &[H], "+E"),
    ("bert.encoder.layer.{}.attention.output.LayerNorm.weight", &[H], "+E"),
    ("bert.encoder.layer.{}.attention.output.LayerNorm.bias", &[H], "+E"),
    ("bert.encoder.layer.{}.intermediate.dense.weight", &[F, H], "+F -E"),
    ("bert.encoder.layer.{}.intermediate.dense.bias", &[F], "+F"),
    ("bert.encoder.layer.{}.output.dense.weight", &[H, F], "+E -F"),
    ("bert.encoder.layer.{}.output.dense.bias", &[H], "+E"),
    ("bert.encoder.layer.{}.output.LayerNorm.weight", &[H], "+E"),
    ("bert.encoder.layer.{}.output.LayerNorm.bias", &[H], "+E"),
    ("cls.predictions.bias", &[V], "+V"),
    ("cls.predictions.transform.dense.weight", &[H, H], "+E -E"),
    ("cls.predictions.transform.dense.bias", &[H], "+E"),
    ("cls.predictions.transform.LayerNorm.weight", &[H], "-E"),
    ("cls.predictions.transform.LayerNorm.bias", &[H], "-E"),
];

/// Three query heads on one key and value head.
const QWEN3: [Row; 14] = [
    ("model.embed_tokens.weight", &[V, H], "+V +E"),
    ("model.layers.{}.input_layernorm.weight", &[H], "+E"),
    ("model.layers.{}.self_attn.q_proj.weight", &[H, H], "+Q -E"),
    ("model.layers.{}.self_attn.k_proj.weight", &[2, H], "+K -E"),
    ("model.layers.{}.self_attn.v_proj.weight", &[2, H], "+A -E"),
    ("model.layers.{}.self_attn.o_proj.weight", &[H, H], "+E -C"),
    ("model.layers.{}.self_attn.q_norm.weight", &[2], "+D"),
    ("model.layers.{}.self_attn.k_norm.weight", &[2], "+D"),
    ("model.layers.{}.post_attention_layernorm.weight", &[H], "+E"),
    ("model.layers.{}.mlp.gate_proj.weight", &[F, H], "+F -E"),
    ("model.layers.{}.mlp.up_proj.weight", &[F, H], "+F -E"),
    ("model.layers.{}.mlp.down_proj.weight", &[H, F], "+E -F"),
    ("model.norm.weight", &[H], "+E"),
    ("lm_head.weight", &[V, H], "+V -E"),
];

/// 4 patches of 3 × 2 × 2, 5 labels.
const DEIT: [Row; 27] = [
    ("deit.embeddings.cls_token", &[H], "+E"),
    ("deit.embeddings.distillation_token", &[H], "+E"),
    ("deit.embeddings.position_embeddings", &[6, H], "+P +E"),
    ("deit.embeddings.patch_embeddings.projection.weight", &[H, 12], "+E -X"),
    ("deit.embeddings.patch_embeddings.projection.bias", &[H], "+E"),
    ("deit.encoder.layer.{}.layernorm_before.weight", &[H], "+E"),
    ("deit.encoder.layer.{}.layernorm_before.bias", &[H], "+E"),
    ("deit.encoder.layer.{}.attention.attention.query.weight", &[H, H], "+Q -E"),
    ("deit.encoder.layer.{}.attention.attention.query.bias", &[H], "+Q"),
    ("deit.encoder.layer.{}.attention.attention.key.weight", &[H, H], "+K -E"),
    ("deit.encoder.layer.{}.attention.attention.key.bias", &[H], "+K"),
    ("deit.encoder.layer.{}.attention.attention.value.weight", &[H, H], "+A -E"),
    ("deit.encoder.layer.{}.attention.attention.value.bias", &[H], "+A"),
    ("deit.encoder.layer.{}.attention.output.dense.weight", &[H, H], "+E -A"),
    ("deit.encoder.layer.{}.attention.output.dense.bias", &[H], "+E"),
    ("deit.encoder.layer.{}.layernorm_after.weight", &[H], "+E"),
    ("deit.encoder.layer.{}.layernorm_after.bias", &[H], "+E"),
    ("deit.encoder.layer.{}.intermediate.dense.weight", &[F, H], "+F -E"),
    ("deit.encoder.layer.{}.intermediate.dense.bias", &[F], "+F"),
    ("deit.encoder.layer.{}.output.dense.weight", &[H, F], "+E -F"),
    ("deit.encoder.layer.{}.output.dense.bias", &[H], "+E"),
    ("deit.layernorm.weight", &[H], "+E"),
    ("deit.layernorm.bias", &[H], "+E"),
    ("cls_classifier.weight", &[5, H], "+L -E"),
    ("cls_classifier.bias", &[5], "+L"),
    ("distillation_classifier.weight", &[5, H], "+L -E"),
    ("distillation_classifier.bias", &[5], "+L"),
];

/// One class-attention layer, which counts as no layer.
const CAIT: [Row; 44] = [
    ("cls_token", &[H], "+E"),
    ("pos_embed", &[4, H], "+P +E"),
    ("patch_embed.proj.weight", &[H, 12], "+E -X"),
    ("patch_embed.proj.bias", &[H], "+E"),
    ("blocks.{}.gamma_1", &[H], "+E"),
    ("blocks.{}.gamma_2", &[H], "+E"),
    ("blocks.{}.norm1.weight", &[H], "+E"),
    ("blocks.{}.norm1.bias", &[H], "+E"),
    ("blocks.{}.attn.qkv.weight", &[3 * H, H], "+QKA -E"),
    ("blocks.{}.attn.qkv.bias", &[3 * H], "+QKA"),
    ("blocks.{}.attn.proj.weight", &[H, H], "+E -A"),
    ("blocks.{}.attn.proj.bias", &[H], "+E"),
    ("blocks.{}.attn.proj_l.weight", &[3, 3], "+H -H"),
    ("blocks.{}.attn.proj_l.bias", &[3], "+H"),
    ("blocks.{}.attn.proj_w.weight", &[3, 3], "+H -H"),
    ("blocks.{}.attn.proj_w.bias", &[3], "+H"),
    ("blocks.{}.norm2.weight", &[H], "+E"),
    ("blocks.{}.norm2.bias", &[H], "+E"),
    ("blocks.{}.mlp.fc1.weight", &[F, H], "+F -E"),
    ("blocks.{}.mlp.fc1.bias", &[F], "+F"),
    ("blocks.{}.mlp.fc2.weight", &[H, F], "+E -F"),
    ("blocks.{}.mlp.fc2.bias", &[H], "+E"),
    ("blocks_token_only.0.gamma_1", &[H], "+E"),
    ("blocks_token_only.0.gamma_2", &[H], "+E"),
    ("blocks_token_only.0.norm1.weight", &[H], "+E"),
    ("blocks_token_only.0.norm1.bias", &[H], "+E"),
    ("blocks_token_only.0.attn.q.weight", &[H, H], "+q -E"),
    ("blocks_token_only.0.attn.q.bias", &[H], "+q"),
    ("blocks_token_only.0.attn.k.weight", &[H, H], "+k -E"),
    ("blocks_token_only.0.attn.k.bias", &[H], "+k"),
    ("blocks_token_only.0.attn.v.weight", &[H, H], "+a -E"),
    ("blocks_token_only.0.attn.v.bias", &[H], "+a"),
    ("blocks_token_only.0.attn.proj.weight", &[H, H], "+E -a"),
    ("blocks_token_only.0.attn.proj.bias", &[H], "+E"),
    ("blocks_token_only.0.norm2.weight", &[H], "+E"),
    ("blocks_token_only.0.norm2.bias", &[H], "+E"),
    ("blocks_token_only.0.mlp.fc1.weight", &[4 * H, H], "+f -E"),
    ("blocks_token_only.0.mlp.fc1.bias", &[4 * H], "+f"),
    ("blocks_token_only.0.mlp.fc2.weight", &[H, 4 * H], "+E -f"),
    ("blocks_token_only.0.mlp.fc2.bias", &[H], "+E"),
    ("norm.weight", &[H], "+E"),
    ("norm.bias", &[H], "+E"),
    ("head.weight", &[5, H], "+L -E"),
    ("head.bias", &[5], "+L"),
];

/// The configurations of the tables.
fn tables() -> [(ModelConfig, &'static [Row]); 5] {
    [
        (config(Family::Gpt2), &GPT2),
        (config(Family::Bert), &BERT),
        (ModelConfig { num_key_value_heads: Some(1), ..config(Family::Qwen3) }, &QWEN3),
        (ModelConfig { head: Some(Head::DistilledImageClassification), ..config(Family::Deit) }, &DEIT),
        (ModelConfig { num_class_layers: Some(1), ..config(Family::Cait) }, &CAIT),
    ]
}

/// Every family under every head and every naming.
fn all() -> Vec<ModelConfig> {
    let with_heads = |family: Family| {
        family.heads().iter().map(move |&head| {
            let usual = config(family);
            ModelConfig { head: Some(head), num_labels: usual.num_labels.filter(|_| head.has_labels()), ..usual }
        })
    };
    let mut configs: Vec<ModelConfig> = Family::ALL.into_iter().flat_map(with_heads).collect();
    let timm = |family| ModelConfig { naming: Naming::Timm, ..config(family) };
    configs.extend([Family::Vit, Family::Deit].map(timm));
    configs
}

fn letters(axes: &[Axis], layer: Option<usize>) -> String {
    let space = |space: &Space| match *space {
        Space::Embed => 'E',
        Space::Vocab => 'V',
        Space::Position => 'P',
        Space::TokenType => 'T',
        Space::Query(l) if Some(l) == layer => 'Q',
        Space::Key(l) if Some(l) == layer => 'K',
        Space::Value(l) if Some(l) == layer => 'A',
        Space::Ffn(l) if Some(l) == layer => 'F',
        Space::Context(l) if Some(l) == layer => 'C',
        Space::Heads(l) if Some(l) == layer => 'H',
        Space::HeadDim => 'D',
        Space::Patch => 'X',
        Space::Label => 'L',
        // The first class-attention layer of a model of two layers.
        Space::Query(2) => 'q',
        Space::Key(2) => 'k',
        Space::Value(2) => 'a',
        Space::Ffn(2) => 'f',
        _ => panic!("{space} in layer {layer:?}"),
    };
    let axis = |axis: &Axis| {
        let sign = if axis.role == Role::Produces { '+' } else { '-' };
        std::iter::once(sign).chain(axis.spaces.iter().map(space)).collect::<String>()
    };
    axes.iter().map(axis).collect::<Vec<_>>().join(" ")
}

/// A table, layer by layer.
fn expected(table: &[Row]) -> Vec<(String, Option<usize>, &'static [usize], &'static str)> {
    let layered = |row: &&Row| row.0.contains("{}");
    let first = table.iter().position(|row| layered(&row)).unwrap();
    let last = table.iter().rposition(|row| layered(&row)).unwrap();
    let plain = |row: &Row| (row.0.to_owned(), None, row.1, row.2);
    let mut rows: Vec<_> = table[..first].iter().map(plain).collect();
    for layer in 0..2 {
        let named = |row: &Row| (row.0.replace("{}", &layer.to_string()), Some(layer), row.1, row.2);
        rows.extend(table[first..=last].iter().map(named));
    }
    rows.extend(table[last + 1..].iter().map(plain));
    rows
}

#[test]
fn names_shapes_and_axes_are_as_written_down() {
    for (config, table) in tables() {
        let model = Model::new(config).unwrap();
        let found: Vec<_> = model
            .specs()
            .iter()
            .map(|spec| (spec.name.clone(), spec.layer, spec.shape.clone(), letters(&spec.axes, spec.layer)))
            .collect();
        let expected: Vec<_> = expected(table)
            .into_iter()
            .map(|(name, layer, shape, axes)| (name, layer, shape.to_vec(), axes.to_owned()))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_model_without_head_has_a_pooler_where_the_hubs_has_one() {
    let cases = [
        (Family::Bert, Naming::Hub, true),
        (Family::Roberta, Naming::Hub, true),
        (Family::Vit, Naming::Hub, true),
        (Family::Deit, Naming::Hub, true),
        (Family::Vit, Naming::Timm, false),
        (Family::Gpt2, Naming::Hub, false),
    ];
    for (family, naming, expected) in cases {
        let bare = ModelConfig { head: Some(Head::None), naming, num_labels: None, ..config(family) };
        let named = |config: ModelConfig| {
            Model::new(config).unwrap().specs().iter().any(|spec| spec.name == "pooler.dense.weight")
        };
        assert_eq!(named(bare.clone()), expected, "{family}, {naming:?}");
        if expected {
            assert!(!named(ModelConfig { pooler: Some(false), ..bare }), "{family}");
        }
    }
}

#[test]
fn a_checkpoint_stores_the_same_numbers_in_the_shape_that_others_expect() {
    let model = Model::new(config(Family::Vit)).unwrap();
    let stored = |name: &str| {
        let spec = model.specs().iter().find(|spec| spec.name == name).unwrap();
        assert_eq!(spec.stored_shape().iter().product::<usize>(), spec.elements());
        spec.stored_shape().to_vec()
    };
    assert_eq!(stored("vit.embeddings.cls_token"), [1, 1, H]);
    assert_eq!(stored("vit.embeddings.position_embeddings"), [1, 5, H]);
    assert_eq!(stored("vit.embeddings.patch_embeddings.projection.weight"), [H, 3, 2, 2]);
    assert_eq!(stored("classifier.weight"), [5, H]);
}

#[test]
fn the_spaces_of_an_axis_fill_it() {
    for config in all() {
        let width = |axis: &Axis| axis.spaces.iter().map(|&space| config.space(space).width()).sum();
        for spec in Model::new(config.clone()).unwrap().specs().iter() {
            let widths: Vec<usize> = spec.axes.iter().map(width).collect();
            assert_eq!(widths, spec.shape, "{}", spec.name);
        }
    }
}

#[test]
fn names_are_unique_and_modules_are_names_without_their_layer() {
    for config in all() {
        let model = Model::new(config).unwrap();
        let names: BTreeSet<&str> = model.specs().iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names.len(), model.specs().len());
        for spec in model.specs().iter() {
            let number = spec.layer.map_or(String::new(), |layer| layer.to_string());
            assert_eq!(spec.module.replace("{}", &number), spec.name);
            assert_eq!(spec.module.contains("{}"), spec.layer.is_some());
        }
    }
}

#[test]
fn matrices_decay_and_are_drawn_vectors_do_neither() {
    for config in all() {
        let images = config.family.reads_images();
        for spec in Model::new(config).unwrap().specs().iter() {
            let ParamSpec { name, init, .. } = spec;
            let positions = images && name.contains("pos");
            assert_eq!(spec.decay, spec.shape.len() == 2 && !positions, "{name}");
            let norm = ["ln_", "norm", "Norm"].iter().any(|part| name.contains(part)) && name.ends_with("weight");
            match spec.shape.len() {
                2 => assert!(matches!(init, Init::Normal(_)), "{name}"),
                _ if norm => assert_eq!(*init, Init::Ones, "{name}"),
                _ if name.ends_with("_token") => assert!(matches!(init, Init::Normal(_)), "{name}"),
                _ if name.contains("gamma") => assert_eq!(*init, Init::Constant(1e-5), "{name}"),
                _ => assert_eq!(*init, Init::Zeros, "{name}"),
            }
        }
    }
}

#[test]
fn the_published_sizes_have_the_published_numbers_of_weights() {
    let text = |family, hidden, layers, heads, vocab_size, max_position_embeddings| ModelConfig {
        vocab_size,
        max_position_embeddings,
        ..ModelConfig::new(family, hidden, layers, heads)
    };
    let roberta = text(Family::Roberta, 768, 12, 12, 50265, 514);
    let qwen2 = ModelConfig {
        num_key_value_heads: Some(2),
        intermediate_size: Some(4864),
        tie_word_embeddings: Some(true),
        ..text(Family::Qwen2, 896, 24, 14, 151_936, 32768)
    };
    let images = |family, hidden, layers, heads| ModelConfig::new(family, hidden, layers, heads);
    // `transformers`' num_parameters() of GPT2LMHeadModel, BertForMaskedLM, RobertaForMaskedLM (each by default), Qwen2-0.5B and
    // ViTForImageClassification (1000 classes); timm's cait_s24_224 and cait_xs24.
    let cases = [
        (text(Family::Gpt2, 768, 12, 12, 50257, 1024), 124_439_808),
        (text(Family::Bert, 768, 12, 12, 30522, 512), 109_514_298),
        (roberta, 124_697_433),
        (qwen2, 494_032_768),
        (images(Family::Vit, 768, 12, 12), 86_567_656),
        (images(Family::Cait, 384, 24, 8), 46_916_200),
        (images(Family::Cait, 288, 24, 6), 26_560_648),
    ];
    for (config, expected) in cases {
        assert_eq!(Model::new(config.clone()).unwrap().parameter_count(), expected, "{config:?}");
    }
}
