//! Blocks that are computed again on the way back.

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, GradTape, Kernels, Scalar, gradients_for};
use ligo_models::{Batch, Family, Inputs, KeptTokens, Mode, Model, ModelConfig, Parameters, Route};

type Loss =
    fn(&Model, &mut GradTape<Cpu>, &Parameters<Cpu>, &Batch, (Mode, &Route)) -> ligo_models::Result<Scalar<Cpu>>;

const PLAIN: Loss =
    |model, tape, parameters, batch, (mode, route)| model.loss_along(tape, parameters, batch, mode, route);
const AGAIN: Loss =
    |model, tape, parameters, batch, (mode, route)| model.recomputed_loss(tape, parameters, batch, mode, route);

/// The loss, and each parameter's gradient.
fn of(
    loss: Loss,
    model: &Model,
    parameters: &Parameters<Cpu>,
    batch: &Batch,
    how: (Mode, &Route),
) -> (f32, Vec<Vec<f32>>) {
    let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
    let loss = loss(model, &mut tape, parameters, batch, how).unwrap();
    tape.backward(&loss, 0.5, &mut gradients).unwrap();
    let gradient = |tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
    (loss.as_vec()[0], parameters.tensors().iter().map(gradient).collect())
}

/// Parts of a model of three layers: one left out, the lowest without backward, branches and (of text) tokens left out.
fn routes(batch: &Batch) -> impl Iterator<Item = Route> {
    let tokens = match &batch.inputs {
        Inputs::Tokens(tokens) => {
            let places = (0..tokens.batch_size).flat_map(|_| [0, 2, 3]).collect();
            Some(Route { kept_tokens: Some(KeptTokens { layers: 1..2, places }), ..Route::default() })
        }
        Inputs::Images(_) => None,
    };
    [
        Route { kept_layers: vec![1.0, 0.0, 0.5], ..Route::default() },
        Route { recorded_from: 1, ..Route::default() },
        Route { dropped_paths: vec![0.0, 0.2, 0.4], ..Route::default() },
    ]
    .into_iter()
    .chain(tokens)
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
        let train = Mode::Train { dropout_key: 7 };
        let mut ways = vec![(Mode::Evaluate, Route::default()), (train, Route::default())];
        if num_hidden_layers == 3 {
            ways.extend(routes(&batch).map(|route| (train, route)));
        }
        for (mode, route) in ways {
            let what = format!("{family}, {num_hidden_layers} layers, {mode:?}, {route:?}");
            let expected = of(PLAIN, &model, &parameters, &batch, (mode, &route));
            let found = of(AGAIN, &model, &parameters, &batch, (mode, &route));
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
    let refusal = |loss: Loss| {
        let how = (Mode::Evaluate, &Route::default());
        loss(&model, &mut GradTape::default(), &parameters, &batch, how).unwrap_err()
    };
    assert_eq!(refusal(AGAIN).to_string(), refusal(PLAIN).to_string());
}
