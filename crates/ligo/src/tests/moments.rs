//! Optimiser moments grow by the factors and by their squares.

use super::{Pair, config, difference, grouped, map_alone};
use crate::options::{FactorOptions, Tying, WidthStart};
use ligo_growth::{GrowthError, Learner, Moments};
use ligo_kernels::Cpu;
use ligo_models::{Family, Parameters};

/// The small weights themselves as first moments, their squares as second ones.
fn moments(pair: &Pair) -> Moments<Cpu> {
    let mut second = pair.parameters.clone();
    for tensor in second.tensors_mut() {
        let squares: Vec<f32> = tensor.as_vec().iter().map(|v| v * v).collect();
        tensor.copy_from(&squares);
    }
    Moments { first: pair.parameters.clone(), second, steps: 7 }
}

/// With A = B, B and A may change places.
#[test]
fn first_moments_grow_by_the_tied_factors_and_what_is_added_has_none() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 4, 12, 3));
        let plain = FactorOptions { depth_noise: 0.3, ..map_alone() };
        let expected = pair.learner(&plain).materialise().unwrap();
        let added = FactorOptions { residual: true, fresh: true, tune_small: true, ..plain };
        for options in [plain, added] {
            let grown = pair.learner(&options).grow_moments(&moments(&pair)).unwrap().unwrap();
            assert_eq!(grown.steps, 7);
            for ((spec, a), b) in expected.specs().iter().zip(expected.tensors()).zip(grown.first.tensors()) {
                assert!(difference(&a.as_vec(), &b.as_vec()) < 1e-6, "{}", spec.name);
            }
        }
    }
}

#[test]
fn an_operator_whose_readers_have_factors_of_their_own_has_no_maps_for_moments() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    for tying in [Tying::Scaled, Tying::Untied] {
        let learner = pair.learner(&FactorOptions { tying, ..map_alone() });
        assert!(learner.grow_moments(&moments(&pair)).unwrap().is_none());
    }
}

/// A selection picks one small weight for each large one, and a stack one layer: squares grow into the squares.
#[test]
fn second_moments_grow_by_the_squares_of_the_factors() {
    for family in Family::ALL {
        let pairs = [
            Pair::new(config(family, 2, 8, 2), config(family, 4, 12, 3)),
            Pair::new(grouped(Family::Qwen3, 2, 8, 4), grouped(Family::Qwen3, 3, 12, 6)),
        ];
        for pair in pairs {
            let learner = pair.learner(&FactorOptions { width_start: WidthStart::Selection, ..map_alone() });
            let grown = learner.grow_moments(&moments(&pair)).unwrap().unwrap();
            let expected = learner.materialise().unwrap();
            for ((spec, a), b) in expected.specs().iter().zip(expected.tensors()).zip(grown.second.tensors()) {
                let squares: Vec<f32> = a.as_vec().iter().map(|v| v * v).collect();
                assert!(difference(&squares, &b.as_vec()) < 1e-5, "{family} {}", spec.name);
            }
        }
    }
}

/// `[I; C²]` and w² on a bias, entry by entry.
#[test]
fn a_bias_follows_the_squares_of_its_sums() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let learner = pair.learner(&FactorOptions { depth_noise: 0.4, ..map_alone() });
    let grown = learner.grow_moments(&moments(&pair)).unwrap().unwrap();
    let factor = |name: &str| learner.factors.get(name).unwrap().as_vec();
    let (c, w) = (factor("B.embed"), factor("w.mlp.c_proj"));
    for i in 0..3 {
        let found = grown.second.get(&format!("transformer.h.{i}.mlp.c_proj.bias")).unwrap().as_vec();
        for (row, found) in found.iter().enumerate() {
            let of_layer = |j: usize| {
                let small = pair.parameters.get(&format!("transformer.h.{j}.mlp.c_proj.bias")).unwrap().as_vec();
                match row {
                    0..8 => small[row] * small[row],
                    _ => (0..8).map(|k| (c[(row - 8) * 8 + k] * small[k]).powi(2)).sum(),
                }
            };
            let expected: f32 = (0..2).map(|j| w[i * 2 + j] * w[i * 2 + j] * of_layer(j)).sum();
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}

#[test]
fn moments_of_another_model_are_refused() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let other = Pair::new(config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 2, 12, 3));
    let learner = pair.learner(&map_alone());
    let second = |second: &Parameters<Cpu>| Moments { second: second.clone(), ..moments(&pair) };
    let error = learner.grow_moments(&second(&other.parameters)).unwrap_err();
    assert!(matches!(error, GrowthError::Map { what, .. } if what == "the second moments"));
}
