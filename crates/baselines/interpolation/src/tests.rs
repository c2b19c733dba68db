//! Layer i of the large model is layer ⌊i / k⌋ of the small one.

use crate::Interpolation;
use ligo_growth::testing::{assert_layers, config, difference, grown_by, scrambled};
use ligo_growth::{Guarantee, Method, Recipe, Result, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    Interpolation.recipe(&options.parse().unwrap(), &task)
}

#[test]
fn every_layer_is_repeated_in_place_norms_and_all() {
    let cases: [(usize, usize, &[usize]); 4] =
        [(2, 6, &[0, 0, 0, 1, 1, 1]), (3, 3, &[0, 1, 2]), (2, 5, &[0, 0, 0, 1, 1]), (3, 4, &[0, 0, 1, 2])];
    for family in Family::ALL {
        for (from, to, layers) in cases {
            let (small, large) = (config(family, from, 8, 2), config(family, to, 8, 2));
            let recipe = recipe("", &small, &large).unwrap();
            assert_eq!(recipe.start, Start::Small);
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
fn what_is_guaranteed_follows_from_what_grows() {
    let guarantee = |options: &str, large: ModelConfig| {
        let task = Task { small: config(Family::Bert, 2, 8, 2), large, steps: 600 };
        Method::<Cpu>::guarantee(&Interpolation, &options.parse().unwrap(), &task).unwrap()
    };
    let balanced = "draw = 'balanced'";
    assert_eq!(guarantee("", config(Family::Bert, 4, 16, 4)), Guarantee::Layers(vec![0, 0, 1, 1]));
    assert_eq!(guarantee(balanced, config(Family::Bert, 2, 16, 4)), Guarantee::Function);
    assert!(matches!(guarantee("", config(Family::Bert, 2, 16, 4)), Guarantee::Nothing(_)));
}

#[test]
fn smaller_models_heads_of_another_length_and_unknown_options_are_refused() {
    let small = config(Family::Gpt2, 2, 8, 2);
    let cases = [
        ("", config(Family::Gpt2, 1, 8, 2), "num_hidden_layers: the large model has 1, expected at least 2"),
        ("", config(Family::Gpt2, 4, 16, 2), "num_attention_heads: the large model has 2 (heads of 8)"),
        ("k = 2", config(Family::Gpt2, 4, 8, 2), "method interpolation: option k: unknown"),
    ];
    for (options, large, expected) in cases {
        let message = recipe(options, &small, &large).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
