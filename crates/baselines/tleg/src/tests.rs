//! Layers along a straight line, which is the one through the small model's.

use crate::{Gene, Tleg, depth};
use ligo_growth::testing::{assert_layers, config, difference, grown_by, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    Tleg.recipe(&options.parse().unwrap(), &task)
}

#[test]
fn a_pair_is_ligos_depth_mix_with_weights_1_and_i_over_l() {
    let line = depth(Gene::Pair, 2, 5).unwrap();
    for i in 0..5 {
        let weights = &line.matrix()[2 * i..][..2];
        assert_eq!(weights, [1.0, i as f32 / 5.0], "layer {i}");
    }
}

#[test]
fn every_large_layer_is_theta_b_plus_its_share_of_theta_a_norms_and_biases_included() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 4, 8, 2));
        let recipe = recipe("gene = 'pair'", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            let Some(i) = spec.layer else { continue };
            let of = |layer: &str| parameters.get(&spec.module.replace("{}", layer)).unwrap().as_vec();
            for ((b, a), value) in of("0").iter().zip(of("1")).zip(tensor.as_vec()) {
                let expected = b + i as f32 / 4.0 * a;
                assert!((value - expected).abs() < 1e-6, "{}: {value}, not {expected}", spec.name);
            }
        }
    }
}

/// The layers of `parameters` become θ_B + (j / L1) · θ_A, θ_B and θ_A being its first two.
fn onto_a_line(parameters: &mut Parameters<Cpu>, layers: usize) {
    let first = parameters.clone();
    let specs = parameters.specs().clone();
    for (spec, tensor) in specs.iter().zip(parameters.tensors_mut()) {
        let Some(j) = spec.layer else { continue };
        let of = |layer: &str| first.get(&spec.module.replace("{}", layer)).unwrap().as_vec();
        let at = j as f32 / layers as f32;
        tensor.copy_from(&of("0").iter().zip(of("1")).map(|(b, a)| b + at * a).collect::<Vec<_>>());
    }
}

#[test]
fn a_model_whose_layers_follow_a_line_gives_that_line_back() {
    for family in Family::ALL {
        let (small, large) = (config(family, 3, 8, 2), config(family, 6, 8, 2));
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let mut parameters = scrambled(&small, 1);
        onto_a_line(&mut parameters, 3);
        let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
        // Layer 2 j of 6 is where layer j of 3 is.
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            let Some(layer) = spec.layer.filter(|layer| layer % 2 == 0) else { continue };
            let source = parameters.get(&spec.module.replace("{}", &(layer / 2).to_string())).unwrap();
            for (value, expected) in tensor.as_vec().iter().zip(source.as_vec()) {
                assert!((value - expected).abs() < 1e-5, "{}: {value}, not {expected}", spec.name);
            }
        }
    }
}

#[test]
fn two_layers_lie_on_their_line_and_one_is_repeated() {
    for family in Family::ALL {
        let cases: [(usize, usize, &[usize]); 2] = [(2, 2, &[0, 1]), (1, 3, &[0, 0, 0])];
        for (from, to, layers) in cases {
            let (small, large) = (config(family, from, 8, 2), config(family, to, 8, 2));
            let recipe = recipe("", &small, &large).unwrap();
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            assert_layers(&parameters, &grown_by(&recipe, &small, &parameters, 7).1, layers);
        }
    }
    assert_eq!(depth(Gene::Fit, 2, 4).unwrap().matrix(), [1.0, 0.0, 0.5, 0.5, 0.0, 1.0, -0.5, 1.5]);
}

#[test]
fn no_line_lies_closer_to_the_small_layers() {
    // One number for each layer: the sum of squares of what the fitted line misses grows with every change of the line.
    let layers = [3.0_f64, -1.0, 4.0, 1.5, 0.0];
    let fitted = depth(Gene::Fit, 5, 5).unwrap().matrix();
    let line: Vec<f64> =
        fitted.chunks_exact(5).map(|row| row.iter().zip(layers).map(|(w, v)| f64::from(*w) * v).sum()).collect();
    let missed =
        |change: &dyn Fn(usize) -> f64| -> f64 { (0..5).map(|j| (line[j] + change(j) - layers[j]).powi(2)).sum() };
    let least = missed(&|_| 0.0);
    for step in [0.01, -0.01] {
        assert!(missed(&|_| step) > least && missed(&|j| step * j as f64) > least);
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
fn mixed_layers_promise_nothing_and_a_pair_is_of_two() {
    let task =
        |layers| Task { small: config(Family::Gpt2, layers, 8, 2), large: config(Family::Gpt2, 4, 8, 2), steps: 600 };
    let guarantee = Method::<Cpu>::guarantee(&Tleg, &toml::Table::new(), &task(2)).unwrap();
    assert!(matches!(guarantee, Guarantee::Nothing(_)), "{guarantee:?}");
    let error = Method::<Cpu>::recipe(&Tleg, &toml::toml! { gene = "pair" }, &task(3)).unwrap_err();
    assert!(matches!(&error, GrowthError::Option { option, .. } if option == "gene"), "{error}");
    assert!(error.to_string().contains("3 layers"), "{error}");
}
