//! The index maps: which small coordinate (or head) each large one copies.

use ligo_growth::{Result, SpaceMap, WidthMap};
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

/// One map for the residual stream; for each layer one for its heads and one for its MLP.
pub(crate) fn draw(small: &ModelConfig, large: &ModelConfig, draw: Draw, seed: u64) -> Result<WidthMap> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut heads: Option<(usize, SpaceMap)> = None;
    WidthMap::per_space(small, large, |space, from, to| {
        let mut fresh = || SpaceMap::duplicating(&index_map(&mut rng, from.units, to.units, draw), from.unit);
        Ok(match space {
            // Queries and keys meet head by head, and the scores weigh the values of that head: one map for the three.
            Space::Query(layer) | Space::Key(layer) | Space::Value(layer) => match &heads {
                Some((of, map)) if *of == layer => map.clone(),
                _ => heads.insert((layer, fresh())).1.clone(),
            },
            _ => fresh(),
        })
    })
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
