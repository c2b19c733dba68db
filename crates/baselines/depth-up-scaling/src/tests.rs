//! The exact layer list: two copies without their inner ends.

use crate::{DepthUpScaling, layers};
use ligo_growth::testing::{assert_layers, config, difference, grown_by, scrambled};
use ligo_growth::{GrowthError, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    DepthUpScaling.recipe(&options.parse().unwrap(), &task)
}

#[test]
fn solars_32_layers_become_48_without_8_at_either_inner_end() {
    let expected: Vec<usize> = (0..24).chain(8..32).collect();
    assert_eq!(layers(32, 48, None).unwrap(), expected);
    assert_eq!(layers(32, 48, Some(8)).unwrap(), expected);
}

#[test]
fn the_copies_meet_where_the_dropped_layers_were() {
    let cases: [(usize, usize, &[usize]); 4] =
        [(3, 4, &[0, 1, 1, 2]), (2, 4, &[0, 1, 0, 1]), (4, 6, &[0, 1, 2, 1, 2, 3]), (3, 3, &[0, 1, 2])];
    for family in Family::ALL {
        for (from, to, layers) in cases {
            let (small, large) = (config(family, from, 8, 2), config(family, to, 8, 2));
            let recipe = recipe("", &small, &large).unwrap();
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
            assert_eq!(*model.config(), large);
            assert_layers(&parameters, &grown, layers);
        }
    }
}

#[test]
fn widths_grow_by_fpi_which_preserves_the_function_where_the_depth_stays() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 16, 4));
        let recipe = recipe("draw = 'balanced'", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
        let difference = difference(&small, &parameters, &model, &grown);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

#[test]
fn depths_that_two_equal_parts_do_not_make_are_refused() {
    let cases = [
        ("", 4, 7, "num_hidden_layers: the large model has 7, expected an even number of at most 8"),
        ("", 4, 10, "num_hidden_layers: the large model has 10, expected an even number of at most 8"),
        ("drop = 2", 4, 6, "option drop: found 2, expected 1, as 2 · (4 − 1) layers make the large 6"),
        ("drop = 1", 3, 3, "num_hidden_layers: the large model has 3, expected an even number of at most 6"),
        ("m = 1", 4, 6, "option m: unknown"),
    ];
    for (options, from, to, expected) in cases {
        let (small, large) = (config(Family::Gpt2, from, 8, 2), config(Family::Gpt2, to, 8, 2));
        let message = recipe(options, &small, &large).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let heads = recipe("", &config(Family::Gpt2, 2, 8, 2), &config(Family::Gpt2, 4, 16, 2)).unwrap_err();
    assert!(matches!(&heads, GrowthError::Sizes { what, .. } if what == "num_attention_heads"), "{heads}");
}
