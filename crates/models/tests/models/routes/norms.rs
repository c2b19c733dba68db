//! Weighted statistics of the norms.

use super::{close, deep, loss, loss_and_gradients};
use crate::{batch, config, scrambled};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, ParamSpec, Parameters, Route};

fn weighted(weights: impl Into<Vec<f32>>) -> Route {
    Route { norm_weights: Some(weights.into()), ..Route::default() }
}

#[test]
fn norms_of_equal_weights_are_the_plain_ones() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let (expected_loss, expected) = loss_and_gradients(&model, &parameters, &batch, &Route::default());
        for weight in [1.0, 0.25] {
            let (found_loss, found) = loss_and_gradients(&model, &parameters, &batch, &weighted([weight; 6]));
            close(&format!("{family}, {weight}"), &[found_loss], &[expected_loss]);
            for (spec, (found, expected)) in model.specs().iter().zip(found.iter().zip(&expected)) {
                close(&format!("{family}, {weight}: {}", spec.name), found, expected);
            }
        }
        let other = loss(&model, &parameters, &batch, &weighted([1.0, 1.0, 0.0, 1.0, 0.5, 1.0]));
        assert!((other - expected_loss).abs() > 1e-4, "{family}: other weights make a difference");
    }
}

/// Where each index along an axis of a small model stands in a large one: the first of its space.
fn places(axis: &ligo_models::Axis, small: &ModelConfig, large: &ModelConfig) -> (Vec<usize>, usize) {
    let (mut places, mut start) = (Vec::new(), 0);
    for &space in &axis.spaces {
        places.extend(start..start + small.space(space).width());
        start += large.space(space).width();
    }
    (places, start)
}

/// The small model's weights in the first coordinates of every space, and 0 everywhere else.
fn padded(small: &Model, parameters: &Parameters<Cpu>, large: &Model) -> Parameters<Cpu> {
    let mut padded = large.fresh(&Cpu::default(), 1).unwrap();
    for (i, spec) in small.specs().iter().enumerate() {
        let axes: Vec<_> = spec.axes.iter().map(|axis| places(axis, small.config(), large.config())).collect();
        let one = (vec![0], 1);
        let (rows, columns) = match &axes[..] {
            [rows, columns] => (rows, columns),
            _ => (&one, &axes[0]),
        };
        let found = |spec: &ParamSpec| (spec.name.clone(), spec.matrix_shape());
        assert_eq!(found(&large.specs()[i]), (spec.name.clone(), (rows.1, columns.1)));
        let (values, mut larger) = (parameters.tensors()[i].as_vec(), vec![0.0; rows.1 * columns.1]);
        for (r, row) in rows.0.iter().enumerate() {
            for (c, column) in columns.0.iter().enumerate() {
                larger[row * columns.1 + column] = values[r * columns.0.len() + c];
            }
        }
        padded.tensors_mut()[i].copy_from(&larger);
    }
    padded
}

#[test]
fn a_wider_model_whose_new_coordinates_are_masked_is_the_small_one() {
    for family in Family::ALL {
        let small = Model::new(config(family)).unwrap();
        let parameters = scrambled(&small);
        let config =
            ModelConfig { hidden_size: 10, num_attention_heads: 5, intermediate_size: Some(17), ..config(family) };
        let large = Model::new(config).unwrap();
        let padded = padded(&small, &parameters, &large);
        let batch = batch(family);
        let weights: Vec<f32> = (0..10).map(|i| if i < 6 { 1.0 } else { 0.0 }).collect();
        let expected = small.logits(&parameters, &batch.inputs).unwrap().as_vec();
        let found = large.logits_along(&padded, &batch.inputs, &weighted(weights)).unwrap().as_vec();
        close(&format!("{family}"), &found, &expected);
        let unmasked = large.logits(&padded, &batch.inputs).unwrap().as_vec();
        let off = unmasked.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-3);
        assert!(off, "{family}: with all coordinates in the statistics it would be another");
    }
}
