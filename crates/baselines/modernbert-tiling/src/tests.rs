//! Every entry is the small one at g of its row and of its column; layers are spread evenly.

use crate::ModernBertTiling;
use ligo_growth::testing::{assert_layers, config, difference, grown_by, pairs, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Axis, Family, Model, ModelConfig, Space};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    ModernBertTiling.recipe(&options.parse().unwrap(), &task)
}

/// What is tiled as one, in coordinates.
fn block(space: Space, small: &ModelConfig, large: &ModelConfig, heads: &str) -> usize {
    let sharing = small.num_attention_heads / small.num_key_value_heads();
    match space {
        _ if heads == "cut" || small.head_dim() != large.head_dim() => 1,
        Space::Query(_) | Space::Context(_) => sharing * small.head_dim(),
        Space::Key(_) | Space::Value(_) => small.head_dim(),
        _ => 1,
    }
}

/// g of an axis: its spaces one after the other, each tiled for itself.
fn tiled(axis: &Axis, small: &ModelConfig, large: &ModelConfig, heads: &str) -> Vec<usize> {
    let (mut map, mut before) = (Vec::new(), 0);
    for &space in &axis.spaces {
        let (from, to) = (small.space(space).width(), large.space(space).width());
        let block = block(space, small, large, heads);
        let (d, off) = ((from / block) as isize, ((to / block - from / block) / 2) as isize);
        let g = |j: usize| ((j / block) as isize - off).rem_euclid(d) as usize * block + j % block;
        map.extend((0..to).map(|j| before + g(j)));
        before += from;
    }
    map
}

/// Every entry of every parameter, at two layers on both sides.
fn assert_tiled(name: &str, small: ModelConfig, large: ModelConfig, heads: &str) {
    let recipe = recipe(&format!("heads = '{heads}'"), &small, &large).unwrap();
    let model = Model::new(small.clone()).unwrap();
    let parameters = scrambled(&model, 1);
    let (_, grown) = grown_by(&recipe, &model, &parameters, 7);
    for (spec, new) in grown.specs().iter().zip(grown.tensors()) {
        let (old, new) = (parameters.get(&spec.name).unwrap().as_vec(), new.as_vec());
        let maps: Vec<Vec<usize>> = spec.axes.iter().map(|axis| tiled(axis, &small, &large, heads)).collect();
        let (rows, columns) = match &maps[..] {
            [rows, columns] => (&rows[..], columns),
            [only] => (&[0][..], only),
            _ => panic!("{}: {} axes", spec.name, maps.len()),
        };
        // A map takes from every small coordinate.
        let stride = columns.iter().max().map_or(0, |last| last + 1);
        let expected = |i: usize| old[rows[i / columns.len()] * stride + columns[i % columns.len()]];
        assert_eq!(new.len(), rows.len() * columns.len(), "{name} {}", spec.name);
        for (i, value) in new.iter().enumerate() {
            assert_eq!(*value, expected(i), "{name}, {heads}: {} [{i}]", spec.name);
        }
    }
}

#[test]
fn every_entry_is_the_small_one_at_the_tiled_row_and_column_undivided() {
    for heads in ["whole", "cut"] {
        // Off is two heads; of grouped models one key head.
        for (name, small, large) in pairs((2, 16, 4), (2, 32, 8)) {
            assert_tiled(&name, small, large, heads);
        }
        for family in Family::ALL {
            // 2 heads of 4 to 3: off is half a head where heads are cut.
            if heads == "whole" || !family.is_llama_style() {
                assert_tiled(family.name(), config(family, 2, 8, 2), config(family, 2, 12, 3), heads);
            }
            // Longer heads.
            if !family.is_llama_style() {
                assert_tiled(family.name(), config(family, 2, 8, 2), config(family, 2, 12, 2), heads);
            }
        }
    }
}

#[test]
fn cut_heads_and_whole_ones_are_one_where_off_is_whole_heads() {
    let grown = |heads: usize, options: &str| {
        let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 4 * heads, heads));
        let recipe = recipe(options, &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let (_, grown) = grown_by(&recipe, &small, &scrambled(&small, 1), 7);
        grown.get("transformer.h.0.attn.c_attn.weight").unwrap().as_vec()
    };
    for (heads, offset, same) in [(3, "centre", false), (3, "edge", true), (4, "centre", true), (5, "centre", false)] {
        let [whole, cut] =
            ["whole", "cut"].map(|value| grown(heads, &format!("offset = '{offset}'\nheads = '{value}'")));
        assert_eq!(whole == cut, same, "{heads} heads, {offset}");
    }
}

#[test]
fn rotary_heads_are_not_cut() {
    let refused = |small: &ModelConfig, large: &ModelConfig, options: &str| {
        let error = recipe(options, small, large).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == "heads"), "{error}");
        error.to_string()
    };
    for family in Family::ALL.into_iter().filter(|family| family.is_llama_style()) {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 12, 3));
        let message = refused(&small, &large, "heads = 'cut'");
        assert!(message.contains("tiles 2 key heads to 3 from the middle of a head"), "{message}");
        refused(&small, &large, "heads = 'cut'\naround = 'fresh'");
        // What the message says would do.
        for options in ["heads = 'whole'", "heads = 'cut'\noffset = 'edge'"] {
            assert!(recipe(options, &small, &large).is_ok(), "{options}");
        }
        // 4 query heads to 6, two to each key head: they would stay whole, their 2 key heads to 3 not.
        let grouped =
            |hidden, heads| ModelConfig { num_key_value_heads: Some(heads / 2), ..config(family, 2, hidden, heads) };
        refused(&grouped(16, 4), &grouped(24, 6), "heads = 'cut'");
        assert!(recipe("heads = 'cut'", &grouped(16, 4), &grouped(32, 8)).is_ok());
    }
}

#[test]
fn layers_are_spread_evenly_in_every_family() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 5, 8, 2));
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        assert_layers(&parameters, &grown_by(&recipe, &small, &parameters, 7).1, &[0, 0, 1, 1, 1]);
    }
}

#[test]
fn nothing_is_preserved_and_everything_is_finite_in_every_family() {
    for options in ["", "offset = 'edge'", "around = 'fresh'", "heads = 'cut'\noffset = 'edge'"] {
        for (name, small, large) in pairs((2, 8, 2), (3, 24, 6)) {
            let recipe = recipe(options, &small, &large).unwrap();
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
            let difference = difference(&small, &parameters, &model, &grown);
            assert!(difference.is_finite() && difference > 1e-3, "{name} {options}: {difference}");
        }
    }
}

#[test]
fn what_lies_around_a_fresh_start_is_the_large_models_own() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 16, 4));
    let recipe = recipe("around = 'fresh'", &small, &large).unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
    let fresh = model.fresh(&Cpu::default(), 7).unwrap();
    let values = [&parameters, &grown, &fresh].map(|set| set.get("transformer.wte.weight").unwrap().as_vec());
    let [old, new, fresh] = values;
    for (i, value) in new.iter().enumerate() {
        let (row, column) = (i / 16, i % 16);
        let expected = if (4..12).contains(&column) { old[row * 8 + column - 4] } else { fresh[i] };
        assert_eq!(*value, expected, "({row}, {column})");
    }
}

#[test]
fn heads_of_another_length_are_tiled_by_coordinates() {
    let (small, large) = (config(Family::Bert, 1, 8, 2), config(Family::Bert, 1, 12, 2));
    let recipe = recipe("", &small, &large).unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
    let bias = "bert.encoder.layer.0.attention.self.key.bias";
    let (old, new) = (parameters.get(bias).unwrap().as_vec(), grown.get(bias).unwrap().as_vec());
    assert_eq!(new, [6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1].map(|j: usize| old[j]));
}

#[test]
fn smaller_models_and_unknown_values_are_refused_and_layers_are_all_that_is_promised() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let error = recipe("", &large, &small).unwrap_err();
    assert!(matches!(&error, GrowthError::Sizes { .. }), "{error}");
    let error = recipe("offset = 'center'", &small, &large).unwrap_err();
    assert!(matches!(&error, GrowthError::Option { option, .. } if option == "offset"), "{error}");
    let error = recipe("heads = 'split'", &small, &large).unwrap_err();
    assert!(matches!(&error, GrowthError::Option { option, .. } if option == "heads"), "{error}");
    let task = Task { small, large, steps: 600 };
    let guarantee = Method::<Cpu>::guarantee(&ModernBertTiling, &toml::Table::new(), &task).unwrap();
    assert_eq!(guarantee, Guarantee::Layers(vec![0, 1, 1]));
}
