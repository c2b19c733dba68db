//! Every entry is the small one at g of its row and of its column; layers are spread evenly.

use crate::ModernBertTiling;
use ligo_growth::testing::{assert_layers, config, difference, grown_by, pairs, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    ModernBertTiling.recipe(&options.parse().unwrap(), &task)
}

/// g of an axis that carries `parts` spaces, one after the other, in units of `unit` coordinates.
fn tiled(small: usize, large: usize, parts: usize, unit: usize, i: usize) -> usize {
    let (from, to) = (small / parts / unit, large / parts / unit);
    let (part, unit_of, offset) = (i / (to * unit), i / unit % to, i % unit);
    let off = ((to - from) / 2) as isize;
    let g = (unit_of as isize - off).rem_euclid(from as isize) as usize;
    part * from * unit + g * unit + offset
}

#[test]
fn every_entry_is_the_small_one_at_the_tiled_row_and_column_undivided() {
    // 8 to 12 by heads of 4: 2 heads to 3, off = 0 heads for attention, 2 coordinates for the residual stream.
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 12, 3));
    let recipe = recipe("", &small, &large).unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
    let plain = |small, large, i| tiled(small, large, 1, 1, i);
    let heads = |parts: usize| move |small, large, i| tiled(small, large, parts, 4, i);
    type Map = Box<dyn Fn(usize, usize, usize) -> usize>;
    let cases: [(&str, Map, Map); 5] = [
        ("transformer.wte.weight", Box::new(|_, _, i| i), Box::new(plain)),
        ("transformer.h.0.attn.c_attn.weight", Box::new(plain), Box::new(heads(3))),
        ("transformer.h.0.attn.c_proj.weight", Box::new(heads(1)), Box::new(plain)),
        ("transformer.h.0.mlp.c_fc.weight", Box::new(plain), Box::new(plain)),
        ("transformer.ln_f.weight", Box::new(|_, _, i| i), Box::new(plain)),
    ];
    for (name, row, column) in cases {
        let find = |specs: &[ligo_models::ParamSpec]| specs.iter().position(|spec| spec.name == name).unwrap();
        let (old, new) = (find(parameters.specs()), find(grown.specs()));
        let ((rows, columns), (wide_rows, wide_columns)) =
            (parameters.specs()[old].matrix_shape(), grown.specs()[new].matrix_shape());
        let (old, new) = (parameters.tensors()[old].as_vec(), grown.tensors()[new].as_vec());
        for (i, k) in (0..wide_rows).flat_map(|i| (0..wide_columns).map(move |k| (i, k))) {
            let expected = old[row(rows, wide_rows, i) * columns + column(columns, wide_columns, k)];
            assert_eq!(new[i * wide_columns + k], expected, "{name} ({i}, {k})");
        }
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
    for options in ["", "offset = 'edge'", "around = 'fresh'"] {
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
    let task = Task { small, large, steps: 600 };
    let guarantee = Method::<Cpu>::guarantee(&ModernBertTiling, &toml::Table::new(), &task).unwrap();
    assert_eq!(guarantee, Guarantee::Layers(vec![0, 1, 1]));
}
