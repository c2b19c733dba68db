//! The stages and what each doubling does.

use crate::StackBert;
use ligo_growth::{Action, Growth, GrowthError, Method, Recipe, Result, Start, Task, testing};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn config(family: Family, layers: usize) -> ModelConfig {
    testing::config(family, layers, 8, 2)
}

fn recipe(options: &str, layers: usize, steps: u64) -> Result<Recipe<Cpu>> {
    // The small model plays no part: it may be anything.
    let task = Task { small: config(Family::Bert, 1), large: config(Family::Gpt2, layers), steps };
    StackBert.recipe(&options.parse().unwrap(), &task)
}

/// Layers of the fresh start, then (layers, first step, steps) of each training stage.
fn outline(recipe: &Recipe<Cpu>) -> (usize, Vec<(usize, u64, u64)>) {
    let Start::Random(start) = &recipe.start else { panic!("a fresh start") };
    let mut layers = start.num_hidden_layers;
    let mut trained = Vec::new();
    for stage in &recipe.stages {
        match &stage.action {
            Action::Grow { to, .. } => layers = to.num_hidden_layers,
            Action::Train { steps, schedule_from, .. } => trained.push((layers, *schedule_from, *steps)),
            Action::Learn { .. } => panic!("stacking learns nothing"),
        }
    }
    (start.num_hidden_layers, trained)
}

#[test]
fn stages_double_the_depth_and_share_out_one_schedule() {
    let cases = [
        ("", 12, 400_000, (3, vec![(3, 0, 80_000), (6, 80_000, 120_000), (12, 200_000, 200_000)])),
        ("", 6, 100, (3, vec![(3, 0, 50), (6, 50, 50)])),
        ("doublings = 1", 4, 101, (2, vec![(2, 0, 51), (4, 51, 50)])),
        ("doublings = 3", 8, 180, (1, vec![(1, 0, 20), (2, 20, 30), (4, 50, 40), (8, 90, 90)])),
        ("shares = [0.1, 0.2, 0.7]", 4, 100, (1, vec![(1, 0, 10), (2, 10, 20), (4, 30, 70)])),
    ];
    for (options, layers, steps, expected) in cases {
        assert_eq!(outline(&recipe(options, layers, steps).unwrap()), expected, "{options:?} {layers}");
    }
}

#[test]
fn stage_names_are_unique() {
    let recipe = recipe("", 8, 100).unwrap();
    let mut names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["train-2-layers", "stack-to-4", "train-4-layers", "stack-to-8", "train"]);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), recipe.stages.len());
}

#[test]
fn a_doubling_repeats_all_layers_in_order_and_keeps_the_rest() {
    let device = Cpu::default();
    for family in Family::ALL {
        let task = Task { small: config(family, 1), large: config(family, 4), steps: 100 };
        let recipe = Method::<Cpu>::recipe(&StackBert, &toml::toml! { doublings = 1 }, &task).unwrap();
        let Action::Grow { to, operator } = &recipe.stages[1].action else { panic!("the second stage grows") };
        let (small, large) = (Model::new(config(family, 2)).unwrap(), Model::new(to.clone()).unwrap());
        let parameters = small.fresh(&device, 1).unwrap();
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = operator.grow(&growth).unwrap();
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| i % 2).to_string());
            assert_eq!(tensor.as_vec(), parameters.get(&source).unwrap().as_vec(), "{}", spec.name);
        }
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    let cases = [
        ("", 5, 100, "doublings", "5 layers cannot be halved"),
        ("doublings = 0", 4, 100, "doublings", "expected at least 1"),
        ("doublings = 3", 4, 100, "doublings", "can be halved 2 times only"),
        ("shares = [0.5, 0.5]", 4, 100, "shares", "found 2, expected 3 for 2 doublings"),
        ("shares = [0.5, 0.5, 0.5]", 4, 100, "shares", "with sum 1"),
        ("shares = [-0.5, 0.5, 1.0]", 4, 100, "shares", "expected positive numbers"),
        ("", 4, 2, "shares", "stage 1 of 3 has no step of 2"),
        ("stages = 3", 4, 100, "stages", "unknown"),
    ];
    for (options, layers, steps, key, expected) in cases {
        let error = recipe(options, layers, steps).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
}
