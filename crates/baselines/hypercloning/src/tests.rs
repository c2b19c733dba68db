//! The defining property: n copies side by side compute what one does, with noise or without.

use crate::{Cloning, HyperCloning};
use ligo_growth::testing::{config, difference, grown_by, pairs, scrambled};
use ligo_growth::{
    Action, DepthRule, Growth, GrowthError, GrowthOperator, Guarantee, Method, Recipe, Result, Start, Task,
};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters};

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    HyperCloning.recipe(&options.parse().unwrap(), &task(small, large))
}

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn change(small: &ModelConfig, large: &ModelConfig, options: &str) -> f32 {
    let recipe = recipe(small, large, options).unwrap();
    let small = Model::new(small.clone()).unwrap();
    let parameters = scrambled(&small, 1);
    let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
    difference(&small, &parameters, &large, &grown)
}

#[test]
fn the_function_is_preserved_with_noise_and_without() {
    for (hidden, heads) in [(16, 4), (24, 6), (32, 8)] {
        for (name, small, large) in pairs((2, 8, 2), (2, hidden, heads)) {
            for options in ["", "noise_db = 20", "noise_db = 10"] {
                let difference = change(&small, &large, options);
                assert!(difference < 1e-5, "{name} to {hidden}, {options}: {difference}");
            }
        }
    }
}

#[test]
fn each_width_may_have_a_factor_of_its_own() {
    for family in Family::ALL {
        let small = config(family, 2, 8, 2);
        let class_ffn = (family == Family::Cait).then_some(64);
        let wide = |ffn, heads, hidden_size| ModelConfig {
            intermediate_size: Some(ffn),
            class_intermediate_size: class_ffn,
            num_attention_heads: heads,
            hidden_size,
            head_dim: family.is_llama_style().then_some(4),
            ..small.clone()
        };
        let cases = [wide(96, 2, 8), wide(32, 4, 16), wide(160, 6, 24)];
        for large in cases {
            let difference = change(&small, &large, "noise_db = 15");
            assert!(difference < 1e-5, "{family} {} {}: {difference}", large.hidden_size, large.intermediate_size());
        }
    }
}

#[test]
fn depth_keeps_the_function_where_new_layers_are_silent_and_only_there() {
    for (name, small, large) in pairs((2, 8, 2), (5, 16, 4)) {
        let difference = change(&small, &large, "depth = 'identity'\nnoise_db = 20");
        assert!(difference < 1e-5, "{name}: {difference}");
        let guarantee = |text: &str| {
            Method::<Cpu>::guarantee(&HyperCloning, &text.parse().unwrap(), &task(&small, &large)).unwrap()
        };
        assert_eq!(guarantee("depth = 'identity'"), Guarantee::Function);
        assert_eq!(guarantee(""), Guarantee::Layers(vec![0, 1, 0, 1, 0]));
        assert_eq!(guarantee("depth = 'interpolate'"), Guarantee::Layers(vec![0, 0, 0, 1, 1]));
    }
}

struct Gpt2 {
    old: Vec<f32>,
    new: Vec<f32>,
}

/// GPT-2's map from the stream `[8, 32]` into the MLP, grown to n = `times` as wide with that noise.
fn inner_map(times: usize, noise_db: Option<f32>) -> Gpt2 {
    let device = Cpu::default();
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 8 * times, 2 * times));
    let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
    let parameters = scrambled(&small, 1);
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let grown = Cloning { noise_db, depth: DepthRule::Stack }.grow(&growth).unwrap();
    let weight = |set: &Parameters<Cpu>| set.get("transformer.h.0.mlp.c_fc.weight").unwrap().as_vec();
    Gpt2 { old: weight(&parameters), new: weight(&grown) }
}

#[test]
fn without_noise_every_block_is_the_small_map_divided() {
    let Gpt2 { old, new } = inner_map(2, None);
    for (i, j) in (0..16).flat_map(|i| (0..64).map(move |j| (i, j))) {
        assert_eq!(new[i * 64 + j], old[i % 8 * 32 + j % 32] / 2.0, "({i}, {j})");
    }
}

#[test]
fn noise_is_as_loud_as_asked_cancels_between_neighbours_and_spares_an_odd_last_block() {
    for times in [2, 3] {
        let Gpt2 { old, new } = inner_map(times, Some(20.0));
        let (wide, share) = (32 * times, 1.0 / times as f32);
        let noise = |i: usize, j: usize| new[i * wide + j] - old[i % 8 * 32 + j % 32] * share;
        let (mut loud, mut signal) = (0.0, 0.0);
        for (i, j) in (0..8).flat_map(|i| (0..wide).map(move |j| (i, j))) {
            assert!((noise(i, j) + noise(i + 8, j)).abs() < 1e-6, "({i}, {j})");
            assert!(times == 2 || noise(i + 16, j) == 0.0, "({i}, {j})");
            loud += noise(i, j).powi(2);
            signal += (new[i * wide + j] - noise(i, j)).powi(2);
        }
        let decibels = 10.0 * (signal / loud).log10();
        assert!((decibels - 20.0).abs() < 1.0, "{decibels}");
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let (small, large) = (config(Family::Llama, 2, 8, 2), config(Family::Llama, 4, 16, 4));
    let recipe = recipe(&small, &large, "").unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == large));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn sizes_that_are_no_multiples_are_refused_by_name() {
    let gpt2 = |hidden, heads| config(Family::Gpt2, 2, hidden, heads);
    let cases = [
        (gpt2(12, 3), "hidden_size: the large model has 12, expected a multiple of 8"),
        (gpt2(16, 2), "num_attention_heads: the large model has 2 (heads of 8), expected heads of 4"),
        (gpt2(16, 5), "num_attention_heads: the large model has 5, expected a multiple of 2"),
        (
            ModelConfig { intermediate_size: Some(48), ..gpt2(16, 4) },
            "intermediate_size: the large model has 48, expected a multiple of 32",
        ),
    ];
    for (large, expected) in cases {
        let message = recipe(&gpt2(8, 2), &large, "").unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 16, 4));
    for (text, option) in [("noise_db = inf", "noise_db"), ("depth = 'silent'", "depth"), ("noise = 20", "noise")] {
        let error = recipe(&small, &large, text).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option: found, .. } if found == option), "{text}: {error}");
    }
}
