//! What the method promises, on every family. Put the properties of yours in the place of these.

use crate::MyMethod;
use ligo_growth::testing::{assert_layers, config, difference, grown_by, pairs, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    MyMethod.recipe(&options.parse().unwrap(), &task(small, large))
}

fn guarantee(small: &ModelConfig, large: &ModelConfig, options: &str) -> Guarantee {
    Method::<Cpu>::guarantee(&MyMethod, &options.parse().unwrap(), &task(small, large)).unwrap()
}

#[test]
fn where_no_width_grows_each_layer_is_the_small_one_that_the_guarantee_names() {
    for (options, layers) in [("", [0, 1, 0, 1, 0]), ("order = 'interpolate'", [0, 0, 0, 1, 1])] {
        for (name, small, large) in pairs((2, 8, 2), (5, 8, 2)) {
            assert_eq!(guarantee(&small, &large, options), Guarantee::Layers(layers.to_vec()), "{name}");
            let recipe = recipe(&small, &large, options).unwrap();
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
            assert_layers(&parameters, &grown, &layers);
        }
    }
}

#[test]
fn the_function_is_preserved_where_every_coordinate_has_equally_many_copies() {
    for (name, small, large) in pairs((2, 8, 2), (2, 16, 4)) {
        let recipe = recipe(&small, &large, "").unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
        let difference = difference(&small, &parameters, &large, &grown);
        assert!(difference < 1e-5, "{name}: {difference}");
    }
}

#[test]
fn what_it_cannot_do_is_told_by_name() {
    let refused = |large: ModelConfig, options: &str| {
        let refused = recipe(&config(Family::Gpt2, 2, 8, 2), &large, options);
        match refused.unwrap_err() {
            GrowthError::Sizes { what, .. } => what,
            GrowthError::Option { option, .. } => option,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(config(Family::Gpt2, 4, 12, 3), "ordre = 'stack'"), "ordre");
    assert_eq!(refused(config(Family::Gpt2, 1, 8, 2), ""), "num_hidden_layers");
    assert_eq!(refused(config(Family::Gpt2, 2, 12, 2), ""), "num_attention_heads");
}
