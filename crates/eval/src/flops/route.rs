//! What a training step costs that goes through a part of the model only, or that listens to a teacher; by our convention.
//!
//! Nothing is charged that is not computed: a layer that is left out costs nothing, a layer that only runs forward no backward, a
//! token that skips a layer nothing there. What is done to weights alone, whatever the batch, is left out, as the optimiser is.

use super::ours::Count;
use super::per_element::TEACHING;
use super::{Convention, Flops, StepShape, forward_flops, without_dropout};
use ligo_models::{ModelConfig, Route};

/// FLOPs of a training step along a route; of the default route those of [`super::step_flops`].
///
/// `shape` is what the route was drawn for: its tokens are those of so many sequences.
pub fn route_flops(config: &ModelConfig, shape: StepShape, route: &Route) -> Flops {
    let shape = shape.of(config);
    let count = |shape| match route.norm_weights {
        Some(_) => Count::new(config, shape).with_weighted_norms(),
        None => Count::new(config, shape),
    };
    let whole = count(shape);
    let (alone, shortened) = match &route.kept_tokens {
        Some(kept) => {
            let sequence_length = kept.places.len() / shape.sequences.max(1);
            (kept.layers.clone(), count(StepShape { sequence_length, ..shape }))
        }
        None => (0..0, count(shape)),
    };

    let layers = config.num_hidden_layers;
    let mut flops = Flops::default();
    let mut add = |forward: f64, recorded: bool| {
        flops.forward += forward;
        flops.backward += if recorded { 2.0 * forward } else { 0.0 };
    };
    add(whole.below(), route.recorded_from == 0);
    for layer in 0..route.until.unwrap_or(layers).min(layers) {
        let count = if alone.contains(&layer) { &shortened } else { &whole };
        let kept = route.kept_layers.get(layer).copied().unwrap_or(1.0);
        let divided = if kept < 1.0 { count.kept_branches() } else { 0.0 };
        if kept > 0.0 {
            add(count.layer_with_norms() + divided, layer >= route.recorded_from);
        }
    }
    add(whole.above(), true);
    flops
}

/// FLOPs that a teacher adds to a student's step: its own forward without dropout, whose output is that of the labelled positions, and
/// the student's softened distribution and its distance from the teacher's.
pub fn teaching_flops(student: &ModelConfig, teacher: &ModelConfig, shape: StepShape) -> Flops {
    let distance = TEACHING * Count::new(student, shape.of(student)).labelled_logits();
    let of_teacher = forward_flops(&without_dropout(teacher), shape, Convention::Ours);
    Flops { forward: of_teacher + distance, backward: 2.0 * distance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step_flops;
    use ligo_models::{Family, KeptTokens};

    /// Layers of 4 with 2 heads, MLP of 16, vocabulary 10; 2 sequences of 3, all of them labelled: N = M = 6.
    fn gpt2(layers: usize) -> ModelConfig {
        ModelConfig { vocab_size: 10, max_position_embeddings: 8, ..ModelConfig::new(Family::Gpt2, 4, layers, 2) }
    }

    const SHAPE: StepShape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 };

    /// By hand, as in the tests of a whole step: embeddings; a layer with its two norms (projections, attention, its output, both
    /// halves of the MLP, residual stream); the last norm and the output.
    const BELOW: f64 = 24.0;
    const LAYER: f64 = 240.0 + 648.0 + 504.0 + 216.0 + (864.0 + 768.0) + 792.0 + 48.0;
    const ABOVE: f64 = 120.0 + 480.0 + 300.0;

    #[test]
    fn the_route_through_everything_costs_a_plain_step_in_every_family() {
        for family in Family::ALL {
            let config = ModelConfig { vocab_size: 10, ..ModelConfig::new(family, 12, 3, 2) };
            let dropped = ModelConfig { hidden_dropout: 0.1, attention_dropout: 0.1, ..config.clone() };
            for config in [config, dropped] {
                let (found, expected) =
                    (route_flops(&config, SHAPE, &Route::default()), step_flops(&config, SHAPE, Convention::Ours));
                for (found, expected) in [(found.forward, expected.forward), (found.backward, expected.backward)] {
                    assert!((found / expected - 1.0).abs() < 1e-12, "{family}: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn every_kind_of_route_costs_what_pencil_and_paper_give() {
        let route = Route::default;
        // Of 4 tokens in 2 sequences: norms, projections, output, MLP and residual stream by 4 of 6, 16 scores instead of 36.
        let short = 4.0 / 6.0 * (LAYER - 504.0) + 504.0 * 16.0 / 36.0;
        let tokens = |layers| KeptTokens { layers, places: vec![0, 2, 1, 2] };
        // Two products more for each of 24 normed elements.
        let weighted = 2.0 * 24.0;
        // (the route, forward, of it recorded)
        let cases = [
            (Route { recorded_from: 2, ..route() }, BELOW + 3.0 * LAYER + ABOVE, LAYER + ABOVE),
            (Route { recorded_from: 3, ..route() }, BELOW + 3.0 * LAYER + ABOVE, ABOVE),
            (Route { until: Some(1), ..route() }, BELOW + LAYER + ABOVE, BELOW + LAYER + ABOVE),
            (Route { until: Some(2), recorded_from: 1, ..route() }, BELOW + 2.0 * LAYER + ABOVE, LAYER + ABOVE),
            // The second layer is left out, the branches of the third are divided.
            (
                Route { kept_layers: vec![1.0, 0.0, 0.75], ..route() },
                BELOW + 2.0 * LAYER + 48.0 + ABOVE,
                BELOW + 2.0 * LAYER + 48.0 + ABOVE,
            ),
            (
                Route { kept_tokens: Some(tokens(1..3)), ..route() },
                BELOW + LAYER + 2.0 * short + ABOVE,
                BELOW + LAYER + 2.0 * short + ABOVE,
            ),
            (
                Route { norm_weights: Some(vec![1.0; 4]), recorded_from: 1, ..route() },
                BELOW + 3.0 * (LAYER + 2.0 * weighted) + ABOVE + weighted,
                2.0 * (LAYER + 2.0 * weighted) + ABOVE + weighted,
            ),
        ];
        for (route, forward, recorded) in cases {
            let found = route_flops(&gpt2(3), SHAPE, &route);
            assert!((found.forward - forward).abs() < 1e-9, "{route:?}: {}, not {forward}", found.forward);
            assert!((found.backward - 2.0 * recorded).abs() < 1e-9, "{route:?}: {}, not {recorded}", found.backward);
        }
    }

    #[test]
    fn a_teacher_costs_its_forward_and_the_distance_from_it() {
        let student = ModelConfig { hidden_dropout: 0.1, ..gpt2(3) };
        let found = teaching_flops(&student, &ModelConfig { hidden_dropout: 0.1, ..gpt2(1) }, SHAPE);
        // 60 logits, of each a softmax of 5 and 3 more.
        assert_eq!(found, Flops { forward: BELOW + LAYER + ABOVE + 480.0, backward: 960.0 });
    }
}
