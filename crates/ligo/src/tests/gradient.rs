//! The gradient of the large model's loss in the factors, against central differences.

use super::{Pair, batch, config, grouped, map_alone};
use crate::operator::LigoLearner;
use crate::options::{BiasDepth, DepthWeights, FactorOptions, Rotary, Sharing, Tying, WidthForm, WidthStart};
use crate::plan::DepthOrder;
use ligo_growth::Learner;
use ligo_kernels::{Cpu, GradTape, NoneTape, gradients_for};
use ligo_models::{Family, Mode};
use std::sync::Arc;

fn loss(pair: &Pair, learner: &LigoLearner<Cpu>) -> f64 {
    let weights = learner.materialise().unwrap();
    f64::from(
        pair.large.loss(&mut NoneTape, &weights, &batch(pair.large.config().family), Mode::Evaluate).unwrap().as_vec()
            [0],
    )
}

fn gradients(pair: &Pair, learner: &LigoLearner<Cpu>) -> Vec<Vec<f32>> {
    let mut tape = GradTape::default();
    let weights = learner.expand(&mut tape).unwrap();
    let loss = pair.large.loss(&mut tape, &weights, &batch(pair.large.config().family), Mode::Evaluate).unwrap();
    let mut gradients = gradients_for(learner.factors().tensors());
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    learner.factors().tensors().iter().map(|factor| gradients.get(factor).as_vec()).collect()
}

/// Along the gradient g of each factor and along a direction v unrelated to it, the loss must change by ⟨g, v⟩ per unit length.
///
/// Central differences with steps h and h/2, extrapolated so that the error of third order cancels. Losses are f32, about 3 and so
/// exact to 2e-7, which makes 2e-4 of noise at h = 5e-3; where the loss is steep a shorter step will do. Tolerance: 1 % of the
/// gradient's length, and the noise.
fn check(pair: &Pair, learner: &mut LigoLearner<Cpu>, case: &str) {
    const STEP: f64 = 5e-3;
    let kept = gradients(pair, learner);
    // At these sizes everything is kept for backward; real models make it again, which must come to the same.
    Arc::make_mut(&mut learner.plan).modules.iter_mut().for_each(|module| module.kept = false);
    let gradients = gradients(pair, learner);
    for (i, (kept, again)) in kept.iter().zip(&gradients).enumerate() {
        let spec = &learner.factors().specs()[i];
        let largest = kept.iter().fold(1e-3_f32, |most, v| most.max(v.abs()));
        let apart = kept.iter().zip(again).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(apart < 1e-4 * largest, "{case} {}: {apart} of {largest}", spec.name);
    }
    for (i, gradient) in gradients.iter().enumerate() {
        let name = learner.factors().specs()[i].name.clone();
        let start = learner.factors().tensors()[i].as_vec();
        let unrelated: Vec<f64> = (0..gradient.len()).map(|k| (k as f64 * 1.7 + 0.3).sin()).collect();
        let along: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let steepness = length(&along);
        // A bias of the keys shifts all scores of a query alike, and so does one of talking heads before the softmax, which does
        // not see it: that gradient is 0 in truth.
        let unseen = ["key.bias", ".k.bias", "proj_l.bias"].iter().any(|end| name.ends_with(end));
        assert!(steepness > 6e-4 || unseen, "{case} {name}: the gradient vanishes, {steepness}");
        let length_of_step = STEP.min(0.03 / steepness);
        let directions = [along, unrelated].into_iter().filter(|direction| length(direction) > 0.0);
        for direction in directions {
            let norm = length(&direction);
            let expected = gradient.iter().zip(&direction).map(|(&g, v)| f64::from(g) * v / norm).sum::<f64>();
            let mut at = |step: f64| {
                let moved: Vec<f32> =
                    start.iter().zip(&direction).map(|(&x, v)| (f64::from(x) + step * v / norm) as f32).collect();
                learner.factors_mut().tensors_mut()[i].copy_from(&moved);
                loss(pair, learner)
            };
            let mut slope = |step: f64| (at(step) - at(-step)) / (2.0 * step);
            let found = (4.0 * slope(length_of_step / 2.0) - slope(length_of_step)) / 3.0;
            let tolerance = 0.01 * steepness + 2e-4;
            assert!((found - expected).abs() < tolerance, "{case} {name}: {found}, expected {expected} ± {tolerance}");
        }
        learner.factors_mut().tensors_mut()[i].copy_from(&start);
    }
}

/// A start whose depth weights all count.
fn noisy() -> FactorOptions {
    FactorOptions { depth_noise: 0.3, ..map_alone() }
}

#[test]
fn factors_have_the_gradient_that_finite_differences_give() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 3, 12, 3));
        let own = FactorOptions {
            width_form: WidthForm::Free,
            tying: Tying::Untied,
            bias_depth: BiasDepth::Own,
            head_factor: true,
            ..noisy()
        };
        for options in [noisy(), own] {
            check(&pair, &mut pair.learner(&options), &format!("{family} {options:?}"));
        }
        let mut learner = pair.learner(&noisy());
        let modules = &mut Arc::make_mut(&mut learner.plan).modules;
        modules.iter_mut().for_each(|module| module.depth_order = DepthOrder::DepthFirst);
        check(&pair, &mut learner, &format!("{family} depth first"));
    }
}

/// Every way in which one factor's gradient can depend on another option.
#[test]
fn every_combination_of_options_has_the_gradient_that_finite_differences_give() {
    for family in [Family::Gpt2, Family::Bert, Family::Cait, Family::Qwen3] {
        let (small, large) = match family {
            Family::Qwen3 => (grouped(family, 2, 8, 4), grouped(family, 3, 12, 6)),
            _ => (config(family, 2, 8, 2), config(family, 3, 12, 3)),
        };
        let pair = Pair::new(small, large);
        for sharing in [Sharing::PerKind, Sharing::PerSmallLayer, Sharing::PerLargeLayer] {
            for tying in [Tying::Tied, Tying::Scaled, Tying::Untied] {
                let width_form = if tying == Tying::Scaled { WidthForm::Free } else { WidthForm::Identity };
                let options = FactorOptions { sharing, tying, width_form, head_factor: true, ..noisy() };
                check(&pair, &mut pair.learner(&options), &format!("{family} {options:?}"));
            }
            let additions = FactorOptions { sharing, residual: true, fresh: true, tune_small: true, ..noisy() };
            check(&pair, &mut pair.learner(&additions), &format!("{family} {additions:?}"));
        }
        let others = [
            FactorOptions { tying: Tying::Scaled, depth_weights: DepthWeights::Shared, ..noisy() },
            FactorOptions { rotary: Rotary::Dense, bias_depth: BiasDepth::Own, ..noisy() },
            FactorOptions {
                width_start: WidthStart::SelectionNormalised,
                tying: Tying::Untied,
                depth_weights: DepthWeights::Shared,
                bias_depth: BiasDepth::Own,
                ..noisy()
            },
            FactorOptions { tune_small: true, fresh: true, width_start: WidthStart::Gaussian, ..noisy() },
        ];
        for options in others {
            check(&pair, &mut pair.learner(&options), &format!("{family} {options:?}"));
        }
    }
}

#[test]
fn factors_of_heads_that_share_values_have_the_gradient_that_finite_differences_give() {
    for family in [Family::Llama, Family::Qwen3] {
        let pair = Pair::new(grouped(family, 2, 8, 4), grouped(family, 3, 12, 6));
        for tying in [Tying::Tied, Tying::Untied] {
            let options = FactorOptions { tying, ..noisy() };
            check(&pair, &mut pair.learner(&options), &format!("{family} {options:?}"));
        }
    }
}

#[test]
fn growing_in_one_direction_only_has_factors_and_gradients_of_that_direction_only() {
    for family in Family::ALL {
        let cases = [(config(family, 4, 8, 2), "w."), (config(family, 2, 12, 3), "B.")];
        for (large, prefix) in cases {
            let pair = Pair::new(config(family, 2, 8, 2), large);
            let mut learner = pair.learner(&map_alone());
            assert!(learner.factors().specs().iter().all(|spec| spec.name.starts_with(prefix)));
            check(&pair, &mut learner, &format!("{family} {prefix}"));
        }
    }
}
