//! At mask 0 the large model computes what the small one does, whatever is new; at mask 1 it is the plain large model.

use crate::Msg;
use ligo_growth::testing::{config, grown_by, inputs, pairs, scrambled};
use ligo_growth::{Action, FadeIn, GrowthError, Guarantee, Method, Recipe, Result, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters, Role, Route};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    Msg.recipe(&options.parse().unwrap(), &task)
}

/// What the training makes of the weights while the masks are `c`: whatever produces a new unit is multiplied by it.
fn masked(grown: &Parameters<Cpu>, small: &ModelConfig, large: &ModelConfig, c: f32) -> Parameters<Cpu> {
    let mut masked = grown.clone();
    let specs = grown.specs().clone();
    for (spec, tensor) in specs.iter().zip(masked.tensors_mut()) {
        let columns = spec.matrix_shape().1;
        let mut values = tensor.as_vec();
        for (number, axis) in spec.axes.iter().enumerate().filter(|(_, axis)| axis.role == Role::Produces) {
            let of_space = |space: &ligo_models::Space| {
                let (from, to) = (small.space(space.in_layer(0)).width(), large.space(space.in_layer(0)).width());
                (0..to).map(move |i| if i < from { 1.0 } else { c })
            };
            let masks: Vec<f32> = axis.spaces.iter().flat_map(of_space).collect();
            let along_rows = spec.axes.len() == 2 && number == 0;
            for (at, value) in values.iter_mut().enumerate() {
                *value *= masks[if along_rows { at / columns } else { at % columns }];
            }
        }
        tensor.copy_from(&values);
    }
    masked
}

fn route(small: &ModelConfig, large: &ModelConfig) -> Route {
    let layers = (0..large.num_hidden_layers).map(|i| if i < small.num_hidden_layers { 1.0 } else { 0.0 });
    let coordinates = (0..large.hidden_size).map(|i| if i < small.hidden_size { 1.0 } else { 0.0 });
    Route { kept_layers: layers.collect(), norm_weights: Some(coordinates.collect()), ..Route::default() }
}

#[test]
fn at_mask_0_the_function_is_the_small_models_in_every_family_and_dimension_at_once() {
    let sizes = [(2, 16, 4), (5, 16, 4), (2, 24, 6), (3, 40, 10)];
    for size in sizes {
        for (name, small, large) in pairs((2, 16, 4), size) {
            let recipe = recipe("", &small, &large).unwrap();
            let small = Model::new(small).unwrap();
            let parameters = scrambled(&small, 1);
            let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
            let weights = masked(&grown, small.config(), &large, 0.0);
            let inputs = inputs(small.config().family);
            let before = small.logits(&parameters, &inputs).unwrap().as_vec();
            let after = model.logits_along(&weights, &inputs, &route(small.config(), &large)).unwrap().as_vec();
            let scale = before.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
            for (a, b) in before.iter().zip(&after) {
                assert!((a - b).abs() < 1e-5 * scale, "{name} to {size:?}: {b}, not {a}");
            }
        }
    }
}

#[test]
fn at_mask_1_nothing_is_masked() {
    for (_, small, large) in pairs((2, 16, 4), (3, 24, 6)) {
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let (_, grown) = grown_by(&recipe, &small, &scrambled(&small, 1), 7);
        let weights = masked(&grown, small.config(), &large, 1.0);
        for (a, b) in grown.tensors().iter().zip(weights.tensors()) {
            assert_eq!(a.as_vec(), b.as_vec());
        }
    }
}

#[test]
fn old_layers_keep_their_block_and_new_ones_are_fresh() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 4, 12, 3));
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
        let fresh = model.fresh(&Cpu::default(), 7).unwrap();
        for (i, spec) in grown.specs().iter().enumerate() {
            let values = grown.tensors()[i].as_vec();
            if spec.layer.is_some_and(|layer| layer >= 2) {
                assert_eq!(values, fresh.tensors()[i].as_vec(), "{}", spec.name);
            } else {
                let old = parameters.get(&spec.name).unwrap().as_vec();
                assert!(old.iter().all(|value| values.contains(value)), "{}", spec.name);
            }
        }
    }
}

#[test]
fn new_dimensions_fade_in_first_and_the_masks_are_gone_afterwards() {
    let (small, large) = (config(Family::Bert, 2, 8, 2), config(Family::Bert, 4, 12, 3));
    let cases = [
        ("", vec![(0, 30, Some(30)), (30, 570, None)]),
        ("fade_steps = 1", vec![(0, 1, Some(1)), (1, 599, None)]),
        ("fade_steps = 600", vec![(0, 600, Some(600))]),
    ];
    for (options, expected) in cases {
        let recipe = recipe(options, &small, &large).unwrap();
        assert_eq!(recipe.start, Start::Small);
        let trained: Vec<_> = recipe
            .stages
            .iter()
            .filter_map(|stage| match &stage.action {
                Action::Train { steps, schedule_from, training } => {
                    let fade = training.masks.clone().map(|FadeIn { from, steps }| {
                        assert_eq!(from, small);
                        steps
                    });
                    Some((*schedule_from, *steps, fade))
                }
                _ => None,
            })
            .collect();
        assert_eq!(trained, expected, "{options:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_promised_without_masks() {
    let small = config(Family::Gpt2, 2, 8, 2);
    let large = config(Family::Gpt2, 2, 12, 3);
    for options in ["fade_steps = 0", "fade_steps = 601"] {
        let error = recipe(options, &small, &large).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == "fade_steps"), "{error}");
    }
    let heads = recipe("", &small, &config(Family::Gpt2, 2, 12, 2)).unwrap_err();
    assert!(matches!(&heads, GrowthError::Sizes { what, .. } if what == "num_attention_heads"), "{heads}");
    let smaller = recipe("", &large, &small).unwrap_err();
    assert!(matches!(&smaller, GrowthError::Sizes { what, .. } if what == "hidden_size"), "{smaller}");
    let task = Task { small, large, steps: 600 };
    let guarantee = Method::<Cpu>::guarantee(&Msg, &toml::Table::new(), &task).unwrap();
    assert!(matches!(guarantee, Guarantee::Nothing(_)), "{guarantee:?}");
}
