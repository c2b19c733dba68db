//! Tokens that skip some layers.

use super::{close, deep, loss_and_gradients, skipping};
use crate::{TEXT, batch, tokens};
use ligo_kernels::{
    Activation, Attention, Cpu, Kernels, Layout, Linear, NO_ROW, NoneTape, Norm, NormKind, Projections,
};
use ligo_kernels::{Matrix, Precision, Visibility};
use ligo_models::{Family, Inputs, Mode, Model, ModelConfig, Parameters, Route, Tokens};

/// Logits along the route, row by row.
fn rows(model: &Model, parameters: &Parameters<Cpu>, tokens: &Tokens, route: &Route) -> Vec<Vec<f32>> {
    let logits = model.logits_along(parameters, &Inputs::Tokens(tokens.clone()), route).unwrap().as_vec();
    logits.chunks(13).map(<[f32]>::to_vec).collect()
}

/// One sequence.
fn sequence(input_ids: &[u32]) -> Tokens {
    Tokens { input_ids: input_ids.to_vec(), batch_size: 1, sequence_length: input_ids.len(), ..Tokens::default() }
}

#[test]
fn where_all_tokens_are_kept_the_loss_is_the_plain_one() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let batch = batch(family);
        let length = if family.reads_images() { 4 + model.config().prefix_tokens() as u32 } else { 5 };
        let places: Vec<u32> = (0..length).chain(0..length).collect();
        let (expected_loss, expected) = loss_and_gradients(&model, &parameters, &batch, &Route::default());
        for layers in [0..3, 1..2, 0..1, 2..3, 1..1] {
            let route = skipping(layers.clone(), &places);
            let (loss, gradients) = loss_and_gradients(&model, &parameters, &batch, &route);
            close(&format!("{family}, {layers:?}"), &[loss], &[expected_loss]);
            for (spec, (found, expected)) in model.specs().iter().zip(gradients.iter().zip(&expected)) {
                close(&format!("{family}, {layers:?}: {}", spec.name), found, expected);
            }
        }
    }
}

#[test]
fn in_layers_that_the_first_tokens_go_through_alone_they_are_a_shorter_sequence_and_the_others_stay() {
    for family in TEXT {
        let (model, parameters) = deep(family);
        let found = rows(&model, &parameters, &tokens(), &skipping(0..3, &[0, 1, 2, 0, 1, 2]));
        let ids = tokens().input_ids;
        let untouched = rows(&model, &parameters, &tokens(), &Route { until: Some(0), ..Route::default() });
        for b in 0..2 {
            let short = rows(&model, &parameters, &sequence(&ids[5 * b..][..3]), &Route::default());
            for i in 0..3 {
                close(&format!("{family}, token {i} of {b}"), &found[5 * b + i], &short[i]);
            }
            for i in 3..5 {
                assert_eq!(found[5 * b + i], untouched[5 * b + i], "{family}, token {i} of {b}");
            }
        }
    }
}

#[test]
fn kept_tokens_of_a_sequence_keep_their_positions_whatever_the_other_sequences_keep() {
    for family in TEXT {
        let (model, parameters) = deep(family);
        let places: [&[u32]; 2] = [&[0, 2, 4], &[1, 2, 3]];
        for layers in [0..3, 1..2] {
            let together = rows(&model, &parameters, &tokens(), &skipping(layers.clone(), &places.concat()));
            let ids = tokens().input_ids;
            let alone = |b: usize| {
                rows(&model, &parameters, &sequence(&ids[5 * b..][..5]), &skipping(layers.clone(), places[b]))
            };
            let alone = [alone(0), alone(1)].concat();
            close(&format!("{family}, {layers:?}"), &together.concat(), &alone.concat());
        }
    }
}

#[test]
fn rotary_positions_turn_by_the_distance_that_there_was() {
    let (model, parameters) = deep(Family::Llama);
    let ids = [7, 1, 5, 2, 9];
    // A run of neighbours is what it would be at the start; tokens with a gap between them are not.
    let run = rows(&model, &parameters, &sequence(&ids), &skipping(0..3, &[1, 2, 3]));
    let alone = rows(&model, &parameters, &sequence(&ids[1..4]), &Route::default());
    close("neighbours", &run[1..4].concat(), &alone.concat());
    let gap = rows(&model, &parameters, &sequence(&ids), &skipping(0..3, &[0, 2, 4]));
    let packed = rows(&model, &parameters, &sequence(&[7, 5, 9]), &Route::default());
    close("the first sees itself alone", &gap[0], &packed[0]);
    let apart = gap[4].iter().zip(&packed[2]).any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(apart, "a gap makes a difference");
}

#[test]
fn padding_stays_padding_among_the_kept_tokens() {
    for family in TEXT {
        let (model, parameters) = deep(family);
        let real = vec![true, true, true, false, false, true, true, true, false, false];
        let padded = Tokens { real_tokens: Some(real), ..tokens() };
        let expected = rows(&model, &parameters, &padded, &Route::default());
        // With one token of padding among them, and with none.
        for places in [&[0, 1, 2, 3, 0, 1, 2, 4][..], &[0, 1, 2, 0, 1, 2]] {
            let found = rows(&model, &parameters, &padded, &skipping(0..2, places));
            for row in [0, 1, 2, 5, 6, 7] {
                close(&format!("{family}, {places:?}, row {row}"), &found[row], &expected[row]);
            }
        }
    }
}

#[test]
fn a_patch_that_skips_every_layer_tells_the_class_tokens_nothing() {
    for (family, places) in [(Family::Vit, [0, 1, 2, 4]), (Family::Deit, [0, 1, 2, 4])] {
        let (model, parameters) = deep(family);
        // Patches of 2 × 2 in 4 × 4 pixels; behind the first tokens, the one that is not kept.
        let dropped = 3 - model.config().prefix_tokens();
        let Inputs::Images(images) = batch(family).inputs else { panic!("{family} reads images") };
        let mut other = images.clone();
        for channel in 0..3 {
            for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                other.pixels[channel * 16 + (dropped / 2 * 2 + row) * 4 + dropped % 2 * 2 + column] += 1.0;
            }
        }
        let logits = |images, layers| {
            let route = skipping(layers, &[places, places].concat());
            model.logits_along(&parameters, &Inputs::Images(images), &route).unwrap().as_vec()
        };
        assert_eq!(logits(images.clone(), 0..3), logits(other.clone(), 0..3), "{family}");
        assert_ne!(logits(images.clone(), 1..3), logits(other.clone(), 1..3), "{family}");
    }
}

#[test]
fn sequences_do_not_share_their_dropout_where_each_has_places_of_its_own() {
    let config = ModelConfig { attention_dropout: 0.5, ..deep(Family::Llama).0.config().clone() };
    let model = Model::new(config).unwrap();
    let parameters = crate::scrambled(&model);
    // Two sequences that are alike where they are kept, but for a token that is not.
    let input_ids = vec![1, 5, 2, 7, 12, 1, 5, 2, 7, 12];
    let loss = |key, labelled: usize| {
        let mut targets = vec![ligo_kernels::IGNORED; 10];
        targets[labelled] = 4;
        let batch = ligo_models::Batch::tokens(Tokens { input_ids: input_ids.clone(), ..tokens() }, targets);
        let route = skipping(0..3, &[0, 1, 2, 4, 0, 1, 3, 4]);
        let mode = Mode::Train { dropout_key: key };
        model.loss_along(&mut NoneTape, &parameters, &batch, mode, &route).unwrap().as_vec()[0]
    };
    let differs = (0..4).any(|key| loss(key, 1) != loss(key, 6));
    assert!(differs, "tokens 0 and 1 are the same in both, but not their masks");
    assert_eq!(loss(7, 1), loss(7, 1));
}

/// GPT-2's block by hand.
fn block(parameters: &Parameters<Cpu>, layer: usize, x: &Matrix<Cpu>, tokens: usize) -> Matrix<Cpu> {
    let t = &mut NoneTape;
    let get = |name: &str| parameters.get(&format!("transformer.h.{layer}.{name}")).unwrap();
    let map = |weight, bias| Linear {
        weight: get(weight),
        bias: Some(get(bias)),
        layout: Layout::InOut,
        precision: Precision::F32,
    };
    let norm = |gain, bias| Norm { kind: NormKind::Layer, gain: get(gain), bias: Some(get(bias)), eps: 1e-5 };
    let spec = Attention {
        batch: 2,
        sequence: tokens,
        heads: 3,
        key_value_heads: 3,
        head_dim: 2,
        visibility: Visibility::Causal { window: None },
        real_tokens: None,
        rotary: None,
        dropout: None,
        precision: Precision::F32,
    };
    let normed = Cpu::norm(t, x, norm("ln_1.weight", "ln_1.bias")).unwrap();
    let qkv = Cpu::linear(t, &normed, map("attn.c_attn.weight", "attn.c_attn.bias")).unwrap();
    let attended = Cpu::attention(t, Projections::Joined(&qkv), spec).unwrap();
    let attended = Cpu::linear(t, &attended, map("attn.c_proj.weight", "attn.c_proj.bias")).unwrap();
    let x = Cpu::add(t, &attended, x).unwrap();
    let normed = Cpu::norm(t, &x, norm("ln_2.weight", "ln_2.bias")).unwrap();
    let inner = map("mlp.c_fc.weight", "mlp.c_fc.bias");
    let inner = Cpu::linear_activated(t, &normed, inner, Activation::GeluTanh).unwrap();
    let output = Cpu::linear(t, &inner, map("mlp.c_proj.weight", "mlp.c_proj.bias")).unwrap();
    Cpu::add(t, &output, &x).unwrap()
}

#[test]
fn tokens_that_skip_the_middle_layer_are_what_a_composition_by_hand_says() {
    let (model, parameters) = deep(Family::Gpt2);
    let t = &mut NoneTape;
    let get = |name: &str| parameters.get(name).unwrap();
    let positions: Vec<u32> = (0..5).chain(0..5).collect();
    let lookups: [(&Matrix<Cpu>, &[u32]); 2] =
        [(get("transformer.wte.weight"), &tokens().input_ids), (get("transformer.wpe.weight"), &positions)];
    let x = block(&parameters, 0, &Cpu::embedding(t, &lookups).unwrap(), 5);
    let kept = Cpu::embedding(t, &[(&x, &[0, 2, 3, 6, 7, 9])]).unwrap();
    let kept = block(&parameters, 1, &kept, 3);
    let n = NO_ROW;
    let lookups: [(&Matrix<Cpu>, &[u32]); 2] =
        [(&x, &[n, 1, n, n, 4, 5, n, n, 8, n]), (&kept, &[0, n, 1, 2, n, n, 3, 4, n, 5])];
    let x = block(&parameters, 2, &Cpu::embedding(t, &lookups).unwrap(), 5);
    let (gain, bias) = (get("transformer.ln_f.weight"), Some(get("transformer.ln_f.bias")));
    let normed = Cpu::norm(t, &x, Norm { kind: NormKind::Layer, gain, bias, eps: 1e-5 }).unwrap();
    let head =
        Linear { weight: get("transformer.wte.weight"), bias: None, layout: Layout::OutIn, precision: Precision::F32 };
    let expected = Cpu::linear(t, &normed, head).unwrap().as_vec();
    let route = skipping(1..2, &[0, 2, 3, 1, 2, 4]);
    close("logits", &rows(&model, &parameters, &tokens(), &route).concat(), &expected);
}
