//! Widening by copies (Net2Net, FPI): which small coordinate, or head, each large one copies.
//!
//! Each space has an index map g, the identity on the old range and drawn beyond. Whoever makes a copied coordinate makes it as
//! often as it is there, whoever reads it divides by the number of copies ([`SpaceMap::duplicating`]).

use crate::{GrowthError, Result, SpaceMap, WidthMap};
use ligo_models::{ModelConfig, Space};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

/// How the copied coordinates are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// Each new coordinate copies an old one at random, with replacement.
    #[default]
    Random,
    /// The old coordinates are dealt out in random order, round after round, so that their counts differ by at most one; by none
    /// if the large width is a multiple of the small one.
    Balanced,
}

/// Checks that heads can be copied whole: they are equally long in both models.
///
/// # Errors
/// [`GrowthError::Sizes`] that names the number of heads which would do.
pub fn check_head_dim(method: &str, small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let (from, to) = (small.head_dim(), large.head_dim());
    if from == to {
        return Ok(());
    }
    Err(GrowthError::Sizes {
        what: "num_attention_heads".into(),
        found: format!("{} (heads of {to})", large.num_attention_heads),
        expected: format!(
            "heads of {from} as in the small model, which {method} copies whole: num_attention_heads = hidden_size / {from}"
        ),
    })
}

impl WidthMap {
    /// FPI's maps: one for the residual stream, for each layer one for its heads and one for its MLP. Heads have to be equally
    /// long ([`check_head_dim`]).
    ///
    /// # Errors
    /// As [`WidthMap::per_space`].
    pub fn copies(small: &ModelConfig, large: &ModelConfig, draw: Draw, seed: u64) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        Self::copying(small, large, |from, to| index_map(&mut rng, from, to, draw))
    }

    /// The small model's units side by side, again and again: large unit i copies small unit i mod d, in every space, and
    /// whatever reads copies divides by their number. With D = n · d the residual stream becomes `[h, h, …, h]`. Heads have to
    /// be equally long ([`check_head_dim`]).
    ///
    /// # Errors
    /// As [`WidthMap::per_space`].
    pub fn tiled(small: &ModelConfig, large: &ModelConfig) -> Result<Self> {
        Self::copying(small, large, |from, to| (0..to).map(|i| i % from).collect())
    }

    /// Copies as `choose` says: told how many units a space has and how many it will have, it gives the small unit of each
    /// large one. It is asked for the residual stream, for each layer's key and value heads, whose map their query heads share,
    /// and for its MLP.
    ///
    /// # Errors
    /// As [`WidthMap::per_space`].
    pub fn copying(
        small: &ModelConfig,
        large: &ModelConfig,
        mut choose: impl FnMut(usize, usize) -> Vec<usize>,
    ) -> Result<Self> {
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let (value_heads, large_value_heads) = (small.num_key_value_heads(), large.num_key_value_heads());
        let mut heads: Option<(usize, Vec<usize>)> = None;
        Self::per_space(small, large, |space, from, to| {
            // Queries and keys meet head by head, the scores weigh the values of that head, and talking heads mix the scores: one
            // map for them all. Where several query heads share a value head, they are copied together.
            let of_heads = match space {
                Space::Query(layer) | Space::Heads(layer) => Some((layer, sharing)),
                Space::Key(layer) | Space::Value(layer) => Some((layer, 1)),
                _ => None,
            };
            Ok(match of_heads {
                Some((layer, together)) => {
                    let value_heads = match &heads {
                        Some((of, map)) if *of == layer => map,
                        _ => &heads.insert((layer, choose(value_heads, large_value_heads))).1,
                    };
                    SpaceMap::duplicating(&together_with(value_heads, together), from.unit)
                }
                None => SpaceMap::duplicating(&choose(from.units, to.units), from.unit),
            })
        })
    }
}

/// What the query heads copy whose value heads copy `value_heads`, `together` of them sharing each.
pub fn together_with(value_heads: &[usize], together: usize) -> Vec<usize> {
    value_heads.iter().flat_map(|j| (0..together).map(move |k| j * together + k)).collect()
}

/// g: the identity on the first `small`, drawn beyond.
fn index_map(rng: &mut StdRng, small: usize, large: usize, draw: Draw) -> Vec<usize> {
    let mut map: Vec<usize> = (0..small).collect();
    while map.len() < large {
        match draw {
            Draw::Random => map.push(rng.random_range(0..small)),
            Draw::Balanced => {
                let mut round: Vec<usize> = (0..small).collect();
                round.shuffle(rng);
                round.truncate(large - map.len());
                map.extend(round);
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_the_old_range_and_draws_the_rest_from_it() {
        for draw in [Draw::Random, Draw::Balanced] {
            let map = index_map(&mut StdRng::seed_from_u64(1), 5, 12, draw);
            assert_eq!(map.len(), 12);
            assert_eq!(map[..5], [0, 1, 2, 3, 4]);
            assert!(map.iter().all(|&j| j < 5), "{map:?}");
        }
    }

    #[test]
    fn balanced_counts_differ_by_at_most_one() {
        for (small, large) in [(5, 12), (4, 8), (7, 8), (3, 3)] {
            let map = index_map(&mut StdRng::seed_from_u64(2), small, large, Draw::Balanced);
            let counts: Vec<usize> = (0..small).map(|j| map.iter().filter(|&&k| k == j).count()).collect();
            let (least, most) = (counts.iter().min(), counts.iter().max());
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
        }
    }
}
