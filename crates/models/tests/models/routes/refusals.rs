//! Routes that fit neither the model nor the batch.

use super::{deep, skipping};
use crate::batch;
use ligo_kernels::{GradTape, NoneTape};
use ligo_models::{Family, Mode, Model, ModelConfig, Route};

/// What is said of the route for the family's batch of two.
fn refused(family: Family, route: &Route) -> String {
    let (model, parameters) = deep(family);
    let batch = batch(family);
    let message =
        model.loss_along(&mut GradTape::default(), &parameters, &batch, Mode::Evaluate, route).unwrap_err().to_string();
    let of_logits = model.logits_along(&parameters, &batch.inputs, route).unwrap_err().to_string();
    assert_eq!(message, of_logits);
    message
}

#[test]
fn a_route_that_does_not_fit_is_refused_by_its_field() {
    let route = Route::default;
    let weights = |weights: &[f32]| Route { norm_weights: Some(weights.to_vec()), ..route() };
    let layers = |kept: &[f32]| Route { kept_layers: kept.to_vec(), ..route() };
    let paths = |dropped: &[f32]| Route { dropped_paths: dropped.to_vec(), ..route() };
    let places = |places: &[u32]| skipping(1..2, places);
    let cases = [
        (Route { until: Some(4), ..route() }, "route.until is 4, expected at most 3 (num_hidden_layers)"),
        (
            Route { recorded_from: 3, until: Some(2), ..route() },
            "route.recorded_from is 3, expected at most 2, the layers of the route",
        ),
        (layers(&[1.0; 2]), "number of route.kept_layers is 2, expected 3 (num_hidden_layers), or none"),
        (layers(&[1.0, 1.5, 0.0]), "route.kept_layers[1] is 1.5, expected a number from 0 to 1"),
        (layers(&[f32::NAN, 1.0, 0.0]), "route.kept_layers[0] is NaN, expected a number from 0 to 1"),
        (paths(&[0.1; 2]), "number of route.dropped_paths is 2, expected 3 (num_hidden_layers), or none"),
        (paths(&[0.0, -0.1, 0.0]), "route.dropped_paths[1] is -0.1, expected a number from 0 to 1"),
        (paths(&[0.0, 0.1, 1.0]), "route.dropped_paths is 1 for some layer, expected less than 1 for each"),
        (weights(&[1.0; 7]), "number of route.norm_weights is 7, expected 6 (hidden_size)"),
        (weights(&[1.0, 1.0, -1.0, 1.0, 1.0, 1.0]), "route.norm_weights[2] is -1, expected a number from 0 to 1"),
        (weights(&[0.0; 6]), "route.norm_weights is 0 throughout, expected some weight above 0"),
        (
            skipping(1..4, &[0, 1]),
            "route.kept_tokens.layers is 1..4, expected rising numbers up to 3, the layers of the route",
        ),
        (
            Route { until: Some(2), ..skipping(1..3, &[0, 1]) },
            "route.kept_tokens.layers is 1..3, expected rising numbers up to 2, the layers of the route",
        ),
        (
            #[allow(clippy::reversed_empty_ranges)]
            skipping(2..1, &[0, 1]),
            "route.kept_tokens.layers is 2..1, expected rising numbers up to 3, the layers of the route",
        ),
        (
            places(&[]),
            "number of route.kept_tokens.places is 0, expected equally many, at least 1, of each of the batch's 2",
        ),
        (
            places(&[0, 1, 2]),
            "number of route.kept_tokens.places is 3, expected equally many, at least 1, of each of the batch's 2",
        ),
        (
            places(&[0, 1, 1, 5]),
            "place 1 of sequence 1 in route.kept_tokens is 5, expected less than 5, the tokens of a sequence",
        ),
        (
            places(&[0, 1, 3, 3]),
            "place 1 of sequence 1 in route.kept_tokens is 3, expected more than 3, the one before",
        ),
        (
            places(&[2, 1, 3, 4]),
            "place 1 of sequence 0 in route.kept_tokens is 1, expected more than 2, the one before",
        ),
    ];
    for family in [Family::Bert, Family::Gpt2, Family::Llama] {
        for (route, expected) in &cases {
            assert_eq!(refused(family, route), format!("batch: {expected}"), "{family}");
        }
    }
}

#[test]
fn an_images_first_tokens_skip_nothing() {
    assert_eq!(
        refused(Family::Vit, &skipping(1..2, &[0, 1, 1, 2])),
        "batch: place 0 of sequence 1 in route.kept_tokens is 1, expected 0, as the 1 first tokens of an image go through \
         every layer"
    );
    assert_eq!(
        refused(Family::Deit, &skipping(1..2, &[0, 1, 0, 2])),
        "batch: place 1 of sequence 1 in route.kept_tokens is 2, expected 1, as the 2 first tokens of an image go through \
         every layer"
    );
    assert_eq!(
        refused(Family::Deit, &skipping(1..2, &[0, 0])),
        "batch: number of places in route.kept_tokens is 1, expected at least 2, as an image's first tokens go through every \
         layer"
    );
}

#[test]
fn tokens_do_not_skip_layers_whose_window_would_reach_further_without_them() {
    let (plain, parameters) = deep(Family::Mistral);
    let model = |window, from| {
        let config = ModelConfig { sliding_window: Some(window), max_window_layers: from, ..plain.config().clone() };
        Model::new(config).unwrap()
    };
    let loss = |model: &Model| {
        let route = skipping(1..2, &[0, 1, 3, 0, 1, 3]);
        model.loss_along(&mut NoneTape, &parameters, &batch(Family::Mistral), Mode::Evaluate, &route)
    };
    assert_eq!(
        loss(&model(3, None)).unwrap_err().to_string(),
        "batch: route.kept_tokens is set, with layer 1 of a sliding window, expected none, as the window is shorter than the \
         sequences of 5"
    );
    assert!(loss(&model(5, None)).is_ok());
}
