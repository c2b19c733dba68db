//! The defining properties: the loss stays, and with the optimiser grown so does the way in which it falls.

use crate::{SideBySide, StagedTraining};
use ligo_growth::testing::{batch, config, difference, gradients, grown_by, pairs, scrambled};
use ligo_growth::{
    Action, Growth, GrowthError, GrowthOperator, Guarantee, Method, Moments, Recipe, Result, Start, Task,
};
use ligo_kernels::{AdamW, AdamWParameter, Cpu, GradTape, Kernels, gradients_for};
use ligo_models::{Family, Mode, Model, ModelConfig, Parameters};

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    StagedTraining.recipe(&options.parse().unwrap(), &task(small, large))
}

#[test]
fn the_function_is_preserved_in_width_in_depth_and_in_both() {
    for sizes in [(2, 16, 4), (4, 8, 2), (4, 16, 4), (3, 24, 6), (5, 8, 2)] {
        for (name, small, large) in pairs((2, 8, 2), sizes) {
            for options in ["", "noise = 0.1"] {
                let recipe = recipe(&small, &large, options).unwrap();
                let small = Model::new(small.clone()).unwrap();
                let parameters = scrambled(&small, 1);
                let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
                let difference = difference(&small, &parameters, &large, &grown);
                assert!(difference < 1e-5, "{name} {sizes:?} {options}: {difference}");
                let found = Method::<Cpu>::guarantee(
                    &StagedTraining,
                    &options.parse().unwrap(),
                    &task(small.config(), large.config()),
                );
                assert_eq!(found.unwrap(), Guarantee::Function);
            }
        }
    }
}

#[test]
fn a_width_may_grow_alone() {
    for family in Family::ALL {
        let small = config(family, 2, 8, 2);
        let large = ModelConfig { intermediate_size: Some(64), ..small.clone() };
        let recipe = recipe(&small, &large, "").unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
        let difference = difference(&small, &parameters, &large, &grown);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

struct Pair {
    small: Model,
    parameters: Parameters<Cpu>,
    large: Model,
}

impl Pair {
    fn new(family: Family) -> Self {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 16, 4));
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        Self { parameters: scrambled(&small, 1), small, large }
    }

    fn growth<'a>(&'a self, device: &'a Cpu) -> Growth<'a, Cpu> {
        Growth { small: &self.small, parameters: &self.parameters, large: &self.large, device, seed: 7 }
    }
}

#[test]
fn a_map_between_grown_widths_stands_twice_in_the_diagonal_third_by_third() {
    let pair = Pair::new(Family::Gpt2);
    let grown = SideBySide::default().grow(&pair.growth(&Cpu::default())).unwrap();
    let (name, norm) = ("transformer.h.1.attn.c_attn.weight", "transformer.ln_f.weight");
    let values = |set: &Parameters<Cpu>, name: &str| set.get(name).unwrap().as_vec();
    let (old, new) = (values(&pair.parameters, name), values(&grown, name));
    for (i, third, j) in (0..16).flat_map(|i| (0..3).flat_map(move |third| (0..16).map(move |j| (i, third, j)))) {
        let expected = if i / 8 == j / 8 { old[i % 8 * 24 + third * 8 + j % 8] } else { 0.0 };
        assert_eq!(new[i * 48 + third * 16 + j], expected, "({i}, {third}, {j})");
    }
    for (i, gain) in values(&grown, norm).into_iter().enumerate() {
        assert_eq!(gain, values(&pair.parameters, norm)[i % 8] / 2.0, "the norm in front of a tied output");
    }
}

/// AdamW on the one batch of the tests, without decay.
fn train(model: &Model, weights: &mut Parameters<Cpu>, moments: &mut Moments<Cpu>, steps: u64) {
    for _ in 0..steps {
        let mut tape = GradTape::default();
        let loss =
            model.loss(&mut tape, weights, &batch(model.config().family), Mode::Train { dropout_key: 1 }).unwrap();
        let mut gradients = gradients_for(weights.tensors());
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        moments.steps += 1;
        let config = AdamW {
            learning_rate: 2e-4,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-10,
            weight_decay: 0.0,
            max_grad_norm: None,
            step: moments.steps,
        };
        let Moments { first, second, .. } = moments;
        let state = first.tensors_mut().iter_mut().zip(second.tensors_mut());
        let mut parameters: Vec<_> = weights
            .tensors_mut()
            .iter_mut()
            .zip(state)
            .map(|(weight, (first, second))| AdamWParameter { weight, first, second, decay: false, rate: 1.0 })
            .collect();
        Cpu::adamw(&mut parameters, &mut gradients, &config).unwrap();
    }
}

fn no_moments(parameters: &Parameters<Cpu>) -> Moments<Cpu> {
    let mut zeros = parameters.clone();
    for tensor in zeros.tensors_mut() {
        let elements = tensor.as_vec().len();
        tensor.copy_from(&vec![0.0; elements]);
    }
    Moments { first: zeros.clone(), second: zeros, steps: 0 }
}

#[test]
fn a_step_with_the_grown_optimiser_lowers_the_loss_as_the_small_models_step_does() {
    let device = Cpu::default();
    for family in [Family::Gpt2, Family::Bert, Family::Vit, Family::Llama] {
        let mut pair = Pair::new(family);
        let mut moments = no_moments(&pair.parameters);
        train(&pair.small, &mut pair.parameters, &mut moments, 30);
        let growth = pair.growth(&device);
        let mut grown = SideBySide::default().grow(&growth).unwrap();
        let mut grown_moments = SideBySide::default().grow_moments(&growth, &moments).unwrap().unwrap();
        let (before, again) = (gradients(&pair.small, &pair.parameters).0, gradients(&pair.large, &grown).0);
        assert!((before - again).abs() < 1e-5 * before, "{family}: {before} and {again}");

        let mut small = pair.parameters.clone();
        train(&pair.small, &mut small, &mut moments, 1);
        let (mut fresh, mut without) = (grown.clone(), no_moments(&grown));
        train(&pair.large, &mut grown, &mut grown_moments, 1);
        train(&pair.large, &mut fresh, &mut without, 1);
        let fall = |model: &Model, weights: &Parameters<Cpu>| before - gradients(model, weights).0;
        let (small_fall, fall, fresh_fall) =
            (fall(&pair.small, &small), fall(&pair.large, &grown), fall(&pair.large, &fresh));
        let ratio = fall / small_fall;
        assert!((0.9..1.4).contains(&ratio), "{family}: the loss falls by {fall} instead of {small_fall}");
        assert!(fresh_fall / small_fall > 1.8, "{family}: an optimiser that starts afresh steps further: {fresh_fall}");

        // What stands in the diagonal has moved exactly as the small model has.
        let growth = Growth { parameters: &small, ..pair.growth(&device) };
        let expected = SideBySide::default().grow(&growth).unwrap();
        let name = match family {
            Family::Gpt2 => "transformer.h.1.mlp.c_fc.weight",
            Family::Bert => "bert.encoder.layer.1.intermediate.dense.weight",
            Family::Vit => "vit.encoder.layer.1.intermediate.dense.weight",
            _ => "model.layers.1.mlp.up_proj.weight",
        };
        let (found, expected) = (grown.get(name).unwrap().as_vec(), expected.get(name).unwrap().as_vec());
        for (found, expected) in found.iter().zip(&expected).filter(|(_, expected)| **expected != 0.0) {
            assert!((found - expected).abs() < 2e-6, "{family}: {found} not {expected}");
        }
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 16, 4));
    let recipe = recipe(&small, &large, "").unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    assert!(matches!(&grow.action, Action::Grow { to, .. } if *to == large));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn widths_that_grow_unlike_each_other_are_refused_by_name() {
    let gpt2 = |hidden, heads| config(Family::Gpt2, 2, hidden, heads);
    let cases = [
        (gpt2(12, 3), "hidden_size: the large model has 12, expected a multiple of 8, since"),
        (gpt2(16, 2), "num_attention_heads: the large model has 2 (heads of 8), expected heads of 4"),
        (
            ModelConfig { intermediate_size: Some(96), ..gpt2(16, 4) },
            "intermediate_size: the large model has 96, expected 32, or 64 as the other widths grow 2 times",
        ),
    ];
    for (large, expected) in cases {
        let message = recipe(&gpt2(8, 2), &large, "").unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 16, 4));
    for (text, option) in [("noise = -1", "noise"), ("depth = 'stack'", "depth")] {
        let error = recipe(&small, &large, text).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option: found, .. } if found == option), "{text}: {error}");
    }
}
