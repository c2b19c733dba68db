//! Tests that the training is preserved too: two models, one grown from the other in the middle of it, go on alike if every
//! tensor's rate, ε and decay are scaled as the formula of `lib.rs` says. Only here, since a recipe's trainer has one rate for
//! all.

use crate::{Repeated, operator::copies_read};
use ligo_growth::testing::{batch, config, pairs, scrambled};
use ligo_growth::{DepthRule, Growth, GrowthOperator, Moments};
use ligo_kernels::{AdamW, AdamWParameter, Cpu, GradTape, Kernels, gradients_for};
use ligo_models::{Family, Mode, Model, ModelConfig, ParamSpec, Parameters, Role, Space};

/// A model in the course of its training.
struct Run {
    model: Model,
    weights: Parameters<Cpu>,
    moments: Moments<Cpu>,
    /// Of each tensor by what its rate and its decay, and by what its gradient, is multiplied.
    scales: Vec<Scales>,
}

#[derive(Clone, Copy)]
struct Scales {
    rate: f32,
    gradient: f32,
}

impl Run {
    fn start(config: ModelConfig) -> Self {
        let model = Model::new(config).unwrap();
        let weights = scrambled(&model, 1);
        let zeros = || {
            let mut zeros = weights.clone();
            zeros.tensors_mut().iter_mut().for_each(|tensor| tensor.copy_from(&vec![0.0; tensor.as_vec().len()]));
            zeros
        };
        let moments = Moments { first: zeros(), second: zeros(), steps: 0 };
        let scales = vec![Scales { rate: 1.0, gradient: 1.0 }; model.specs().len()];
        Self { weights, moments, scales, model }
    }

    fn grown(&self, config: ModelConfig) -> Self {
        let (model, device) = (Model::new(config).unwrap(), Cpu::default());
        let growth = Growth { small: &self.model, parameters: &self.weights, large: &model, device: &device, seed: 7 };
        let operator = Repeated { noise: 0.0, depth: DepthRule::Stack };
        let weights = operator.grow(&growth).unwrap();
        let moments = operator.grow_moments(&growth, &self.moments).unwrap().unwrap();
        let scales = model.specs().iter().map(|spec| scales(spec, self.model.config(), model.config())).collect();
        Self { weights, moments, scales, model }
    }

    /// One step; the loss before it.
    fn step(&mut self) -> f32 {
        let mut tape = GradTape::default();
        let batch = batch(self.model.config().family);
        let loss = self.model.loss(&mut tape, &self.weights, &batch, Mode::Train { dropout_key: 1 }).unwrap();
        let mut gradients = gradients_for(self.weights.tensors());
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        self.moments.steps += 1;
        let specs = self.model.specs().clone();
        let moments = self.moments.first.tensors_mut().iter_mut().zip(self.moments.second.tensors_mut());
        for (i, (weight, (first, second))) in self.weights.tensors_mut().iter_mut().zip(moments).enumerate() {
            let Scales { rate, gradient } = self.scales[i];
            let config = AdamW {
                learning_rate: 3e-3 * rate,
                beta1: 0.9,
                beta2: 0.99,
                eps: 1e-6 * gradient,
                weight_decay: 0.1 / rate,
                max_grad_norm: None,
                step: self.moments.steps,
            };
            let mut parameter = [AdamWParameter { weight, first, second, decay: specs[i].decay, rate: 1.0 }];
            Cpu::adamw(&mut parameter, &mut gradients, &config).unwrap();
        }
        loss.as_vec()[0]
    }
}

/// A weight is divided by the copies that it reads, and a query of longer heads by √m; a gradient by the copies that it makes.
fn scales(spec: &ParamSpec, small: &ModelConfig, large: &ModelConfig) -> Scales {
    let copies = |space: Space| {
        let (from, to) = (small.space(space.in_layer(0)), large.space(space.in_layer(0)));
        to.width() as f32 / from.width() as f32
    };
    let made: Vec<Space> =
        spec.axes.iter().filter(|axis| axis.role == Role::Produces).flat_map(|axis| axis.spaces.clone()).collect();
    let longer = (large.head_dim() / small.head_dim()) as f32;
    let root = if matches!(made[..], [Space::Query(_)]) { longer.sqrt() } else { 1.0 };
    let made: f32 = match made[..] {
        // Spaces side by side grow by the same number.
        [space, Space::Key(_), _] => copies(space),
        _ => made.into_iter().map(copies).product(),
    };
    Scales { rate: 1.0 / copies_read(spec, small, large) / root, gradient: root / made }
}

fn check(name: &str, small: ModelConfig, large: ModelConfig) {
    let mut small = Run::start(small);
    for _ in 0..2 {
        small.step();
    }
    let mut large = small.grown(large);
    let (mut first, mut last) = (None, 0.0);
    for step in 0..4 {
        let (expected, found) = (small.step(), large.step());
        assert!((found - expected).abs() < 1e-4 * expected.abs(), "{name}, step {step}: {found}, not {expected}");
        first.get_or_insert(expected);
        last = expected;
    }
    assert!(first.is_some_and(|first| (first - last).abs() > 1e-3), "{name}: the steps change something");
}

#[test]
fn the_training_goes_on_alike_where_whole_heads_are_repeated() {
    for (name, small, large) in pairs((2, 16, 4), (2, 32, 8)) {
        check(&name, small, large);
    }
}

#[test]
fn the_training_goes_on_alike_where_heads_become_longer() {
    // In GPT-2's and CaiT's fused weights queries would need another rate than keys.
    for family in [Family::Bert, Family::Roberta, Family::Vit, Family::Deit] {
        check(&family.to_string(), config(family, 2, 8, 2), config(family, 2, 24, 2));
    }
}
