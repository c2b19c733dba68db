//! At mask 0 the large model computes what the small one does, whatever is new; at mask 1 it is the plain large model.

use crate::Msg;
use ligo_growth::testing::{config, grown_by, inputs, pairs, scrambled};
use ligo_growth::{Action, FadeIn, GrowthError, Guarantee, Method, Recipe, Result, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Axis, Family, Model, ModelConfig, Parameters, Part, Role, Route, Space};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    Msg.recipe(&options.parse().unwrap(), &task)
}

/// What the training makes of the weights while the masks are `c` (`ligo_train`, which has tests of its own for it): what produces a
/// new coordinate of the residual stream, MLP neuron or value is multiplied by c, and so is all that a new layer adds.
fn masked(grown: &Parameters<Cpu>, model: &Model, small: &ModelConfig, c: f32) -> Parameters<Cpu> {
    let mut masked = grown.clone();
    let specs = grown.specs().clone();
    for (i, tensor) in masked.tensors_mut().iter_mut().enumerate() {
        let spec = &specs[i];
        let new_layer = spec.layer.is_some_and(|layer| layer >= small.num_hidden_layers);
        let output = matches!(model.part(i), Part::AttentionOutput | Part::MlpOutput);
        let mask = |axis: &Axis| -> Vec<f32> {
            let of_space = |&space: &Space| {
                let own =
                    matches!(space, Space::Embed) || matches!(space, Space::Ffn(_) | Space::Value(_)) && !new_layer;
                let (from, to) =
                    (small.space(space.in_layer(0)).width(), model.config().space(space.in_layer(0)).width());
                (0..to).map(move |i| if own && i >= from { c } else { 1.0 })
            };
            axis.spaces.iter().flat_map(of_space).collect()
        };
        let produces = |axis: &Axis| axis.role == Role::Produces || spec.axes.len() == 1;
        let columns = spec.matrix_shape().1;
        let values = tensor.as_vec().into_iter().enumerate().map(|(at, value)| {
            if new_layer && output {
                return c * value;
            }
            let factor = |(number, axis): (usize, &Axis)| {
                let place = if spec.axes.len() == 2 && number == 0 { at / columns } else { at % columns };
                if produces(axis) { mask(axis)[place] } else { 1.0 }
            };
            value * spec.axes.iter().enumerate().map(factor).product::<f32>()
        });
        tensor.copy_from(&values.collect::<Vec<_>>());
    }
    masked
}

/// The norms count old coordinates alone.
fn route(small: &ModelConfig, large: &ModelConfig) -> Route {
    let coordinates = (0..large.hidden_size).map(|i| if i < small.hidden_size { 1.0 } else { 0.0 });
    Route { norm_weights: Some(coordinates.collect()), ..Route::default() }
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
            let weights = masked(&grown, &model, small.config(), 0.0);
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
        let (model, grown) = grown_by(&recipe, &small, &scrambled(&small, 1), 7);
        let weights = masked(&grown, &model, small.config(), 1.0);
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
            if model.is_post_norm() && matches!(model.part(i), Part::AttentionNorm | Part::MlpNorm) {
                continue; // The next test's.
            }
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
fn behind_new_layers_of_a_post_norm_model_stands_the_norm_that_was_last() {
    for (family, norm) in [
        (Family::Bert, "bert.encoder.layer.{}.output.LayerNorm.weight"),
        (Family::Roberta, "roberta.encoder.layer.{}.output.LayerNorm.weight"),
    ] {
        let (small, large) = (config(family, 2, 8, 2), config(family, 4, 8, 2));
        let recipe = recipe("", &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
        let of = |set: &Parameters<Cpu>, layer: &str| set.get(&norm.replace("{}", layer)).unwrap().as_vec();
        assert_eq!(of(&grown, "3"), of(&parameters, "1"));
        for between in ["1", "2"] {
            assert!(of(&grown, between).iter().all(|gain| (gain - 1.0).abs() < 1e-5));
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
