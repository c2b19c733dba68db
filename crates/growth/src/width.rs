//! A width growth: one pair of expansions for each space that grows.

use crate::{Expansion, Result};
use ligo_models::{ModelConfig, Role, Space, SpaceSize};
use std::collections::BTreeMap;

/// How one space grows: the map for whatever produces it (B) and its partner for whatever consumes it (A).
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceMap {
    /// B: output axes, biases, embeddings, norms.
    pub produce: Expansion,
    /// A: input axes.
    pub consume: Expansion,
}

impl SpaceMap {
    /// The same map on both sides (A = B).
    pub fn tied(expansion: Expansion) -> Self {
        Self { produce: expansion.clone(), consume: expansion }
    }

    /// Net2Net's pair: large unit `i` copies small unit `from[i]`, and whatever reads the copies divides by their number c, so
    /// that the sum over the copies is what it was: `A = B · diag(1/c)`.
    ///
    /// A unit is a block of `unit` coordinates that stays whole: an attention head; 1 elsewhere.
    pub fn duplicating(from: &[usize], unit: usize) -> Self {
        let copies = |j: usize| from.iter().filter(|&&k| k == j).count();
        let counts: BTreeMap<usize, usize> = from.iter().map(|&j| (j, copies(j))).collect();
        let coordinates = || from.iter().flat_map(|&j| (0..unit).map(move |offset| (j, j * unit + offset)));
        Self {
            produce: Expansion::select(coordinates().map(|(_, i)| i)),
            consume: Expansion::Select {
                from: coordinates().map(|(_, i)| Some(i)).collect(),
                scale: Some(coordinates().map(|(j, _)| 1.0 / counts[&j] as f32).collect()),
            },
        }
    }

    /// The map for an axis of that role.
    pub fn expansion(&self, role: Role) -> &Expansion {
        match role {
            Role::Produces => &self.produce,
            Role::Consumes => &self.consume,
        }
    }
}

/// A [`SpaceMap`] for each space of the small model that grows; a space that is not in it stays as it is.
///
/// Layers are the small model's: width grows first, depth afterwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WidthMap {
    maps: BTreeMap<Space, SpaceMap>,
}

impl WidthMap {
    /// No space grows.
    pub fn keep() -> Self {
        Self::default()
    }

    /// Asks `map` for each space whose size differs between the two models, `Embed` first, then layer by layer `Query`, `Key`,
    /// `Value`, `Ffn`. It is told the space, its small and its large size.
    ///
    /// # Errors
    /// Whatever `map` reports.
    pub fn per_space(
        small: &ModelConfig,
        large: &ModelConfig,
        mut map: impl FnMut(Space, SpaceSize, SpaceSize) -> Result<SpaceMap>,
    ) -> Result<Self> {
        let in_layer = |l| [Space::Query(l), Space::Key(l), Space::Value(l), Space::Ffn(l)];
        let spaces = [Space::Embed].into_iter().chain((0..small.num_hidden_layers).flat_map(in_layer));
        let mut maps = BTreeMap::new();
        for space in spaces.filter(|&space| small.space(space) != large.space(space)) {
            maps.insert(space, map(space, small.space(space), large.space(space))?);
        }
        Ok(Self { maps })
    }

    /// The map of a space; none if it stays as it is.
    pub fn get(&self, space: Space) -> Option<&SpaceMap> {
        self.maps.get(&space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicating_pair_gives_back_the_identity_when_read_through() {
        let from = [0, 1, 2, 1, 1, 2];
        let map = SpaceMap::duplicating(&from, 2);
        let (produce, consume) = (map.produce.sources(0, 6), map.consume.sources(0, 6));
        let one = |source: &crate::expansion::Source<'_>| match *source {
            crate::expansion::Source::One { index, scale } => (index, scale),
            _ => panic!("a duplicating map only copies"),
        };
        // AᵀB must be the identity on the 6 small coordinates.
        let mut product = [[0.0_f32; 6]; 6];
        for (b, a) in produce.iter().zip(&consume) {
            let ((i, b), (j, a)) = (one(b), one(a));
            product[j][i] += a * b;
        }
        for (i, row) in product.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-6, "({i}, {j}): {value}");
            }
        }
    }

    #[test]
    fn heads_stay_whole() {
        let map = SpaceMap::duplicating(&[1, 0, 1], 2);
        assert_eq!(map.produce, Expansion::select([2, 3, 0, 1, 2, 3]));
        let Expansion::Select { scale, .. } = map.consume else { panic!("a selection") };
        assert_eq!(scale.unwrap(), [0.5, 0.5, 1.0, 1.0, 0.5, 0.5]);
    }
}
