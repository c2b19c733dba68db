//! What the models say about their parameters.

use crate::{FAMILIES, config, model};
use ligo_models::{Axis, Family, Init, ModelConfig, ParamSpec, Role, Space};
use std::collections::BTreeSet;

const V: usize = 13;
const H: usize = 6;
const F: usize = 11;
const P: usize = 7;

/// Every parameter of the two layers' models: name (layers as `{}`), shape, axes.
///
/// An axis is `+` (produces) or `-` (consumes) and the first letters of its spaces.
const GPT2: [(&str, &[usize], &str); 16] = [
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

const BERT: [(&str, &[usize], &str); 26] = [
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
        _ => panic!("{space} in layer {layer:?}"),
    };
    let axis = |axis: &Axis| {
        let sign = if axis.role == Role::Produces { '+' } else { '-' };
        std::iter::once(sign).chain(axis.spaces.iter().map(space)).collect::<String>()
    };
    axes.iter().map(axis).collect::<Vec<_>>().join(" ")
}

/// The table above, layer by layer.
fn expected(family: Family) -> Vec<(String, Option<usize>, &'static [usize], &'static str)> {
    let table: &[(&str, &[usize], &str)] = match family {
        Family::Gpt2 => &GPT2,
        Family::Bert => &BERT,
    };
    let layered = |row: &&(&'static str, &'static [usize], &'static str)| row.0.contains("{}");
    let first = table.iter().position(|row| layered(&row)).unwrap();
    let last = table.iter().rposition(|row| layered(&row)).unwrap();
    let plain = |row: &(&str, &'static [usize], &'static str)| (row.0.to_owned(), None, row.1, row.2);
    let mut rows: Vec<_> = table[..first].iter().map(plain).collect();
    for layer in 0..2 {
        let named = |row: &(&str, &'static [usize], &'static str)| {
            (row.0.replace("{}", &layer.to_string()), Some(layer), row.1, row.2)
        };
        rows.extend(table[first..=last].iter().map(named));
    }
    rows.extend(table[last + 1..].iter().map(plain));
    rows
}

#[test]
fn names_shapes_and_axes_are_as_written_down() {
    for family in FAMILIES {
        let model = model(family);
        let found: Vec<_> = model
            .specs()
            .iter()
            .map(|spec| (spec.name.clone(), spec.layer, spec.shape.clone(), letters(&spec.axes, spec.layer)))
            .collect();
        let expected: Vec<_> = expected(family)
            .into_iter()
            .map(|(name, layer, shape, axes)| (name, layer, shape.to_vec(), axes.to_owned()))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_spaces_of_an_axis_fill_it() {
    for family in FAMILIES {
        let width = |axis: &Axis| axis.spaces.iter().map(|&space| config(family).space(space).width()).sum();
        for spec in model(family).specs().iter() {
            let widths: Vec<usize> = spec.axes.iter().map(width).collect();
            assert_eq!(widths, spec.shape, "{}", spec.name);
        }
    }
}

#[test]
fn names_are_unique_and_modules_are_names_without_their_layer() {
    for family in FAMILIES {
        let model = model(family);
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
    for family in FAMILIES {
        for spec in model(family).specs().iter() {
            let ParamSpec { name, init, .. } = spec;
            assert_eq!(spec.decay, spec.shape.len() == 2, "{name}");
            let norm = name.contains("ln_") || name.contains("LayerNorm");
            match (spec.shape.len(), norm && name.ends_with("weight")) {
                (2, _) => assert!(matches!(init, Init::Normal(_)), "{name}"),
                (_, true) => assert_eq!(*init, Init::Ones, "{name}"),
                _ => assert_eq!(*init, Init::Zeros, "{name}"),
            }
        }
    }
}

#[test]
fn the_published_sizes_have_the_published_numbers_of_weights() {
    let base = |family, vocab_size, max_position_embeddings| ModelConfig {
        vocab_size,
        max_position_embeddings,
        hidden_size: 768,
        num_hidden_layers: 12,
        num_attention_heads: 12,
        intermediate_size: None,
        ..config(family)
    };
    // `transformers`' num_parameters() of GPT2LMHeadModel and BertForMaskedLM by their default configurations.
    let cases = [(base(Family::Gpt2, 50257, 1024), 124_439_808), (base(Family::Bert, 30522, 512), 109_514_298)];
    for (config, expected) in cases {
        assert_eq!(ligo_models::Model::new(config).unwrap().parameter_count(), expected);
    }
}
