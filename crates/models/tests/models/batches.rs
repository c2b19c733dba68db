//! Batches: which are refused, and that padding and other sequences do not leak into one another.

use crate::{FAMILIES, batch, config, model, scrambled};
use ligo_kernels::{Cpu, GradTape, IGNORED, NoneTape, gradients_for};
use ligo_models::{Family, Mode, Model, ModelConfig, Parameters, TokenBatch};

#[test]
fn a_batch_that_does_not_fit_is_refused_by_what_is_wrong_with_it() {
    type Change = fn(&mut TokenBatch);
    let cases: &[(Change, &str)] = &[
        (|b| b.batch_size = 0, "batch: batch_size is 0, expected at least 1"),
        (|b| b.sequence_length = 0, "batch: sequence_length is 0, expected 1 to 7 (max_position_embeddings)"),
        (|b| b.sequence_length = 8, "batch: sequence_length is 8, expected 1 to 7 (max_position_embeddings)"),
        (|b| b.input_ids.truncate(9), "batch: number of input_ids is 9, expected 10"),
        (|b| b.targets.truncate(9), "batch: number of targets is 9, expected 10"),
        (|b| b.real_tokens = Some(vec![true; 11]), "batch: number of real_tokens is 11, expected 10"),
        (|b| b.targets[3] = 13, "batch: target 3 is 13, expected -100, or less than vocab_size (13)"),
        (|b| b.targets[3] = -1, "batch: target 3 is -1, expected -100, or less than vocab_size (13)"),
        (|b| b.input_ids[4] = 13, "embedding: id 13 at index 4 is out of range, expected less than 13"),
    ];
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        for (change, expected) in cases {
            let mut batch = batch();
            change(&mut batch);
            let error = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap_err();
            assert_eq!(error.to_string(), *expected);
        }
    }
}

#[test]
fn weights_of_another_model_are_refused() {
    let other = Model::new(ModelConfig { intermediate_size: Some(12), ..config(Family::Gpt2) }).unwrap();
    let error = model(Family::Gpt2).logits(&scrambled(&other), &batch()).unwrap_err().to_string();
    let (found, expected) = ("transformer.h.0.mlp.c_fc.weight [6, 12]", "transformer.h.0.mlp.c_fc.weight [6, 11]");
    assert_eq!(error, format!("parameter number 10: found {found}, expected {expected}"));
    let shallow = Model::new(ModelConfig { num_hidden_layers: 1, ..config(Family::Bert) }).unwrap();
    assert!(model(Family::Bert).logits(&scrambled(&shallow), &batch()).is_err());
    // Another handle to the same architecture will do.
    assert!(model(Family::Gpt2).logits(&scrambled(&model(Family::Gpt2)), &batch()).is_ok());
}

#[test]
fn a_batch_without_a_label_costs_nothing() {
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        let batch = TokenBatch { targets: vec![IGNORED; 10], ..batch() };
        let mut tape = GradTape::default();
        let loss = model.loss(&mut tape, &parameters, &batch, Mode::Evaluate).unwrap();
        assert_eq!(loss.as_vec(), [0.0]);
        tape.backward(&loss, 1.0, &mut gradients_for(parameters.tensors())).unwrap();
    }
}

fn logits(model: &Model, parameters: &Parameters<Cpu>, ids: &[u32], real: Option<&[bool]>) -> Vec<f32> {
    let batch = TokenBatch {
        input_ids: ids.to_vec(),
        targets: vec![],
        batch_size: 1,
        sequence_length: ids.len(),
        real_tokens: real.map(<[bool]>::to_vec),
    };
    model.logits(parameters, &batch).unwrap().as_vec()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn gpt2_sees_only_what_came_before_and_bert_everything() {
    let (short, other) = ([1, 5, 2, 7], [1, 5, 2, 9]);
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        let [a, b] = [short, other].map(|ids| logits(&model, &parameters, &ids, None)[..3 * 13].to_vec());
        assert_eq!(close(&a, &b), family == Family::Gpt2);
    }
}

#[test]
fn padding_changes_nothing_for_the_real_tokens() {
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        let alone = logits(&model, &parameters, &[1, 5, 2], None);
        let real = [true, true, true, false, false];
        let padded = logits(&model, &parameters, &[1, 5, 2, 0, 12], Some(&real));
        assert!(close(&alone, &padded[..3 * 13]));
    }
}

#[test]
fn sequences_of_a_batch_do_not_see_each_other() {
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        let together = model.logits(&parameters, &batch()).unwrap().as_vec();
        let ids = batch().input_ids;
        let apart = [&ids[..5], &ids[5..]].map(|ids| logits(&model, &parameters, ids, None));
        assert!(close(&together, &apart.concat()));
    }
}
