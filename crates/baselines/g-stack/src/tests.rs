//! Layer i of the large model is layer i mod L1 of the small one, norms and all.

use crate::GStack;
use ligo_growth::testing::{assert_layers, config, difference, grown_by, scrambled};
use ligo_growth::{GrowthError, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    GStack.recipe(&options.parse().unwrap(), &task)
}

#[test]
fn the_whole_model_is_stacked_k_times_norms_and_all() {
    let cases: [(usize, usize, &[usize]); 3] =
        [(2, 8, &[0, 1, 0, 1, 0, 1, 0, 1]), (3, 6, &[0, 1, 2, 0, 1, 2]), (2, 2, &[0, 1])];
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
fn every_copy_is_widened_alike() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 4, 12, 3));
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let (_, grown) = grown_by(&recipe, &small, &scrambled(&small, 1), 7);
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            if let Some(layer) = spec.layer {
                let first = spec.module.replace("{}", &(layer % 2).to_string());
                assert_eq!(tensor.as_vec(), grown.get(&first).unwrap().as_vec(), "{}", spec.name);
            }
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
fn a_depth_that_is_no_multiple_is_refused_with_those_that_are() {
    let error = recipe("", &config(Family::Gpt2, 3, 8, 2), &config(Family::Gpt2, 8, 8, 2)).unwrap_err();
    assert!(matches!(&error, GrowthError::Sizes { what, .. } if what == "num_hidden_layers"), "{error}");
    for part in ["the large model has 8", "a multiple of the small model's 3", "6 or 9", "bert2bert"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn heads_of_another_length_and_unknown_options_are_refused() {
    let small = config(Family::Gpt2, 2, 8, 2);
    let heads = recipe("", &small, &config(Family::Gpt2, 4, 16, 2)).unwrap_err();
    assert!(matches!(&heads, GrowthError::Sizes { what, .. } if what == "num_attention_heads"), "{heads}");
    let option = recipe("k = 4", &small, &config(Family::Gpt2, 4, 8, 2)).unwrap_err();
    assert!(matches!(&option, GrowthError::Option { option, .. } if option == "k"), "{option}");
}
