//! The small block is in the corner, everything else is fresh.

use crate::{CornerCopy, DirectCopy};
use ligo_growth::testing::config;
use ligo_growth::{Action, Growth, GrowthError, GrowthOperator, Method, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model};

/// The parts of an axis that hold small coordinates: queries, keys and values in one have three, of 8 in 12; every other axis one.
fn small_coordinate(small: usize, large: usize, i: usize) -> Option<usize> {
    let parts = if small == 24 { 3 } else { 1 };
    let (from, to) = (small / parts, large / parts);
    (i % to < from).then_some(i / to * from + i % to)
}

#[test]
fn each_weight_has_its_stacked_small_one_in_the_corner_and_the_models_own_start_around_it() {
    let device = Cpu::default();
    for family in Family::ALL {
        let small = Model::new(config(family, 2, 8, 2)).unwrap();
        let large = Model::new(config(family, 5, 12, 3)).unwrap();
        let parameters = small.fresh(&device, 1).unwrap();
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = CornerCopy.grow(&growth).unwrap();
        let fresh = large.fresh(&device, 7).unwrap();
        for ((spec, tensor), fresh) in grown.specs().iter().zip(grown.tensors()).zip(fresh.tensors()) {
            let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| i % 2).to_string());
            let position = parameters.specs().iter().position(|spec| spec.name == source).unwrap();
            let (small_rows, small_columns) = parameters.specs()[position].matrix_shape();
            let (rows, columns) = spec.matrix_shape();
            let (old, new, fresh) = (parameters.tensors()[position].as_vec(), tensor.as_vec(), fresh.as_vec());
            for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                let expected =
                    match (small_coordinate(small_rows, rows, r), small_coordinate(small_columns, columns, c)) {
                        (Some(i), Some(j)) => old[i * small_columns + j],
                        _ => fresh[r * columns + c],
                    };
                assert_eq!(new[r * columns + c], expected, "{} ({r}, {c})", spec.name);
            }
        }
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let task = Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, 4, 12, 3), steps: 600 };
    let recipe = Method::<Cpu>::recipe(&DirectCopy, &toml::Table::new(), &task).unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == task.large));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn options_and_smaller_models_are_refused() {
    let task = Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, 1, 8, 2), steps: 600 };
    let recipe = |text: &str| Method::<Cpu>::recipe(&DirectCopy, &text.parse().unwrap(), &task).unwrap_err();
    assert!(matches!(recipe("std = 0.1"), GrowthError::Option { option, .. } if option == "std"));
    assert!(matches!(recipe(""), GrowthError::Sizes { what, .. } if what == "num_hidden_layers"));
}
