//! Branches that are left out for single sequences.

use super::{close, deep, skipping};
use crate::batch;
use ligo_kernels::{Cpu, GradTape, NoneTape, gradients_for};
use ligo_models::{Batch, Family, Images, Inputs, Mode, Model, Parameters, Route, Targets, Tokens};
use std::collections::BTreeSet;

fn dropping(rates: [f32; 3]) -> Route {
    Route { dropped_paths: rates.to_vec(), ..Route::default() }
}

fn loss((model, parameters): (&Model, &Parameters<Cpu>), batch: &Batch, route: &Route, key: u64) -> f32 {
    let mode = Mode::Train { dropout_key: key };
    model.loss_along(&mut NoneTape, parameters, batch, mode, route).unwrap().as_vec()[0]
}

/// One of the batch's two sequences or images.
fn one_of(batch: &Batch, number: usize) -> Batch {
    let half = |count: usize| number * count / 2..(number + 1) * count / 2;
    let inputs = match &batch.inputs {
        Inputs::Tokens(tokens) => Inputs::Tokens(Tokens {
            input_ids: tokens.input_ids[half(tokens.input_ids.len())].to_vec(),
            batch_size: 1,
            ..tokens.clone()
        }),
        Inputs::Images(images) => {
            Inputs::Images(Images { pixels: images.pixels[half(images.pixels.len())].to_vec(), batch_size: 1 })
        }
    };
    let targets = match &batch.targets {
        Targets::Tokens(targets) => Targets::Tokens(targets[half(targets.len())].to_vec()),
        Targets::Classes(classes) => Targets::Classes(classes[half(classes.len())].to_vec()),
        other => panic!("{other:?}"),
    };
    Batch { inputs, targets }
}

#[test]
fn a_branch_is_left_out_or_divided_by_the_probability_that_it_stays() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = one_of(&batch(family), 0);
        let at = (&model, &parameters);
        // Dropped in the middle layer: attention, MLP, both or neither; what stays of the layer counts twice.
        let drawn: Vec<f32> = (0..60).map(|key| loss(at, &batch, &dropping([0.0, 0.5, 0.0]), key)).collect();
        let different: BTreeSet<u32> = drawn.iter().map(|loss| loss.to_bits()).collect();
        assert_eq!(different.len(), 4, "{family}: {drawn:?}");
        // Norms behind the sums are there without branches too.
        for &kept in if model.is_post_norm() { &[0.5][..] } else { &[0.0, 0.5] } {
            let whole = Route { kept_layers: vec![1.0, kept, 1.0], ..Route::default() };
            let expected = loss(at, &batch, &whole, 0);
            let near = |found: &f32| (found - expected).abs() < 1e-5 * expected.abs().max(1.0);
            assert!(drawn.iter().any(near), "{family}, kept {kept}: {expected} is not among {different:?}");
        }
    }
}

#[test]
fn paths_are_dropped_for_each_sequence_alone_and_only_in_training() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let both = batch(family);
        let route = dropping([0.0, 0.5, 0.5]);
        let plain = model.loss(&mut NoneTape, &parameters, &both, Mode::Evaluate).unwrap().as_vec();
        let along = model.loss_along(&mut NoneTape, &parameters, &both, Mode::Evaluate, &route).unwrap().as_vec();
        assert_eq!(along, plain, "{family}");
        assert_eq!(loss((&model, &parameters), &both, &dropping([0.0; 3]), 1), plain[0], "{family}");

        // Each of two sequences has one of 16 losses of its own.
        let losses: BTreeSet<u32> =
            (0..400).map(|key| loss((&model, &parameters), &both, &route, key).to_bits()).collect();
        assert!(losses.len() > 4 * 16, "{family}: {}", losses.len());
    }
}

#[test]
fn what_is_dropped_gets_no_gradient_and_paths_go_together_with_kept_tokens() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let places: &[u32] = if family.reads_images() { &[0, 1, 3, 0, 1, 2] } else { &[0, 2, 4, 1, 2, 3] };
        let route = Route { dropped_paths: vec![0.0, 0.999_999_9, 0.0], ..skipping(1..3, places) };
        let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
        let mode = Mode::Train { dropout_key: 3 };
        let loss = model.loss_along(&mut tape, &parameters, &batch, mode, &route).unwrap();
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        for (spec, tensor) in model.specs().iter().zip(parameters.tensors()) {
            let gradient = gradients.get_or_alloc_mut(tensor).unwrap();
            // A norm behind the sum belongs to no branch.
            let norm = spec.name.contains("orm");
            let reached = gradient.iter().any(|&g| g != 0.0);
            assert!(norm || spec.layer != Some(1) || !reached, "{family}: {}", spec.name);
        }
        if !model.is_post_norm() {
            let without = Route { kept_layers: vec![1.0, 0.0, 1.0], ..skipping(1..3, places) };
            let expected = model.loss_along(&mut NoneTape, &parameters, &batch, mode, &without).unwrap();
            close(&format!("{family}"), &loss.as_vec(), &expected.as_vec());
        }
    }
}
