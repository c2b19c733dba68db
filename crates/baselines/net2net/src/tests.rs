//! The defining property: the function is preserved, by copies but for what norms see, by identities always.

use crate::{Draw, Net2Net, WiderDeeper};
use ligo_growth::testing::{config, difference, grown_by, pairs, scrambled, variants};
use ligo_growth::{
    Action, Growth, GrowthError, GrowthOperator, Guarantee, Method, Recipe, Result, Start, Task, WidthMap,
};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Role, Space};

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    Net2Net.recipe(&options.parse().unwrap(), &task(small, large))
}

fn guarantee(small: &ModelConfig, large: &ModelConfig, options: &str) -> Guarantee {
    Method::<Cpu>::guarantee(&Net2Net, &options.parse().unwrap(), &task(small, large)).unwrap()
}

fn change(small: &ModelConfig, large: &ModelConfig, options: &str) -> f32 {
    let recipe = recipe(small, large, options).unwrap();
    let small = Model::new(small.clone()).unwrap();
    let parameters = scrambled(&small, 1);
    let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
    difference(&small, &parameters, &large, &grown)
}

#[test]
fn a_random_draw_preserves_the_function_of_wider_mlps_and_deeper_nets() {
    for (name, small) in variants(2, 8, 2) {
        for (ffn, layers) in [(32, 5), (53, 2), (71, 3)] {
            let large = ModelConfig { intermediate_size: Some(ffn), num_hidden_layers: layers, ..small.clone() };
            for options in ["", "noise = 0.1"] {
                let difference = change(&small, &large, options);
                assert!(difference < 1e-5, "{name} {ffn} {layers} {options}: {difference}");
            }
            assert_eq!(guarantee(&small, &large, ""), Guarantee::Function, "{name}");
        }
    }
}

#[test]
fn a_balanced_draw_preserves_the_function_of_wider_streams_and_more_heads() {
    for (name, small, large) in pairs((2, 8, 2), (4, 24, 6)) {
        let difference = change(&small, &large, "draw = 'balanced'\nnoise = 0.1");
        assert!(difference < 1e-5, "{name}: {difference}");
        assert_eq!(guarantee(&small, &large, "draw = 'balanced'"), Guarantee::Function, "{name}");
    }
}

#[test]
fn norms_see_unequal_copies_and_nothing_worse_happens() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 12, 3));
        let difference = change(&small, &large, "");
        assert!((1e-4..1.5).contains(&difference), "{family}: {difference}");
        assert_eq!(
            guarantee(&small, &large, ""),
            Guarantee::Nothing("the norms see unequal numbers of copies".into()),
            "{family}"
        );
    }
}

/// `a · b` for `a` `[rows, inner]`.
fn product(a: &[f32], b: &[f32], inner: usize) -> Vec<f32> {
    let columns = b.len() / inner;
    let entry = |row: &[f32], c: usize| row.iter().enumerate().map(|(k, v)| v * b[k * columns + c]).sum();
    a.chunks_exact(inner).flat_map(|row| (0..columns).map(move |c| entry(row, c))).collect::<Vec<f32>>()
}

/// Equation 2 as it stands, on the MLP of GPT-2, whose matrices have inputs as rows.
#[test]
fn the_grown_map_is_the_product_of_equation_2() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 12, 3));
    let (device, draw) = (Cpu::default(), Draw::Random);
    let width = WidthMap::copies(&small, &large, draw, 7).unwrap();
    let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
    let parameters = scrambled(&small, 1);
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let grown = WiderDeeper { draw, noise: 0.0 }.grow(&growth).unwrap();
    // [I S] as g: g(i) = i on the old range.
    let source = |space: Space, d: usize, wide: usize| -> Vec<usize> {
        let ligo_growth::Expansion::Select { from, .. } = width.get(space).unwrap().expansion(Role::Produces) else {
            panic!("copies are a selection")
        };
        let g: Vec<usize> = from.iter().map(|j| j.unwrap()).collect();
        assert_eq!((g.len(), &g[..d]), (wide, &(0..d).collect::<Vec<_>>()[..]));
        g
    };
    let (g_in, g_out) = (source(Space::Embed, 8, 12), source(Space::Ffn(0), 32, 48));
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    // [I; Sᵀ] D⁻¹ is [12, 8], [I S] is [32, 48].
    let count = |j: usize| g_in.iter().filter(|&&k| k == j).count() as f32;
    let left: Vec<f32> =
        g_in.iter().flat_map(|&g| (0..8).map(move |j| (g, j))).map(|(g, j)| one(g == j) / count(j)).collect();
    let right: Vec<f32> = (0..32).flat_map(|j| g_out.iter().map(move |&g| one(g == j))).collect();
    let name = "transformer.h.0.mlp.c_fc.weight";
    let expected = product(&product(&left, &parameters.get(name).unwrap().as_vec(), 8), &right, 32);
    for (i, (found, expected)) in grown.get(name).unwrap().as_vec().iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() < 1e-6, "[{i}]: {found} not {expected}");
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    let recipe = recipe(&small, &large, "").unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == large));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn heads_of_another_length_and_options_that_do_not_fit_are_named() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 12, 2));
    let heads = recipe(&small, &large, "").unwrap_err().to_string();
    assert!(heads.contains("num_attention_heads: the large model has 2 (heads of 6), expected heads of 4"), "{heads}");
    for (text, option) in [("draw = 'even'", "draw"), ("noise = -1", "noise"), ("depth = 'stack'", "depth")] {
        let error = recipe(&small, &large, text).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option: found, .. } if found == option), "{text}: {error}");
    }
}
