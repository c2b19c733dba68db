//! The exact layer list of each growth, and how steps and depths are shared out.

use crate::{GradualStacking, Variant};
use ligo_growth::testing::{assert_layers, config, difference, grown_by, scrambled};
use ligo_growth::{Action, GrowthError, Guarantee, Method, Recipe, Result, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn recipe_of(options: &str, small: ModelConfig, large: ModelConfig, steps: u64) -> Result<Recipe<Cpu>> {
    GradualStacking.recipe(&options.parse().unwrap(), &Task { small, large, steps })
}

fn recipe(options: &str, from: usize, to: usize, steps: u64) -> Result<Recipe<Cpu>> {
    recipe_of(options, config(Family::Gpt2, from, 8, 2), config(Family::Gpt2, to, 8, 2), steps)
}

#[test]
fn the_middle_block_is_repeated_beside_itself_and_the_top_one_on_top() {
    let cases: [(Variant, usize, usize, &[usize]); 9] = [
        (Variant::Middle, 2, 4, &[0, 1, 0, 1]),
        (Variant::Middle, 4, 6, &[0, 1, 0, 1, 2, 3]),
        (Variant::Middle, 6, 8, &[0, 1, 2, 3, 2, 3, 4, 5]),
        (Variant::Middle, 8, 10, &[0, 1, 2, 3, 2, 3, 4, 5, 6, 7]),
        (Variant::Middle, 3, 4, &[0, 1, 1, 2]),
        (Variant::Middle, 5, 7, &[0, 1, 0, 1, 2, 3, 4]),
        (Variant::Top, 4, 6, &[0, 1, 2, 3, 2, 3]),
        (Variant::Top, 3, 6, &[0, 1, 2, 0, 1, 2]),
        (Variant::Top, 3, 3, &[0, 1, 2]),
    ];
    for (variant, from, to, expected) in cases {
        assert_eq!(variant.layers(from, to), expected, "{variant:?} {from} to {to}");
    }
}

#[test]
fn the_pretrained_models_layers_are_copied_norms_and_all() {
    let cases: [(&str, usize, usize, &[usize]); 4] = [
        ("", 3, 4, &[0, 1, 1, 2]),
        ("variant = 'top'", 3, 5, &[0, 1, 2, 1, 2]),
        // 2, 3, 4: the middle of three blocks is the second.
        ("stages = 2", 2, 4, &[0, 0, 0, 1]),
        // Twice as deep is all that one growth can do: 1, 2, 3.
        ("variant = 'top'", 1, 3, &[0, 0, 0]),
    ];
    for family in Family::ALL {
        for (options, from, to, layers) in cases {
            let (small, large) = (config(family, from, 8, 2), config(family, to, 8, 2));
            let options = format!("start = 'small'\n{options}");
            let recipe = recipe_of(&options, small.clone(), large.clone(), 600).unwrap();
            assert_eq!(recipe.start, Start::Small);
            let task = Task { small, large, steps: 600 };
            let guarantee = Method::<Cpu>::guarantee(&GradualStacking, &options.parse().unwrap(), &task).unwrap();
            if layers.len() != from {
                assert_eq!(guarantee, Guarantee::Layers(layers.to_vec()));
            }
            let small = Model::new(task.small).unwrap();
            let parameters = scrambled(&small, 1);
            let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
            assert_eq!(*model.config(), task.large);
            assert_layers(&parameters, &grown, layers);
        }
    }
}

#[test]
fn widths_grow_by_fpi_which_preserves_the_function_where_the_depth_stays() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 16, 4));
        let recipe = recipe_of("start = 'small'\ndraw = 'balanced'", small.clone(), large, 600).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
        let difference = difference(&small, &parameters, &model, &grown);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

/// Layers of the fresh start, if it is one, then (layers, first step, steps) of each training stage.
fn outline(recipe: &Recipe<Cpu>) -> (Option<usize>, Vec<(usize, u64, u64)>) {
    let start = match &recipe.start {
        Start::Random(config) => Some(config.num_hidden_layers),
        Start::Small => None,
    };
    let mut layers = start.unwrap_or(0);
    let mut trained = Vec::new();
    for stage in &recipe.stages {
        match &stage.action {
            Action::Grow { to, .. } => layers = to.num_hidden_layers,
            Action::Train { steps, schedule_from, .. } => trained.push((layers, *schedule_from, *steps)),
            Action::Learn { .. } => panic!("stacking learns nothing"),
        }
    }
    (start, trained)
}

#[test]
fn depths_are_equal_steps_and_the_deepest_gets_most() {
    let small = "start = 'small'\n";
    let cases = [
        (String::new(), 1, 12, (Some(3), vec![(3, 0, 100), (6, 100, 200), (9, 300, 300), (12, 600, 400)])),
        (String::new(), 1, 6, (Some(2), vec![(2, 0, 167), (4, 167, 333), (6, 500, 500)])),
        (
            "stages = 5".into(),
            1,
            5,
            (Some(1), vec![(1, 0, 67), (2, 67, 133), (3, 200, 200), (4, 400, 267), (5, 667, 333)]),
        ),
        ("stages = 2\nshares = [0.2, 0.8]".into(), 1, 4, (Some(2), vec![(2, 0, 200), (4, 200, 800)])),
        (small.into(), 2, 4, (None, vec![(4, 0, 1000)])),
        (small.into(), 2, 6, (None, vec![(4, 0, 333), (6, 333, 667)])),
        (format!("{small}stages = 4"), 2, 6, (None, vec![(3, 0, 100), (4, 100, 200), (5, 300, 300), (6, 600, 400)])),
        (small.into(), 3, 3, (None, vec![(3, 0, 1000)])),
    ];
    for (options, from, to, expected) in cases {
        assert_eq!(outline(&recipe(&options, from, to, 1000).unwrap()), expected, "{options:?} {from} to {to}");
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    let cases = [
        ("stages = 1", 1, 4, 100, "stages", "expected at least 2"),
        ("stages = 3", 1, 4, 100, "stages", "found 3, expected a divisor of the large model's 4 layers"),
        ("", 1, 1, 100, "stages", "found 1, expected a divisor of the large model's 1 layers, at least 2"),
        (
            "start = 'small'\nstages = 1",
            2,
            6,
            100,
            "stages",
            "found 1, expected a divisor of the 4 layers to be added, at least 2",
        ),
        ("start = 'small'\nstages = 0", 2, 4, 100, "stages", "found 0"),
        ("start = 'small'\nstages = 2", 2, 2, 100, "stages", "found 2"),
        ("shares = [1.0]", 1, 4, 100, "shares", "found 1, expected 4"),
        ("stages = 2\nshares = [0.5, 0.6]", 1, 4, 100, "shares", "with sum 1"),
        ("", 1, 4, 3, "shares", "stage 1 of 4 has no step of 3"),
        ("variant = 'bottom'", 1, 4, 100, "variant", "middle"),
        ("start = 'large'", 1, 4, 100, "start", "shallow"),
    ];
    for (options, from, to, steps, key, expected) in cases {
        let error = recipe(options, from, to, steps).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
    let smaller = recipe("start = 'small'", 4, 2, 100).unwrap_err();
    assert!(matches!(&smaller, GrowthError::Sizes { what, .. } if what == "num_hidden_layers"), "{smaller}");
}
