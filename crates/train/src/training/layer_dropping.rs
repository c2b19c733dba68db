//! Progressive layer dropping (Zhang & He 2020; PAPER.md 3.6): which layers a micro-batch goes through.

use crate::StepContext;
use crate::random::Draws;
use ligo_growth::LayerDropping;

/// Apart from what else is drawn with a micro-batch's key.
const PURPOSE: u64 = 1;

/// The probability with which layer `layer` (from 0) of `layers` is left out: `p(t) · (layer + 1) / layers` with
/// `p(t) = max_rate · (1 − exp(−100 t / S))`, t being the step of the schedule and S its steps.
pub(super) fn rate(dropping: &LayerDropping, layer: usize, layers: usize, step: u64, steps: u64) -> f64 {
    let risen = 1.0 - (-100.0 * step as f64 / steps.max(1) as f64).exp();
    f64::from(dropping.max_rate) * risen * (layer + 1) as f64 / layers as f64
}

/// For each layer the probability with which it was kept, or 0 where it is left out; empty where all stay for sure.
pub(super) fn kept(dropping: &LayerDropping, layers: usize, context: &StepContext, steps: u64) -> Vec<f32> {
    let rates: Vec<f64> =
        (0..layers).map(|layer| rate(dropping, layer, layers, context.schedule_step, steps)).collect();
    if rates.iter().all(|&rate| rate <= 0.0) {
        return Vec::new();
    }
    let mut draws = Draws::new(context.key(), PURPOSE);
    rates.into_iter().map(|rate| if draws.uniform() < rate { 0.0 } else { (1.0 - rate) as f32 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPPING: LayerDropping = LayerDropping { max_rate: 0.4 };

    fn context(step: u64) -> StepContext {
        StepContext { step, schedule_step: step, micro: 0, seed: 9 }
    }

    #[test]
    fn the_rate_rises_with_depth_and_time() {
        let cases = [
            (0, 0, 0.0),
            (3, 0, 0.0),
            (3, 10, 0.4 * (1.0 - (-1.0_f64).exp())),
            (0, 10, 0.1 * (1.0 - (-1.0_f64).exp())),
            (3, 1000, 0.4),
            (1, 1000, 0.2),
        ];
        for (layer, step, expected) in cases {
            let found = rate(&DROPPING, layer, 4, step, 1000);
            assert!((found - expected).abs() < 1e-7, "layer {layer}, step {step}: {found}, not {expected}");
        }
    }

    #[test]
    fn layers_are_left_out_as_often_as_their_rate_says_and_each_micro_batch_has_its_own_draw() {
        assert!(kept(&DROPPING, 4, &context(0), 1000).is_empty());
        let mut left_out = [0; 4];
        for step in 1000..5000 {
            for (count, kept) in left_out.iter_mut().zip(kept(&DROPPING, 4, &context(step), 1000)) {
                *count += u32::from(kept == 0.0);
            }
        }
        for (layer, count) in left_out.into_iter().enumerate() {
            let share = f64::from(count) / 4000.0;
            assert!((share - 0.1 * (layer + 1) as f64).abs() < 0.03, "layer {layer}: {share}");
        }
        let drawn = |micro| -> Vec<_> {
            (1000..1050).map(|step| kept(&DROPPING, 4, &StepContext { micro, ..context(step) }, 1000)).collect()
        };
        assert_ne!(drawn(0), drawn(1));
        assert_eq!(drawn(1), drawn(1));
    }
}
