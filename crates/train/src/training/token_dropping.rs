//! Random tokens that skip the middle layers (Hou et al. 2022; PAPER.md 3.6).

use crate::StepContext;
use crate::random::Draws;
use ligo_growth::TokenDropping;
use ligo_models::{KeptTokens, ModelConfig};
use std::ops::Range;

/// Apart from what else is drawn with a micro-batch's key.
const PURPOSE: u64 = 2;

/// The layers that tokens skip, in a model of `layers`.
pub(super) fn skipped(dropping: &TokenDropping, layers: usize) -> Range<usize> {
    let from = dropping.from_layer.unwrap_or_else(|| (layers / 2).saturating_sub(1).max(1));
    from..dropping.to_layer.unwrap_or(layers.saturating_sub(1))
}

/// Tokens of a sequence of `length` that are kept, at least one; `share` is rounded to whole tokens.
pub(super) fn kept_of(dropping: &TokenDropping, length: usize) -> usize {
    length - ((f64::from(dropping.share) * length as f64).round() as usize).min(length.saturating_sub(1))
}

/// Which tokens of each sequence go through the layers `skipped`; none if all do.
///
/// The tokens before an image's patches always do.
pub(super) fn kept(
    dropping: &TokenDropping,
    skipped: Range<usize>,
    config: &ModelConfig,
    (sequences, length): (usize, usize),
    context: &StepContext,
) -> Option<KeptTokens> {
    let prefix = config.prefix_tokens().min(length);
    let count = kept_of(dropping, length).max(prefix);
    if skipped.is_empty() || count >= length {
        return None;
    }
    let mut draws = Draws::new(context.key(), PURPOSE);
    let mut sequence = || {
        let mut places: Vec<u32> = (0..length as u32).collect();
        // The first `count` of a shuffle that leaves the prefix alone.
        for place in prefix..count {
            places.swap(place, place + draws.below(length - place));
        }
        places.truncate(count);
        places.sort_unstable();
        places
    };
    let places = (0..sequences).flat_map(|_| sequence()).collect();
    Some(KeptTokens { layers: skipped, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_models::Family;

    const DROPPING: TokenDropping = TokenDropping { share: 0.25, from_layer: None, to_layer: None };

    fn drawn(family: Family, step: u64) -> KeptTokens {
        let context = StepContext { step, schedule_step: step, micro: 0, seed: 3 };
        kept(&DROPPING, 1..3, &ligo_growth::testing::config(family, 4, 8, 2), (3, 8), &context).unwrap()
    }

    #[test]
    fn the_middle_layers_are_skipped_unless_others_are_named() {
        let cases = [(12, 5..11), (6, 2..5), (4, 1..3), (3, 1..2), (2, 1..1)];
        for (layers, expected) in cases {
            assert_eq!(skipped(&DROPPING, layers), expected);
        }
        assert!(skipped(&DROPPING, 1).is_empty());
        let named = TokenDropping { from_layer: Some(0), to_layer: Some(4), ..DROPPING };
        assert_eq!(skipped(&named, 12), 0..4);
        let share = |share, length| kept_of(&TokenDropping { share, ..DROPPING }, length);
        assert_eq!(
            [share(0.15, 128), share(0.25, 8), share(0.99, 8), share(0.0, 8), share(0.01, 8)],
            [109, 6, 1, 8, 8]
        );
    }

    #[test]
    fn every_token_is_set_aside_as_often_as_the_next_in_places_that_rise() {
        let mut times = [0; 8];
        for step in 0..2000 {
            let KeptTokens { layers, places } = drawn(Family::Gpt2, step);
            assert_eq!((layers, places.len()), (1..3, 3 * 6));
            for sequence in places.chunks(6) {
                assert!(sequence.windows(2).all(|pair| pair[0] < pair[1]), "{sequence:?}");
                sequence.iter().for_each(|&place| times[place as usize] += 1);
            }
        }
        assert!(times.iter().all(|&times| (4300..4700).contains(&times)), "{times:?}");
    }

    #[test]
    fn every_sequence_has_its_own_draw_and_an_images_first_tokens_stay() {
        let places = drawn(Family::Bert, 1).places;
        assert!(places.chunks(6).any(|sequence| sequence != &places[..6]));
        for step in 0..50 {
            assert!(drawn(Family::Deit, step).places.chunks(6).all(|sequence| sequence[..2] == [0, 1]));
        }
        let nobody = TokenDropping { share: 0.01, ..DROPPING };
        let context = StepContext { step: 0, schedule_step: 0, micro: 0, seed: 3 };
        let config = ligo_growth::testing::config(Family::Gpt2, 4, 8, 2);
        assert_eq!(kept(&nobody, 1..3, &config, (3, 8), &context), None);
    }
}
