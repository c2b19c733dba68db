//! A width growth: one pair of expansions for each space that grows.

use crate::sizes::check_shapes;
use crate::{Expansion, Result};
use ligo_models::{Family, ModelConfig, Role, Space, SpaceSize};
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
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        from.iter().for_each(|&j| *counts.entry(j).or_default() += 1);
        let coordinates = || from.iter().flat_map(|&j| (0..unit).map(move |offset| (j, j * unit + offset)));
        Self {
            produce: Expansion::select(coordinates().map(|(_, i)| i)),
            consume: Expansion::Select {
                from: coordinates().map(|(_, i)| Some(i)).collect(),
                scale: Some(coordinates().map(|(j, _)| 1.0 / counts[&j] as f32).collect()),
            },
        }
    }

    /// Of a space in which every unit of `space` stands `times` times side by side.
    fn repeated(&self, space: Space, small: SpaceSize, large: SpaceSize, times: usize) -> Result<Self> {
        let repeated = |map: &Expansion| -> Result<Expansion> {
            map.check(&space.to_string(), small.width(), large.width())?;
            Ok(map.repeated(small, large, times))
        };
        Ok(Self { produce: repeated(&self.produce)?, consume: repeated(&self.consume)? })
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
    norms: Option<NormMap>,
}

/// What becomes of the gains and biases of the norms over the residual stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NormMap {
    /// In the place of the map of `Embed`.
    pub(crate) map: SpaceMap,
    /// What gains are multiplied with besides.
    pub(crate) gain: f32,
}

impl WidthMap {
    /// No space grows.
    pub fn keep() -> Self {
        Self::default()
    }

    /// Asks `map` for each space whose size differs between the two models, `Embed` first, then layer by layer `Query`, `Key`,
    /// `Value`, `Heads` (where talking heads mix them) and `Ffn`; CaiT's class-attention layers are the last. It is told the
    /// space, its small and its large size.
    ///
    /// `Context` is not asked for: where query heads share value heads, each follows the map of its value head.
    ///
    /// # Errors
    /// As [`crate::check_growth`], but that ε may differ; whatever `map` reports; [`crate::GrowthError::Map`] if a map of
    /// values does not fit them.
    pub fn per_space(
        small: &ModelConfig,
        large: &ModelConfig,
        mut map: impl FnMut(Space, SpaceSize, SpaceSize) -> Result<SpaceMap>,
    ) -> Result<Self> {
        check_shapes(small, large)?;
        let talking = |l| small.family == Family::Cait && l < small.num_hidden_layers;
        let in_layer = |l| {
            let heads = talking(l).then_some(Space::Heads(l));
            [Space::Query(l), Space::Key(l), Space::Value(l)].into_iter().chain(heads).chain([Space::Ffn(l)])
        };
        let layers = small.num_hidden_layers + small.num_class_layers();
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let mut maps = BTreeMap::new();
        for space in [Space::Embed].into_iter().chain((0..layers).flat_map(in_layer)) {
            let (from, to) = sizes(space, small, large);
            if from == to {
                continue;
            }
            let map = map(space, from, to)?;
            if let Space::Value(layer) = space
                && sharing > 1
            {
                maps.insert(Space::Context(layer), map.repeated(space, from, to, sharing)?);
            }
            maps.insert(space, map);
        }
        Ok(Self { maps, norms: None })
    }

    /// The same with another map for one space of the small model.
    pub fn with(mut self, space: Space, map: SpaceMap) -> Self {
        self.maps.insert(space, map);
        self
    }

    /// The same, but that the gains and biases of the norms around blocks (before each attention and MLP, and before the head)
    /// grow by `map` instead of the map of `Embed`, and gains are multiplied by `gain`: where a wider stream has another mean
    /// square, so that the norm divides by another number, the gain can make up for it.
    ///
    /// A gain that is multiplied has a gradient that is divided, and its moments grow accordingly.
    pub fn with_norms(mut self, map: SpaceMap, gain: f32) -> Self {
        self.norms = Some(NormMap { map, gain });
        self
    }

    /// The map of a space; none if it stays as it is.
    pub fn get(&self, space: Space) -> Option<&SpaceMap> {
        self.maps.get(&space)
    }

    /// The maps of the norms; none where they follow `Embed`.
    pub(crate) fn norms(&self) -> Option<&NormMap> {
        self.norms.as_ref()
    }

    /// Whether something keeps the large model's own start.
    pub(crate) fn leaves_fresh(&self) -> bool {
        let maps = self.maps.values().chain(self.norms.as_ref().map(|norms| &norms.map));
        maps.flat_map(|map| [&map.produce, &map.consume]).any(Expansion::leaves_fresh)
    }
}

/// How large a space of the small model is there, and in the large model.
///
/// CaiT's class-attention layers are counted on from the layers before them, whose number may have grown.
pub(crate) fn sizes(space: Space, small: &ModelConfig, large: &ModelConfig) -> (SpaceSize, SpaceSize) {
    let in_large = match space.layer() {
        Some(layer) if layer >= small.num_hidden_layers => {
            space.in_layer(layer - small.num_hidden_layers + large.num_hidden_layers)
        }
        _ => space,
    };
    (small.space(space), large.space(in_large))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    fn asked(small: &ModelConfig, large: &ModelConfig) -> (Vec<(Space, usize, usize)>, WidthMap) {
        let mut asked = Vec::new();
        let map = WidthMap::per_space(small, large, |space, small, large| {
            asked.push((space, small.width(), large.width()));
            Ok(SpaceMap::tied(Expansion::pad(small, large)))
        });
        (asked, map.unwrap())
    }

    #[test]
    fn spaces_are_asked_for_in_order_and_class_layers_with_their_own_widths() {
        use Space::{Embed, Ffn, Heads, Key, Query, Value};
        let (gpt2, _) = asked(&config(Family::Gpt2, 1, 8, 2), &config(Family::Gpt2, 3, 12, 3));
        assert_eq!(gpt2, [(Embed, 8, 12), (Query(0), 8, 12), (Key(0), 8, 12), (Value(0), 8, 12), (Ffn(0), 32, 48)]);

        let cait = |layers, class_ffn, hidden, heads| {
            let one = ModelConfig { num_class_layers: Some(1), ..config(Family::Cait, layers, hidden, heads) };
            ModelConfig { class_intermediate_size: Some(class_ffn), ..one }
        };
        let (cait, _) = asked(&cait(1, 5, 8, 2), &cait(2, 7, 12, 3));
        let layer = |l| [(Query(l), 8, 12), (Key(l), 8, 12), (Value(l), 8, 12)];
        let mut expected = vec![(Embed, 8, 12)];
        expected.extend(layer(0));
        expected.extend([(Heads(0), 2, 3), (Ffn(0), 32, 48)]);
        expected.extend(layer(1));
        expected.push((Ffn(1), 5, 7));
        assert_eq!(cait, expected);
    }

    #[test]
    fn heads_that_share_values_follow_their_value_head() {
        let grouped = |hidden, heads| {
            let config = config(Family::Llama, 1, hidden, heads);
            ModelConfig { num_key_value_heads: Some(heads / 2), head_dim: Some(2), ..config }
        };
        let (asked, map) = asked(&grouped(8, 2), &grouped(8, 4));
        assert_eq!(asked, [(Space::Query(0), 4, 8), (Space::Key(0), 2, 4), (Space::Value(0), 2, 4)]);
        let first_group = (0..8).map(|i| (i < 4).then_some(i)).collect();
        let expected = SpaceMap::tied(Expansion::Select { from: first_group, scale: None });
        assert_eq!(map.get(Space::Context(0)), Some(&expected));

        let short = |_, _, _| Ok(SpaceMap::tied(Expansion::select([0])));
        let error = WidthMap::per_space(&grouped(8, 2), &grouped(8, 4), short).unwrap_err().to_string();
        assert!(error.contains("the expansion of value of layer 0: found 1 coordinates"), "{error}");
    }

    #[test]
    fn a_duplicating_pair_gives_back_the_identity_when_read_through() {
        let from = [0, 1, 2, 1, 1, 2];
        let map = SpaceMap::duplicating(&from, 2);
        let (produce, consume) = (map.produce.matrix(6).unwrap(), map.consume.matrix(6).unwrap());
        // AᵀB must be the identity on the 6 small coordinates.
        let mut product = [[0.0_f32; 6]; 6];
        for (b, a) in produce.chunks_exact(6).zip(consume.chunks_exact(6)) {
            for (i, j) in (0..6).flat_map(|i| (0..6).map(move |j| (i, j))) {
                product[j][i] += a[j] * b[i];
            }
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
