//! The defining property: the large model computes what the small one does.

use crate::{Bert2Bert, Draw, FunctionPreserving};
use ligo_growth::testing::{config, difference, scrambled};
use ligo_growth::{Action, Growth, GrowthError, GrowthOperator, Method, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters};

struct Pair {
    small: Model,
    parameters: Parameters<Cpu>,
    large: Model,
    grown: Parameters<Cpu>,
}

impl Pair {
    fn grow(small: ModelConfig, large: ModelConfig, draw: Draw) -> Self {
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let device = Cpu::default();
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = FunctionPreserving { draw }.grow(&growth).unwrap();
        Self { small, parameters, large, grown }
    }

    /// The largest difference between the two models' logits, relative to the largest logit.
    fn difference(&self) -> f32 {
        difference(&self.small, &self.parameters, &self.large, &self.grown)
    }
}

#[test]
fn the_function_is_preserved_where_every_coordinate_has_equally_many_copies() {
    for family in Family::ALL {
        for (hidden, heads) in [(16, 4), (24, 6)] {
            let pair = Pair::grow(config(family, 2, 8, 2), config(family, 2, hidden, heads), Draw::Balanced);
            let difference = pair.difference();
            assert!(difference < 1e-5, "{family} 8 to {hidden}: {difference}");
        }
    }
}

#[test]
fn heads_that_share_keys_and_values_are_copied_with_them() {
    let grouped = |family, hidden, heads, sharing, tied| ModelConfig {
        num_key_value_heads: Some(heads / sharing),
        head_dim: Some(4),
        tie_word_embeddings: Some(tied),
        ..config(family, 2, hidden, heads)
    };
    for family in Family::ALL.into_iter().filter(|family| family.is_llama_style()) {
        for (heads, large_heads, sharing, tied) in [(4, 12, 2, false), (6, 8, 2, true), (3, 12, 3, true)] {
            let small = grouped(family, 24, heads, sharing, tied);
            for draw in [Draw::Random, Draw::Balanced] {
                // The residual stream stays as it is at random and doubles in balance: no norm sees unequal counts.
                let hidden = if draw == Draw::Random { 24 } else { 48 };
                let pair = Pair::grow(small.clone(), grouped(family, hidden, large_heads, sharing, tied), draw);
                let difference = pair.difference();
                assert!(difference < 1e-5, "{family} {heads} to {large_heads} by {sharing}: {difference}");
            }
        }
    }
}

#[test]
fn a_random_draw_preserves_the_function_where_no_norm_sees_unequal_counts() {
    for family in Family::ALL {
        let large = ModelConfig { intermediate_size: Some(53), ..config(family, 2, 8, 2) };
        let difference = Pair::grow(config(family, 2, 8, 2), large, Draw::Random).difference();
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

#[test]
fn unequal_counts_change_what_the_norms_see_and_nothing_worse() {
    for family in Family::ALL {
        let pair = Pair::grow(config(family, 2, 8, 2), config(family, 2, 12, 3), Draw::Balanced);
        let difference = pair.difference();
        assert!((1e-4..1.0).contains(&difference), "{family}: {difference}");
    }
}

#[test]
fn depth_grows_by_stacking_with_the_remainder_from_the_top() {
    for family in Family::ALL {
        let pair = Pair::grow(config(family, 3, 8, 2), config(family, 5, 8, 2), Draw::Random);
        for (spec, tensor) in pair.grown.specs().iter().zip(pair.grown.tensors()) {
            let layer = spec.layer.map_or(0, |i| [0, 1, 2, 1, 2][i]);
            let source = spec.module.replace("{}", &layer.to_string());
            assert_eq!(tensor.as_vec(), pair.parameters.get(&source).unwrap().as_vec(), "{}", spec.name);
        }
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let task = Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, 4, 12, 3), steps: 600 };
    let recipe = Method::<Cpu>::recipe(&Bert2Bert, &toml::Table::new(), &task).unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == task.large));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn heads_of_another_length_and_unknown_draws_are_refused() {
    let task =
        |heads| Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, 2, 12, heads), steps: 9 };
    let recipe =
        |text: &str, heads| Method::<Cpu>::recipe(&Bert2Bert, &text.parse().unwrap(), &task(heads)).unwrap_err();
    let heads = recipe("", 2);
    assert!(matches!(&heads, GrowthError::Sizes { what, .. } if what == "num_attention_heads"), "{heads}");
    assert!(heads.to_string().contains("2 (heads of 6), expected heads of 4"), "{heads}");
    let draw = recipe("draw = 'blanced'", 3);
    assert!(matches!(&draw, GrowthError::Option { option, .. } if option == "draw"), "{draw}");
}
