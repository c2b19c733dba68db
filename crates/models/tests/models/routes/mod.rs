//! Routes: each against the whole of another model that comes to the same.

mod layers;
mod norms;
mod paths;
mod refusals;
mod teaching;
mod tokens;

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, GradTape, Kernels, NoneTape, gradients_for};
use ligo_models::{Batch, Family, KeptTokens, Mode, Model, ModelConfig, Parameters, Route};
use std::ops::Range;

/// A model of three layers, and its weights.
fn deep(family: Family) -> (Model, Parameters<Cpu>) {
    let model = Model::new(ModelConfig { num_hidden_layers: 3, ..config(family) }).unwrap();
    let parameters = scrambled(&model);
    (model, parameters)
}

/// The same weights in a model that has these layers alone.
fn of_layers(model: &Model, parameters: &Parameters<Cpu>, layers: &[usize]) -> (Model, Parameters<Cpu>) {
    let part = Model::new(ModelConfig { num_hidden_layers: layers.len(), ..model.config().clone() }).unwrap();
    let tensor = |spec: &ligo_models::ParamSpec| {
        let layer = spec.layer.map(|layer| layers[layer]);
        let same = |other: &&ligo_models::ParamSpec| other.module == spec.module && other.layer == layer;
        parameters.get(&model.specs().iter().find(same).unwrap().name).unwrap().clone()
    };
    let tensors = part.specs().iter().map(tensor).collect();
    let parameters = Parameters::new(part.specs().clone(), tensors).unwrap();
    (part, parameters)
}

/// The tokens `places` of each sequence alone go through `layers`.
fn skipping(layers: Range<usize>, places: &[u32]) -> Route {
    Route { kept_tokens: Some(KeptTokens { layers, places: places.to_vec() }), ..Route::default() }
}

fn loss(model: &Model, parameters: &Parameters<Cpu>, batch: &Batch, route: &Route) -> f32 {
    model.loss_along(&mut NoneTape, parameters, batch, Mode::Evaluate, route).unwrap().as_vec()[0]
}

/// The loss, and each parameter's gradient.
fn loss_and_gradients(
    model: &Model,
    parameters: &Parameters<Cpu>,
    batch: &Batch,
    route: &Route,
) -> (f32, Vec<Vec<f32>>) {
    let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
    let loss = model.loss_along(&mut tape, parameters, batch, Mode::Evaluate, route).unwrap();
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    let gradient = |tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
    (loss.as_vec()[0], parameters.tensors().iter().map(gradient).collect())
}

/// Refuses numbers that differ by more than rounding.
fn close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 2e-5 * largest, "{what}: number {i} is {found}, not {expected}");
    }
}

#[test]
fn a_route_through_everything_gives_the_bits_of_the_plain_loss() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let plain = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0];
        let all = Route { until: Some(3), kept_layers: vec![1.0; 3], ..Route::default() };
        let of_default = loss_and_gradients(&model, &parameters, &batch, &Route::default());
        assert_eq!(loss(&model, &parameters, &batch, &Route::default()), plain, "{family}");
        assert_eq!(of_default, loss_and_gradients(&model, &parameters, &batch, &all), "{family}");
        let logits = model.logits_along(&parameters, &batch.inputs, &Route::default()).unwrap();
        assert_eq!(logits.as_vec(), model.logits(&parameters, &batch.inputs).unwrap().as_vec(), "{family}");
    }
}

#[test]
fn the_gradient_along_a_winding_route_is_that_of_its_loss() {
    for family in Family::ALL {
        let (model, mut parameters) = deep(family);
        let batch = batch(family);
        let places: &[u32] = if family.reads_images() { &[0, 1, 3, 0, 1, 2] } else { &[0, 2, 4, 1, 2, 3] };
        let route = Route {
            kept_layers: vec![0.8, 1.0, 0.5],
            norm_weights: Some(vec![1.0, 0.5, 0.25, 1.0, 1.0, 0.0]),
            ..skipping(1..3, places)
        };
        let (_, gradients) = loss_and_gradients(&model, &parameters, &batch, &route);
        let square: f64 = gradients.iter().flatten().map(|&g| f64::from(g).powi(2)).sum();
        // A step along the gradient changes the loss by its square. Where the loss is steep a shorter one is seen as well, and it is
        // less in the way that it bends.
        let size = 2e-3 / square.sqrt().max(square);
        let mut moved = |by: f64| {
            for (tensor, gradient) in parameters.tensors_mut().iter_mut().zip(&gradients) {
                let values = tensor.as_vec();
                let moved = values.iter().zip(gradient).map(|(v, &g)| (f64::from(*v) + by * f64::from(g)) as f32);
                tensor.copy_from(&moved.collect::<Vec<_>>());
            }
            f64::from(loss(&model, &parameters, &batch, &route))
        };
        let change = (moved(size) - moved(-2.0 * size)) / (2.0 * size);
        assert!((change / square - 1.0).abs() < 0.02, "{family}: {change}, expected {square}");
    }
}
