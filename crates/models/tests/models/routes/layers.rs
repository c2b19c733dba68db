//! Layers that are not recorded, not reached, or left out.

use super::{close, deep, loss, loss_and_gradients, of_layers, skipping};
use crate::batch;
use ligo_kernels::NoneTape;
use ligo_models::{Family, Inputs, Mode, Model, ModelConfig, Part, Route};

#[test]
fn what_is_recorded_gets_the_gradients_of_a_whole_backward_pass_and_the_rest_none() {
    for (family, from) in Family::ALL.into_iter().flat_map(|family| (1..4).map(move |from| (family, from))) {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let (whole_loss, whole) = loss_and_gradients(&model, &parameters, &batch, &Route::default());
        let route = Route { recorded_from: from, ..Route::default() };
        let (loss, found) = loss_and_gradients(&model, &parameters, &batch, &route);
        assert_eq!(loss, whole_loss, "{family}, from {from}");
        let layers_begin = model.specs().iter().position(|spec| spec.layer.is_some()).unwrap();
        let mut left_out = false;
        for (i, spec) in model.specs().iter().enumerate() {
            let what = format!("{family}, from {from}: {}", spec.name);
            // CaiT's class token joins behind the layers.
            let is_embedding = i < layers_begin && !(family == Family::Cait && spec.name == "cls_token");
            if is_embedding && spec.shape[0] == 13 && model.config().tie_word_embeddings() {
                let Inputs::Tokens(tokens) = &batch.inputs else { panic!("{what}") };
                for token in 0..13 {
                    // As the output projection it learns all the same, as the embedding nothing.
                    let row = token * 6..(token + 1) * 6;
                    let equal = found[i][row.clone()] == whole[i][row];
                    assert_eq!(equal, !tokens.input_ids.contains(&(token as u32)), "{what}, token {token}");
                }
            } else if is_embedding || spec.layer.is_some_and(|layer| layer < from) {
                assert!(found[i].iter().all(|&d| d == 0.0), "{what}");
                left_out |= whole[i].iter().any(|&d| d != 0.0);
            } else {
                assert_eq!(found[i], whole[i], "{what}");
            }
        }
        assert!(left_out, "{family}, from {from}: a whole backward pass gives the rest something");
    }
}

#[test]
fn a_route_that_ends_early_is_the_model_of_so_many_layers() {
    for (family, until) in Family::ALL.into_iter().flat_map(|family| (0..3).map(move |until| (family, until))) {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let route = Route { until: Some(until), ..Route::default() };
        let found = model.logits_along(&parameters, &batch.inputs, &route).unwrap().as_vec();
        if until > 0 {
            let (small, of_small) = of_layers(&model, &parameters, &[0, 1][..until]);
            assert_eq!(found, small.logits(&of_small, &batch.inputs).unwrap().as_vec(), "{family}, {until}");
            let expected = loss_and_gradients(&small, &of_small, &batch, &Route::default());
            let (loss, gradients) = loss_and_gradients(&model, &parameters, &batch, &route);
            assert_eq!(loss, expected.0, "{family}, {until}");
            let reached = model.specs().iter().zip(gradients).filter(|(spec, _)| spec.layer.is_none_or(|l| l < until));
            assert_eq!(reached.map(|(_, gradient)| gradient).collect::<Vec<_>>(), expected.1, "{family}, {until}");
        } else {
            let none = Route { kept_layers: vec![0.0; 3], ..Route::default() };
            assert_eq!(found, model.logits_along(&parameters, &batch.inputs, &none).unwrap().as_vec(), "{family}");
        }
    }
}

#[test]
fn a_layer_that_is_left_out_passes_its_input_by() {
    let cases: [([f32; 3], &[usize]); 5] = [
        ([0.0, 1.0, 1.0], &[1, 2]),
        ([1.0, 0.0, 1.0], &[0, 2]),
        ([1.0, 1.0, 0.0], &[0, 1]),
        ([0.0, 1.0, 0.0], &[1]),
        ([1.0, 0.0, 0.0], &[0]),
    ];
    for (family, (kept, there)) in Family::ALL.into_iter().flat_map(|family| cases.map(|case| (family, case))) {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let (small, of_small) = of_layers(&model, &parameters, there);
        let route = Route { kept_layers: kept.to_vec(), ..Route::default() };
        let expected = small.logits(&of_small, &batch.inputs).unwrap().as_vec();
        let found = model.logits_along(&parameters, &batch.inputs, &route).unwrap().as_vec();
        assert_eq!(found, expected, "{family}, {there:?}");
        // The lower layers unrecorded, the same.
        for recorded_from in 1..4 {
            let route = Route { recorded_from, ..route.clone() };
            let found = model.logits_along(&parameters, &batch.inputs, &route).unwrap().as_vec();
            assert_eq!(found, expected, "{family}, {there:?}, recorded from {recorded_from}");
        }
    }
}

#[test]
fn the_branches_of_a_kept_layer_are_divided_by_its_probability() {
    for family in Family::ALL {
        let (model, mut parameters) = deep(family);
        let batch = batch(family);
        let probabilities = [0.5, 1.0, 0.8];
        let route = Route { kept_layers: probabilities.to_vec(), ..Route::default() };
        let found = loss(&model, &parameters, &batch, &route);
        let specs = model.specs().clone();
        for (i, tensor) in parameters.tensors_mut().iter_mut().enumerate() {
            if let (Part::AttentionOutput | Part::MlpOutput, Some(layer)) = (model.part(i), specs[i].layer) {
                let scaled: Vec<f32> = tensor.as_vec().iter().map(|value| value / probabilities[layer]).collect();
                tensor.copy_from(&scaled);
            }
        }
        close(&format!("{family}"), &[found], &[loss(&model, &parameters, &batch, &Route::default())]);
    }
}

#[test]
fn all_parts_of_a_route_go_together() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let (two, of_two) = of_layers(&model, &parameters, &[0, 1]);
        let places: &[u32] = if family.reads_images() { &[0, 1, 3, 0, 1, 2] } else { &[0, 2, 3, 1, 2, 4] };
        let skipping = Route { kept_layers: vec![1.0, 0.5], ..skipping(0..1, places) };
        let expected = loss(&two, &of_two, &batch, &skipping);
        for recorded_from in 0..3 {
            let route = Route { recorded_from, until: Some(2), kept_layers: vec![1.0, 0.5, 0.0], ..skipping.clone() };
            assert_eq!(loss(&model, &parameters, &batch, &route), expected, "{family}, recorded from {recorded_from}");
        }
    }
}

#[test]
fn what_is_not_recorded_has_the_dropout_of_a_whole_pass() {
    for family in [Family::Gpt2, Family::Bert, Family::Vit, Family::Cait] {
        let config = ModelConfig { hidden_dropout: 0.2, attention_dropout: 0.2, ..deep(family).0.config().clone() };
        let model = Model::new(config).unwrap();
        let (parameters, batch) = (crate::scrambled(&model), batch(family));
        let loss = |recorded_from, dropout_key| {
            let route = Route { recorded_from, ..Route::default() };
            let mode = Mode::Train { dropout_key };
            model.loss_along(&mut NoneTape, &parameters, &batch, mode, &route).unwrap().as_vec()
        };
        assert_ne!(loss(0, 1), loss(0, 2), "{family}");
        for from in 1..4 {
            assert_eq!(loss(from, 1), loss(0, 1), "{family}, from {from}");
        }
    }
}
