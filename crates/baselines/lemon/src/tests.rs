//! The defining property: the large model computes what the small one does, whatever its sizes.

use crate::{Lemon, Lossless, grown_config};
use ligo_growth::testing::{config, difference, distance, gradients, grown_by, inputs, scrambled, variants};
use ligo_growth::{
    Action, Growth, GrowthError, GrowthOperator, Guarantee, Method, Moments, Recipe, Result, Start, Task,
};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Naming, Part};

/// Sizes that a large model may have: hidden size, heads, MLP neurons, layers.
type Sizes = (usize, usize, usize, usize);

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    Lemon.recipe(&options.parse().unwrap(), &task)
}

/// The same kind of model in other sizes; rotary heads keep their length, and as many share keys and values.
fn sized(small: &ModelConfig, (hidden_size, heads, ffn, layers): Sizes) -> ModelConfig {
    let sharing = small.num_attention_heads / small.num_key_value_heads();
    let llama = small.family.is_llama_style();
    let class_ffn = (small.family == Family::Cait).then_some(ffn + 5);
    ModelConfig {
        hidden_size,
        num_attention_heads: heads / sharing * sharing,
        num_key_value_heads: llama.then_some(heads / sharing),
        head_dim: llama.then_some(small.head_dim()),
        intermediate_size: Some(ffn),
        class_intermediate_size: class_ffn,
        num_hidden_layers: layers,
        ..small.clone()
    }
}

fn change(small: &ModelConfig, large: &ModelConfig, options: &str) -> f32 {
    let recipe = recipe(small, large, options).unwrap();
    let small = Model::new(small.clone()).unwrap();
    let parameters = scrambled(&small, 1);
    let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
    difference(&small, &parameters, &large, &grown)
}

#[test]
fn the_function_is_preserved_for_any_sizes() {
    let cases: [Sizes; 8] = [
        (8, 2, 33, 2),   // a neuron more
        (8, 4, 32, 2),   // heads alone; shorter ones where they are hidden_size / heads, so not in every family
        (12, 3, 50, 3),  // half as wide again
        (16, 4, 64, 4),  // twice
        (20, 4, 70, 2),  // two and a half times, with longer heads
        (20, 10, 37, 5), // and with more of them
        (26, 2, 32, 3),  // three and a quarter
        (36, 6, 99, 7),
    ];
    for (name, small) in variants(2, 8, 2) {
        let post_norm = matches!(small.family, Family::Bert | Family::Roberta);
        for sizes in cases {
            let large = sized(&small, sizes);
            let fits = (sizes.0.is_multiple_of(8) || !post_norm) && large.head_dim() >= small.head_dim();
            if !fits {
                continue;
            }
            for options in ["", "noise = 0"] {
                let difference = change(&small, &large, options);
                assert!(difference < 1e-5, "{name} {sizes:?} {options}: {difference}");
            }
        }
    }
}

#[test]
fn every_family_grows_in_most_of_those_ways() {
    // The table above skips what cannot be; this counts what it does not.
    let rotary = sized(&config(Family::Llama, 2, 8, 2), (9, 3, 33, 3));
    assert_eq!((rotary.head_dim(), rotary.hidden_size), (4, 9));
    for family in Family::ALL.into_iter().filter(|family| family.is_llama_style()) {
        let small = config(family, 2, 8, 2);
        for sizes in [(9, 2, 32, 2), (9, 3, 33, 3), (15, 5, 47, 2), (23, 2, 32, 5)] {
            // A Llama's hidden size is a multiple of its heads, whatever their length.
            if family == Family::Llama && sizes.0 % sizes.1 != 0 {
                continue;
            }
            let difference = change(&small, &sized(&small, sizes), "");
            assert!(difference < 1e-5, "{family} {sizes:?}: {difference}");
        }
    }
    for family in [Family::Gpt2, Family::Vit, Family::Deit, Family::Cait] {
        let small = config(family, 2, 8, 2);
        for sizes in [(10, 2, 32, 2), (15, 3, 33, 3), (21, 3, 47, 2)] {
            let difference = change(&small, &sized(&small, sizes), "");
            assert!(difference < 1e-5, "{family} {sizes:?}: {difference}");
        }
    }
}

#[test]
fn an_epsilon_that_counts_changes_with_the_width() {
    for (name, small) in variants(2, 8, 2).into_iter().filter(|(_, small)| small.naming == Naming::Hub) {
        let small = ModelConfig { layer_norm_eps: Some(0.05), ..small };
        let hidden = if matches!(small.family, Family::Bert | Family::Roberta) { 16 } else { 20 };
        let large = sized(&small, (hidden, hidden / 4, 40, 2));
        let difference = change(&small, &large, "");
        assert!(difference < 1e-5, "{name}: {difference}");
        let expected = if hidden == 16 { 0.05 } else { 0.05 * 16.0 / 20.0 };
        assert!((grown_config(&small, &large).unwrap().layer_norm_eps() - expected).abs() < 1e-8, "{name}");
    }
}

#[test]
fn noise_makes_copies_unequal_and_none_leaves_them_equal() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 16, 4));
    let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
    let (device, parameters) = (Cpu::default(), scrambled(&small, 1));
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let name = "transformer.h.0.mlp.c_fc.weight";
    let old = parameters.get(name).unwrap().as_vec();
    for noise in [0.0, 0.1] {
        let new = Lossless { noise }.grow(&growth).unwrap().get(name).unwrap().as_vec();
        // Inputs are rows: 8 and their copies, each to 64 neurons.
        for (i, j) in (0..8).flat_map(|i| (0..32).map(move |j| (i, j))) {
            let (first, second, whole) = (new[i * 64 + j], new[(i + 8) * 64 + j], old[i * 32 + j]);
            assert!((first + second - whole).abs() < 1e-6, "({i}, {j})");
            assert_eq!(first == second, noise == 0.0, "({i}, {j})");
            assert!((first / whole - 0.5).abs() < 0.25, "({i}, {j}): a share of {}", first / whole);
        }
    }
}

#[test]
fn gradients_of_the_large_model_are_the_small_ones_grown() {
    let device = Cpu::default();
    for (name, small) in variants(2, 8, 2) {
        // Copies throughout; heads 2 to 6, so that they and the stream are copied in different numbers.
        let (heads, hidden) = if small.family.is_llama_style() { (6, 24) } else { (4, 16) };
        let large = sized(&small, (hidden, heads, 77, 4));
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = Lossless { noise: 0.0 }.grow(&growth).unwrap();
        let ((_, first), (_, mut own)) = (gradients(&small, &parameters), gradients(&large, &grown));
        // What is silent cannot know.
        for ((i, spec), tensor) in large.specs().iter().enumerate().zip(own.tensors_mut()) {
            let silent = spec.layer.is_some_and(|layer| layer % 2 == 1);
            let zero = match large.part(i) {
                Part::AttentionOutput | Part::MlpOutput => silent,
                Part::AttentionNorm => large.is_post_norm() && silent,
                Part::MlpNorm => large.is_post_norm() && !silent && spec.layer.is_some(),
                _ => false,
            };
            if zero {
                tensor.copy_from(&vec![0.0; spec.elements()]);
            }
        }
        let moments = Moments { second: first.clone(), first, steps: 1 };
        let moments = Lossless { noise: 0.0 }.grow_moments(&growth, &moments).unwrap().expect("maps for moments");
        let distance = distance(&moments.first, &own);
        assert!(distance < 1e-4, "{name}: {distance}");
    }
}

#[test]
fn what_reads_the_rest_is_fresh_and_reads_zeros() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 12, 3));
    let to = grown_config(&small, &large).unwrap();
    let (small, large) = (Model::new(small).unwrap(), Model::new(to).unwrap());
    let (device, parameters) = (Cpu::default(), scrambled(&small, 1));
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let mut grown = Lossless::default().grow(&growth).unwrap();
    let fresh = large.fresh(&device, 7).unwrap();
    let name = "transformer.h.0.attn.c_attn.weight";
    assert_eq!(grown.get(name).unwrap().as_vec()[8 * 36..], fresh.get(name).unwrap().as_vec()[8 * 36..]);
    // Whatever stands there, nothing changes.
    let position = grown.specs().iter().position(|spec| spec.name == name).unwrap();
    let mut values = grown.tensors()[position].as_vec();
    values[8 * 36..].fill(1.0);
    grown.tensors_mut()[position].copy_from(&values);
    assert!(difference(&small, &parameters, &large, &grown) < 1e-5);
    assert!(large.logits(&grown, &inputs(Family::Gpt2)).is_ok());
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    let recipe = recipe(&small, &large, "").unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    let eps = (1e-5 * (8.0 / 12.0)) as f32;
    assert!(matches!(&grow.action, Action::Grow { to, .. } if to.layer_norm_eps() == eps && to.hidden_size == 12));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
    let task = Task { small, large, steps: 600 };
    assert_eq!(Method::<Cpu>::guarantee(&Lemon, &toml::Table::new(), &task).unwrap(), Guarantee::Function);
}

#[test]
fn what_cannot_be_lossless_is_refused_by_name() {
    let bert = |hidden, heads| config(Family::Bert, 2, hidden, heads);
    let gpt2 = |hidden, heads| config(Family::Gpt2, 2, hidden, heads);
    let cases = [
        (
            bert(8, 2),
            bert(12, 3),
            "hidden_size: the large model has 12, expected a multiple of 8 for lossless growth of bert",
        ),
        (
            gpt2(8, 2),
            gpt2(8, 4),
            "num_attention_heads: the large model has 4 (heads of 2), expected at least 2 heads of at least 4",
        ),
        (gpt2(8, 4), gpt2(12, 3), "num_attention_heads: the large model has 3, expected at least 4"),
        (gpt2(8, 2), gpt2(4, 1), "hidden_size: the large model has 4, expected at least 8"),
    ];
    for (small, large, expected) in cases {
        let message = recipe(&small, &large, "").unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let unchanged = Model::new(gpt2(12, 3)).unwrap();
    let (small, device) = (Model::new(gpt2(8, 2)).unwrap(), Cpu::default());
    let parameters = scrambled(&small, 1);
    let growth = Growth { small: &small, parameters: &parameters, large: &unchanged, device: &device, seed: 7 };
    let message = Lossless::default().grow(&growth).unwrap_err().to_string();
    assert!(message.contains("layer_norm_eps: the large model has 0.00001, expected 0.0000066"), "{message}");
}

#[test]
fn options_that_do_not_fit_are_named() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 16, 4));
    for (text, option) in [("noise = -0.1", "noise"), ("noise = nan", "noise"), ("nois = 0.1", "nois")] {
        let error = recipe(&small, &large, text).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option: found, .. } if found == option), "{text}: {error}");
    }
}
