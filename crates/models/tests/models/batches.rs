//! Batches: which are refused, and that padding and other sequences do not leak into one another.

use crate::{TEXT, batch, config, model, scrambled, tokens};
use ligo_kernels::{Cpu, GradTape, IGNORED, NoneTape, gradients_for};
use ligo_models::{Batch, Family, Head, Inputs, Mode, Model, ModelConfig, Parameters, Targets, Tokens};

/// The loss of `batch`, which must be refused.
fn refused(model: &Model, batch: &Batch) -> String {
    model.loss(&mut NoneTape, &scrambled(model), batch, Mode::Evaluate).unwrap_err().to_string()
}

#[test]
fn tokens_that_do_not_fit_are_refused_by_what_is_wrong_with_them() {
    type Change = fn(&mut Tokens, &mut Vec<i32>);
    let cases: &[(Change, &str)] = &[
        (|t, _| t.batch_size = 0, "batch: batch_size is 0, expected at least 1"),
        (|t, _| t.sequence_length = 0, "batch: sequence_length is 0, expected 1 to "),
        (|t, _| t.input_ids.truncate(9), "batch: number of input_ids is 9, expected 10"),
        (|_, targets| targets.truncate(9), "batch: number of targets is 9, expected 10"),
        (|t, _| t.real_tokens = Some(vec![true; 11]), "batch: number of real_tokens is 11, expected 10"),
        (|t, _| t.token_types = Some(vec![0; 11]), "batch: number of token_types is 11, expected 10"),
        (|_, targets| targets[3] = 13, "batch: target 3 is 13, expected -100, or less than vocab_size (13)"),
        (|_, targets| targets[3] = -1, "batch: target 3 is -1, expected -100, or less than vocab_size (13)"),
        (|t, _| t.input_ids[4] = 13, "embedding: id 13 at index 4 is out of range, expected less than 13"),
    ];
    for family in TEXT {
        let model = model(family);
        for (change, expected) in cases {
            let (mut tokens, mut targets) = (tokens(), vec![1; 10]);
            change(&mut tokens, &mut targets);
            let message = refused(&model, &Batch::tokens(tokens, targets));
            assert!(message.starts_with(expected), "{family}: {message}");
        }
    }
}

#[test]
fn a_sequence_longer_than_the_positions_is_refused() {
    for family in [Family::Gpt2, Family::Bert, Family::Roberta] {
        let tokens = Tokens { input_ids: vec![1; 8], batch_size: 1, sequence_length: 8, ..Tokens::default() };
        let message = refused(&model(family), &Batch::tokens(tokens, vec![1; 8]));
        assert_eq!(message, "batch: sequence_length is 8, expected 1 to 7");
    }
}

#[test]
fn inputs_and_targets_of_another_kind_are_refused() {
    let classify =
        |family| Model::new(ModelConfig { head: Some(Head::SequenceClassification), ..config(family) }).unwrap();
    let with = |targets| Batch { inputs: Inputs::Tokens(tokens()), targets };
    let pixels = |mut batch: Batch| {
        if let Inputs::Images(images) = &mut batch.inputs {
            images.pixels.truncate(95);
        }
        batch
    };
    let cases = [
        (model(Family::Vit), batch(Family::Bert), "inputs is tokens, expected images, which vit reads"),
        (model(Family::Bert), batch(Family::Vit), "inputs is images, expected tokens, which bert reads"),
        (model(Family::Vit), pixels(batch(Family::Vit)), "number of pixels is 95, expected 96, 3 × 4 × 4 per image"),
        (
            classify(Family::Bert),
            with(Targets::Classes(vec![0, 2])),
            "class 1 is 2, expected -100, or less than num_labels (2)",
        ),
        (classify(Family::Bert), with(Targets::Classes(vec![0])), "number of classes is 1, expected 2"),
        (classify(Family::Bert), with(Targets::Shares(vec![0.5; 3])), "number of shares is 3, expected 4"),
        (
            classify(Family::Roberta),
            batch(Family::Roberta),
            "targets is tokens, expected those of the head sequence-classification: classes, or shares of them",
        ),
        (model(Family::Gpt2), with(Targets::Unlabelled), "targets is none, expected some, as a loss is asked for"),
    ];
    for (model, batch, expected) in cases {
        assert_eq!(refused(&model, &batch), format!("batch: {expected}"));
    }
    let types = Tokens { token_types: Some(vec![0; 10]), ..tokens() };
    let message = refused(&model(Family::Gpt2), &Batch::tokens(types, vec![1; 10]));
    assert!(message.ends_with("expected none: gpt2 has no token types"), "{message}");
    let bare = Model::new(ModelConfig { head: Some(Head::None), ..config(Family::Bert) }).unwrap();
    assert!(refused(&bare, &batch(Family::Bert)).ends_with("the head none: none, as it has no loss"));
}

#[test]
fn weights_of_another_model_are_refused() {
    let other = Model::new(ModelConfig { intermediate_size: Some(12), ..config(Family::Gpt2) }).unwrap();
    let error = model(Family::Gpt2).logits(&scrambled(&other), &batch(Family::Gpt2).inputs).unwrap_err().to_string();
    let (found, expected) = ("transformer.h.0.mlp.c_fc.weight [6, 12]", "transformer.h.0.mlp.c_fc.weight [6, 11]");
    assert_eq!(error, format!("parameter number 10: found {found}, expected {expected}"));
    let shallow = Model::new(ModelConfig { num_hidden_layers: 1, ..config(Family::Bert) }).unwrap();
    assert!(model(Family::Bert).logits(&scrambled(&shallow), &batch(Family::Bert).inputs).is_err());
    // Another handle to the same architecture will do.
    assert!(model(Family::Gpt2).logits(&scrambled(&model(Family::Gpt2)), &batch(Family::Gpt2).inputs).is_ok());
}

#[test]
fn a_batch_without_a_label_costs_nothing() {
    for family in TEXT {
        let model = model(family);
        let parameters = scrambled(&model);
        let batch = Batch::tokens(tokens(), vec![IGNORED; 10]);
        let mut tape = GradTape::default();
        let loss = model.loss(&mut tape, &parameters, &batch, Mode::Evaluate).unwrap();
        assert_eq!(loss.as_vec(), [0.0]);
        tape.backward(&loss, 1.0, &mut gradients_for(parameters.tensors())).unwrap();
    }
}

fn logits(model: &Model, parameters: &Parameters<Cpu>, ids: &[u32], real: Option<&[bool]>) -> Vec<f32> {
    let inputs = Inputs::Tokens(Tokens {
        input_ids: ids.to_vec(),
        batch_size: 1,
        sequence_length: ids.len(),
        real_tokens: real.map(<[bool]>::to_vec),
        ..Tokens::default()
    });
    model.logits(parameters, &inputs).unwrap().as_vec()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn a_causal_family_sees_only_what_came_before_and_the_others_everything() {
    let (short, other) = ([1, 5, 2, 7], [1, 5, 2, 9]);
    for family in TEXT {
        let model = model(family);
        let parameters = scrambled(&model);
        let [a, b] = [short, other].map(|ids| logits(&model, &parameters, &ids, None)[..3 * 13].to_vec());
        assert_eq!(close(&a, &b), family.is_causal(), "{family}");
    }
}

#[test]
fn padding_changes_nothing_for_the_real_tokens() {
    for family in TEXT {
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
    for family in TEXT {
        let model = model(family);
        let parameters = scrambled(&model);
        let together = model.logits(&parameters, &Inputs::Tokens(tokens())).unwrap().as_vec();
        let ids = tokens().input_ids;
        let apart = [&ids[..5], &ids[5..]].map(|ids| logits(&model, &parameters, ids, None));
        assert!(close(&together, &apart.concat()));
    }
}
