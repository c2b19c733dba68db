//! Which small coordinate and which small layer each large one takes. Not here: what the options are called.

use ligo_growth::{
    DepthMap, Expansion, Growth, GrowthError, GrowthOperator, LinearGrowth, Made, Moments, Result, SpaceMap, WidthMap,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters, Space, SpaceSize};
use serde::Deserialize;

/// Where the whole copy of the small weights lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offset {
    /// In the middle: off = ⌊(D − d) / 2⌋.
    #[default]
    Centre,
    /// At the start: off = 0.
    Edge,
}

/// What lies around the whole copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Around {
    /// The small weights again.
    #[default]
    Tiles,
    /// The large model's own start.
    Fresh,
}

/// What is tiled where queries, keys and values are made of heads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heads {
    /// Heads, where they are equally long in both models.
    #[default]
    Whole,
    /// Coordinates as on every other axis, as in the original: a copy may begin in the middle of a head.
    Cut,
}

/// The operator behind [`crate::ModernBertTiling`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tiling {
    /// Where the whole copy lies.
    pub offset: Offset,
    /// What lies around it.
    pub around: Around,
    /// What is tiled in attention.
    pub heads: Heads,
}

impl Tiling {
    /// Refuses to cut heads under rotary positions: the two coordinates of a pair, half a head apart, would come from two heads.
    /// The large model is one that the small one can grow to, with heads of the same length there.
    ///
    /// Keys alone are looked at. Where their heads stay whole the queries' do too, and stay with the key head that they share,
    /// as off is then a whole number of groups.
    ///
    /// # Errors
    /// [`GrowthError::Option`] for `heads`.
    pub(crate) fn check(self, small: &ModelConfig, large: &ModelConfig) -> Result<()> {
        if self.heads == Heads::Whole || !small.family.is_llama_style() {
            return Ok(());
        }
        let [from, to] = [small, large].map(|config| config.space(Space::Key(0)));
        if self.off(from.width(), to.width()).is_multiple_of(from.unit) {
            return Ok(());
        }
        let reason = format!(
            "found \"cut\", which tiles {} key heads to {} from the middle of a head and tears its rotary pairs apart, expected \
             \"whole\", or offset = \"edge\", or an even number of new key heads",
            from.units, to.units,
        );
        Err(GrowthError::option(crate::NAME, "heads", reason))
    }

    fn linear(self, small: &ModelConfig, large: &ModelConfig) -> Result<LinearGrowth> {
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let width = WidthMap::per_space(small, large, |space, from, to| {
            // Query heads go with the value head that they share.
            let together = if matches!(space, Space::Query(_)) { sharing } else { 1 };
            let from = self.coordinates(from, to, together);
            Ok(SpaceMap::tied(Expansion::Select { from, scale: None }))
        })?;
        self.check(small, large)?;
        let depth = DepthMap::list(small.num_hidden_layers, &layers(small.num_hidden_layers, large.num_hidden_layers))?;
        Ok(LinearGrowth { width, depth })
    }

    /// For each large coordinate the small one; whole units if asked for and equally long, `together` of them at a time.
    fn coordinates(self, small: SpaceSize, large: SpaceSize, together: usize) -> Vec<Option<usize>> {
        let block = match self.heads {
            Heads::Whole if small.unit == large.unit => small.unit * together,
            _ => 1,
        };
        let blocks = self.map(small.width() / block, large.width() / block);
        let coordinates = |j: Option<usize>| (0..block).map(move |o| j.map(|j| j * block + o));
        blocks.into_iter().flat_map(coordinates).collect()
    }

    /// off: where the whole copy begins.
    fn off(self, small: usize, large: usize) -> usize {
        match self.offset {
            Offset::Centre => (large - small) / 2,
            Offset::Edge => 0,
        }
    }

    /// g: for each of D the one of d.
    fn map(self, small: usize, large: usize) -> Vec<Option<usize>> {
        let off = self.off(small, large);
        let tiled = |j: usize| match self.around {
            Around::Fresh if !(off..off + small).contains(&j) => None,
            // Beyond the left edge the modulus is that of a number below 0: a whole number of tiles is added first.
            _ => Some((j + off.div_ceil(small) * small - off) % small),
        };
        (0..large).map(tiled).collect()
    }
}

impl<D: Kernels> GrowthOperator<D> for Tiling {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth.small.config(), growth.large.config())?.grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth.small.config(), growth.large.config())?.grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth.small.config(), growth.large.config())?.grow_moments(growth, moments)
    }
}

/// For each of the `large` layers the one of the `small` that it takes: round(i · L1 / L2), halves to even.
pub(crate) fn layers(small: usize, large: usize) -> Vec<usize> {
    let rounded = |i: usize| {
        let (whole, rest) = (i * small / large, i * small % large);
        let up = 2 * rest > large || 2 * rest == large && whole % 2 == 1;
        (whole + usize::from(up)).min(small - 1)
    };
    (0..large).map(rounded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_map_is_the_papers() {
        let some = |from: &[usize]| -> Vec<Option<usize>> { from.iter().map(|&j| Some(j)).collect() };
        let tiles = |offset| Tiling { offset, ..Tiling::default() };
        assert_eq!(tiles(Offset::Centre).map(4, 7), some(&[3, 0, 1, 2, 3, 0, 1]));
        assert_eq!(tiles(Offset::Centre).map(3, 9), some(&[0, 1, 2, 0, 1, 2, 0, 1, 2]));
        assert_eq!(tiles(Offset::Centre).map(2, 9), some(&[1, 0, 1, 0, 1, 0, 1, 0, 1]));
        assert_eq!(tiles(Offset::Edge).map(4, 7), some(&[0, 1, 2, 3, 0, 1, 2]));
        let fresh = Tiling { around: Around::Fresh, ..Tiling::default() };
        assert_eq!(fresh.map(4, 7), [None, Some(0), Some(1), Some(2), Some(3), None, None]);
        // 768 to 1024: 128 on either side.
        let map = tiles(Offset::Centre).map(768, 1024);
        assert_eq!(
            (map[0], map[127], map[128], map[895], map[896]),
            (Some(640), Some(767), Some(0), Some(767), Some(0))
        );
    }

    #[test]
    fn whole_heads_of_64_are_the_same_as_coordinates() {
        let heads = |units| SpaceSize { units, unit: 64 };
        let plain = |units| SpaceSize { units, unit: 1 };
        let tiling = Tiling::default();
        assert_eq!(tiling.coordinates(heads(12), heads(16), 1), tiling.coordinates(plain(768), plain(1024), 1));
    }

    #[test]
    fn heads_stay_whole_and_with_the_value_head_that_they_share() {
        let heads = |units| SpaceSize { units, unit: 2 };
        let some = |from: &[usize]| -> Vec<Option<usize>> { from.iter().map(|&j| Some(j)).collect() };
        let tiling = Tiling::default();
        // 2 value heads to 3, off = 0: 0 1 0. 4 query heads to 6, two to each.
        assert_eq!(tiling.coordinates(heads(2), heads(3), 1), some(&[0, 1, 2, 3, 0, 1]));
        assert_eq!(tiling.coordinates(heads(4), heads(6), 2), some(&[0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]));
        // Cut: off = 1 coordinate.
        let tiling = Tiling { heads: Heads::Cut, ..tiling };
        assert_eq!(tiling.coordinates(heads(2), heads(3), 1), some(&[3, 0, 1, 2, 3, 0]));
    }

    #[test]
    fn the_base_models_22_layers_become_the_large_ones_28() {
        let list = layers(22, 28);
        let repeated: Vec<usize> = (0..22).filter(|j| list.iter().filter(|k| *k == j).count() == 2).collect();
        assert_eq!(repeated, [2, 6, 9, 13, 16, 20]);
        assert_eq!(list.len(), 28);
        assert!(list.is_sorted() && (0..22).all(|j| list.contains(&j)), "{list:?}");
        assert_eq!(layers(2, 3), [0, 1, 1]);
        assert_eq!(layers(1, 3), [0, 0, 0]);
        assert_eq!(layers(4, 4), [0, 1, 2, 3]);
    }
}
