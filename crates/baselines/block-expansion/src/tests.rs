//! The defining property: new blocks change nothing, and stand where their authors put them.

use crate::BlockExpansion;
use ligo_growth::testing::{config, difference, grown_by, pairs, scrambled};
use ligo_growth::{Action, GrowthError, Guarantee, Method, Recipe, Result, Start, Task, Trained};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Part};

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    BlockExpansion.recipe(&options.parse().unwrap(), &task(small, large))
}

fn guarantee(small: &ModelConfig, large: &ModelConfig) -> Guarantee {
    Method::<Cpu>::guarantee(&BlockExpansion, &toml::Table::new(), &task(small, large)).unwrap()
}

#[test]
fn the_function_is_preserved_at_any_depth_and_at_multiples_of_the_width() {
    for sizes in [(4, 8, 2), (5, 8, 2), (7, 8, 2), (11, 8, 2), (4, 16, 4), (3, 24, 6)] {
        for (name, small, large) in pairs((3, 8, 2), sizes) {
            let recipe = recipe(&small, &large, "").unwrap();
            assert_eq!(guarantee(&small, &large), Guarantee::Function, "{name} {sizes:?}");
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
            let difference = difference(&small, &parameters, &large, &grown);
            assert!(difference < 1e-5, "{name} {sizes:?}: {difference}");
        }
    }
}

#[test]
fn a_width_that_is_no_multiple_is_not_called_preserved() {
    let (small, large) = (config(Family::Llama, 2, 8, 2), config(Family::Llama, 3, 12, 3));
    assert_eq!(guarantee(&small, &large), Guarantee::Nothing("the norms see unequal numbers of copies".into()));
}

#[test]
fn a_new_block_is_a_copy_of_the_last_of_its_group_with_outputs_of_0() {
    let (small, large) = (config(Family::Llama, 4, 8, 2), config(Family::Llama, 6, 8, 2));
    let recipe = recipe(&small, &large, "").unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
    for (i, spec) in large.specs().iter().enumerate() {
        let layer = spec.layer.map_or(0, |layer| [0, 1, 1, 2, 3, 3][layer]);
        let source = parameters.get(&spec.module.replace("{}", &layer.to_string())).unwrap().as_vec();
        let new = matches!(spec.layer, Some(2 | 5)) && matches!(large.part(i), Part::AttentionOutput | Part::MlpOutput);
        let expected = if new { vec![0.0; source.len()] } else { source };
        assert_eq!(grown.tensors()[i].as_vec(), expected, "{}", spec.name);
    }
}

#[test]
fn the_recipe_trains_everything_or_the_new_blocks_alone() {
    let (small, large) = (config(Family::Llama, 32, 8, 2), config(Family::Llama, 40, 8, 2));
    let new = (0..8).map(|group| 5 * group + 4).collect();
    for (options, trained) in
        [("", Trained::All), ("train = 'all'", Trained::All), ("train = 'new-blocks'", Trained::Layers(new))]
    {
        let recipe = recipe(&small, &large, options).unwrap();
        assert_eq!(recipe.start, Start::Small);
        let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
        assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == large));
        let Action::Train { steps: 600, schedule_from: 0, training } = &train.action else { panic!("a full training") };
        assert_eq!(training.trained, trained, "{options}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let gpt2 = |layers, hidden, heads| config(Family::Gpt2, layers, hidden, heads);
    let cases = [
        (gpt2(2, 8, 2), "train = 'new-blocks'", "option train: found \"new-blocks\", but num_hidden_layers is 2"),
        (gpt2(4, 8, 2), "train = 'new'", "option train"),
        (gpt2(4, 8, 2), "blocks = 2", "option blocks: unknown"),
        (gpt2(4, 12, 2), "", "num_attention_heads: the large model has 2 (heads of 6), expected heads of 4"),
        (gpt2(1, 8, 2), "", "num_hidden_layers: the large model has 1, expected at least 2"),
    ];
    for (large, options, expected) in cases {
        let error = recipe(&gpt2(2, 8, 2), &large, options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error, GrowthError::Option { .. } | GrowthError::Sizes { .. }));
    }
}
