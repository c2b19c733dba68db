//! Each stage puts copies of the top layers on top and trains them alone; the last trains all.

use crate::Mslt;
use ligo_growth::testing::{self, scrambled};
use ligo_growth::{Action, Growth, GrowthError, Method, Recipe, Result, Start, Task, Trained};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn config(family: Family, layers: usize) -> ModelConfig {
    testing::config(family, layers, 8, 2)
}

fn recipe(options: &str, layers: usize, steps: u64) -> Result<Recipe<Cpu>> {
    // The small model plays no part: it may be anything.
    let task = Task { small: config(Family::Bert, 1), large: config(Family::Gpt2, layers), steps };
    Mslt.recipe(&options.parse().unwrap(), &task)
}

/// Of each training stage its layers, the first that trains, the first step, and the steps.
fn outline(recipe: &Recipe<Cpu>) -> Vec<(usize, usize, u64, u64)> {
    let Start::Random(start) = &recipe.start else { panic!("a fresh start") };
    let mut layers = start.num_hidden_layers;
    let mut trained = Vec::new();
    for stage in &recipe.stages {
        match &stage.action {
            Action::Grow { to, .. } => layers = to.num_hidden_layers,
            Action::Train { steps, schedule_from, training } => {
                let from = match &training.trained {
                    Trained::All => 0,
                    Trained::From(layer) => *layer,
                    other => panic!("the top, not {other:?}"),
                };
                trained.push((layers, from, *schedule_from, *steps));
            }
            Action::Learn { .. } => panic!("stacking learns nothing"),
        }
    }
    trained
}

#[test]
fn only_the_new_top_trains_until_the_last_stage() {
    let cases = [
        (
            "",
            12,
            400_000,
            vec![(3, 0, 0, 100_000), (6, 3, 100_000, 80_000), (9, 6, 180_000, 120_000), (12, 0, 300_000, 100_000)],
        ),
        ("", 6, 90, vec![(2, 0, 0, 30), (4, 2, 30, 30), (6, 0, 60, 30)]),
        ("stages = 2", 4, 100, vec![(2, 0, 0, 50), (4, 0, 50, 50)]),
        ("stages = 2\nshares = [0.3, 0.3, 0.4]", 4, 100, vec![(2, 0, 0, 30), (4, 2, 30, 30), (4, 0, 60, 40)]),
    ];
    for (options, layers, steps, expected) in cases {
        assert_eq!(outline(&recipe(options, layers, steps).unwrap()), expected, "{options:?} {layers}");
    }
}

#[test]
fn stage_names_are_unique_also_where_full_depth_trains_twice() {
    let recipe = recipe("stages = 2\nshares = [0.3, 0.3, 0.4]", 4, 100).unwrap();
    let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["train-2-layers", "grow-to-4", "train-4-layers", "train"]);
}

#[test]
fn new_layers_are_copies_of_the_top_ones_in_every_family() {
    let device = Cpu::default();
    for family in Family::ALL {
        let task = Task { small: config(family, 1), large: config(family, 6), steps: 100 };
        let recipe = Method::<Cpu>::recipe(&Mslt, &toml::Table::new(), &task).unwrap();
        let grows: Vec<_> = recipe
            .stages
            .iter()
            .filter_map(|stage| match &stage.action {
                Action::Grow { to, operator } => Some((to, operator)),
                _ => None,
            })
            .collect();
        let expected: [&[usize]; 2] = [&[0, 1, 0, 1], &[0, 1, 2, 3, 2, 3]];
        for ((to, operator), layers) in grows.into_iter().zip(expected) {
            let (small, large) =
                (Model::new(config(family, layers.len() - 2)).unwrap(), Model::new(to.clone()).unwrap());
            let parameters = scrambled(&small, 1);
            let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
            testing::assert_layers(&parameters, &operator.grow(&growth).unwrap(), layers);
        }
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    let cases = [
        ("", 1, 100, "stages", "found 1, expected a divisor of the large model's 1 layers, at least 2"),
        ("stages = 3", 4, 100, "stages", "found 3, expected a divisor of the large model's 4 layers"),
        ("stages = 0", 4, 100, "stages", "found 0"),
        ("stages = 2\nshares = [1.0]", 4, 100, "shares", "found 1, expected 2, one for each depth, or 3"),
        ("stages = 2\nshares = [0.5, 0.6]", 4, 100, "shares", "with sum 1"),
        ("", 4, 2, "shares", "has no step of 2"),
        ("doublings = 2", 4, 100, "doublings", "unknown"),
    ];
    for (options, layers, steps, key, expected) in cases {
        let error = recipe(options, layers, steps).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
}
