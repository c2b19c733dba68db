//! Blocks that are computed again on the way back.

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, GradTape, Kernels, Scalar, gradients_for};
use ligo_models::{Batch, Family, Inputs, Mode, Model, ModelConfig, Parameters};

type Loss = fn(&Model, &mut GradTape<Cpu>, &Parameters<Cpu>, &Batch, Mode) -> ligo_models::Result<Scalar<Cpu>>;

/// The loss, and each parameter's gradient.
fn of(loss: Loss, model: &Model, parameters: &Parameters<Cpu>, batch: &Batch, mode: Mode) -> (f32, Vec<Vec<f32>>) {
    let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
    let loss = loss(model, &mut tape, parameters, batch, mode).unwrap();
    tape.backward(&loss, 0.5, &mut gradients).unwrap();
    let gradient = |tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
    (loss.as_vec()[0], parameters.tensors().iter().map(gradient).collect())
}

#[test]
fn computing_blocks_again_changes_no_bit_of_the_loss_or_of_a_gradient() {
    for (family, num_hidden_layers) in Family::ALL.into_iter().flat_map(|family| [(family, 1), (family, 3)]) {
        let mut config = ModelConfig { num_hidden_layers, ..config(family) };
        if !config.family.is_llama_style() {
            (config.hidden_dropout, config.attention_dropout) = (0.2, 0.1);
        }
        let model = Model::new(config).unwrap();
        let parameters = scrambled(&model);
        let mut batch = batch(family);
        if let Inputs::Tokens(tokens) = &mut batch.inputs {
            tokens.real_tokens = Some((0..10).map(|i| i != 9).collect());
        }
        for mode in [Mode::Evaluate, Mode::Train { dropout_key: 7 }] {
            let what = format!("{family}, {num_hidden_layers} layers, {mode:?}");
            let expected = of(|m, t, p, b, mode| m.loss(t, p, b, mode), &model, &parameters, &batch, mode);
            let found = of(|m, t, p, b, mode| m.recomputed_loss(t, p, b, mode), &model, &parameters, &batch, mode);
            assert_eq!(found.0.to_bits(), expected.0.to_bits(), "{what}");
            for (spec, (found, expected)) in model.specs().iter().zip(found.1.into_iter().zip(expected.1)) {
                assert_eq!(found, expected, "{what}: {}", spec.name);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_as_by_the_plain_loss() {
    let model = Model::new(config(Family::Gpt2)).unwrap();
    let parameters = scrambled(&model);
    let mut batch = batch(Family::Gpt2);
    if let Inputs::Tokens(tokens) = &mut batch.inputs {
        tokens.input_ids.pop();
    }
    let refusal = |loss: Loss| loss(&model, &mut GradTape::default(), &parameters, &batch, Mode::Evaluate).unwrap_err();
    let (plain, recomputed): (Loss, Loss) =
        (|m, t, p, b, mode| m.loss(t, p, b, mode), |m, t, p, b, mode| m.recomputed_loss(t, p, b, mode));
    assert_eq!(refusal(recomputed).to_string(), refusal(plain).to_string());
}
