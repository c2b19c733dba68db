//! A depth growth: which small layers make each large one.

use crate::{GrowthError, Result};
use std::collections::BTreeSet;

/// For each large layer the small layers that it is a weighted sum of (w of PAPER.md 1.3, sparse).
///
/// ```
/// use ligo_growth::DepthMap;
/// assert_eq!(DepthMap::stack(2, 5).layers(), Some(vec![0, 1, 0, 1, 0]));
/// assert_eq!(DepthMap::interpolate(2, 5).layers(), Some(vec![0, 0, 0, 1, 1]));
/// assert_eq!(DepthMap::stack_then_top(3, 8).layers(), Some(vec![0, 1, 2, 0, 1, 2, 1, 2]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DepthMap {
    small_layers: usize,
    /// Per large layer: (small layer, weight).
    sources: Vec<Vec<(usize, f32)>>,
    /// Large layers that at first pass on what they get.
    silent: BTreeSet<usize>,
}

impl DepthMap {
    /// Every layer stays where it is.
    pub fn identity(layers: usize) -> Self {
        Self::stack(layers, layers)
    }

    /// The small model stacked on itself: large layer i is small layer i mod L1 (StackBERT, G_stack).
    pub fn stack(small_layers: usize, large_layers: usize) -> Self {
        Self::copies(small_layers, (0..large_layers).map(|i| i % small_layers))
    }

    /// As [`DepthMap::stack`] for the whole copies; a remainder of r layers is the top r of the small model (bert2BERT).
    pub fn stack_then_top(small_layers: usize, large_layers: usize) -> Self {
        let whole = large_layers / small_layers * small_layers;
        Self::copies(
            small_layers,
            (0..whole)
                .map(|i| i % small_layers)
                .chain((whole..large_layers).map(|i| small_layers - (large_layers - i))),
        )
    }

    /// Every layer repeated in place: large layer i is small layer ⌊i · L1 / L2⌋.
    pub fn interpolate(small_layers: usize, large_layers: usize) -> Self {
        Self::copies(small_layers, (0..large_layers).map(|i| i * small_layers / large_layers))
    }

    /// Silent copies spread over the depth: with n = L2 − L1 of them, the k-th (from 1) stands behind small layer ⌈k · L1 / n⌉
    /// − 1 and copies it. Where n divides L1 that is one behind every L1 / n layers (LLaMA-Pro), where L1 divides n it is n /
    /// L1 behind each.
    ///
    /// ```
    /// use ligo_growth::DepthMap;
    /// let map = DepthMap::spread(4, 6);
    /// assert_eq!(map.layers(), Some(vec![0, 1, 1, 2, 3, 3]));
    /// assert_eq!(map.silent(), [2, 5]);
    /// ```
    pub fn spread(small_layers: usize, large_layers: usize) -> Self {
        let new = large_layers.saturating_sub(small_layers);
        let behind = |k: usize| (k * small_layers).div_ceil(new) - 1;
        let (mut layers, mut silent) = (Vec::with_capacity(large_layers), Vec::with_capacity(new));
        let mut k = 1;
        for j in 0..small_layers {
            layers.push(j);
            while k <= new && behind(k) == j {
                silent.push(layers.len());
                layers.push(j);
                k += 1;
            }
        }
        Self::copies(small_layers, layers.into_iter()).with_silent(silent)
    }

    /// Large layer i is the sum of `weight · small layer` over the pairs in `sources[i]`.
    ///
    /// # Errors
    /// [`GrowthError::Map`] if a pair names a layer that the small model does not have, or a large layer has no pair.
    pub fn mix(small_layers: usize, sources: Vec<Vec<(usize, f32)>>) -> Result<Self> {
        let wrong = |i: usize, found: String, expected: String| {
            Err(GrowthError::Map { what: format!("large layer {i}"), found, expected })
        };
        for (i, pairs) in sources.iter().enumerate() {
            if pairs.is_empty() {
                return wrong(i, "no source".into(), "at least one small layer".into());
            }
            if let Some((j, _)) = pairs.iter().find(|(j, _)| *j >= small_layers) {
                return wrong(i, format!("small layer {j}"), format!("less than the small model's {small_layers}"));
            }
        }
        Ok(Self { small_layers, sources, silent: BTreeSet::new() })
    }

    /// Large layer i is a copy of small layer `layers[i]`.
    ///
    /// # Errors
    /// As [`DepthMap::mix`].
    pub fn list(small_layers: usize, layers: &[usize]) -> Result<Self> {
        Self::mix(small_layers, layers.iter().map(|&j| vec![(j, 1.0)]).collect())
    }

    /// The same, but that these large layers start out passing on what they get: the outputs of their attention and of their MLP
    /// (weights and biases) start at 0, everything else as the map says.
    ///
    /// Before the norm that alone makes a layer the identity. Behind it (BERT) a layer still norms its input twice: gain and
    /// bias of the norm before a run of silent layers move to the last norm of the run, and what lies between only norms what
    /// is normed already. So the first layer of a post-norm model cannot be silent.
    ///
    /// ```
    /// use ligo_growth::DepthMap;
    /// let map = DepthMap::interpolate(2, 4).with_silent([1, 3]);
    /// assert!(!map.is_silent(0) && map.is_silent(1));
    /// ```
    pub fn with_silent(mut self, layers: impl IntoIterator<Item = usize>) -> Self {
        self.silent.extend(layers);
        self
    }

    /// Whether a large layer starts out passing on what it gets.
    pub fn is_silent(&self, large_layer: usize) -> bool {
        self.silent.contains(&large_layer)
    }

    /// The large layers that start out passing on what they get, in order.
    pub fn silent(&self) -> Vec<usize> {
        self.silent.iter().copied().collect()
    }

    /// L1.
    pub fn small_layers(&self) -> usize {
        self.small_layers
    }

    /// L2.
    pub fn large_layers(&self) -> usize {
        self.sources.len()
    }

    /// The pairs (small layer, weight) of a large layer.
    pub fn sources(&self, large_layer: usize) -> &[(usize, f32)] {
        &self.sources[large_layer]
    }

    /// For each large layer the small one that it copies; none if some layer is more than a copy.
    pub fn layers(&self) -> Option<Vec<usize>> {
        let copied = |pairs: &Vec<(usize, f32)>| match pairs[..] {
            [(j, 1.0)] => Some(j),
            _ => None,
        };
        self.sources.iter().map(copied).collect()
    }

    /// w, `[L2, L1]`, row by row.
    pub fn matrix(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.large_layers() * self.small_layers];
        for (row, pairs) in matrix.chunks_exact_mut(self.small_layers).zip(&self.sources) {
            for &(j, weight) in pairs {
                row[j] += weight;
            }
        }
        matrix
    }

    fn copies(small_layers: usize, layers: impl Iterator<Item = usize>) -> Self {
        Self { small_layers, sources: layers.map(|j| vec![(j, 1.0)]).collect(), silent: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_lists_are_those_of_their_authors() {
        let cases = [
            (DepthMap::identity(3), vec![0, 1, 2]),
            (DepthMap::stack(3, 6), vec![0, 1, 2, 0, 1, 2]),
            (DepthMap::interpolate(3, 6), vec![0, 0, 1, 1, 2, 2]),
            (DepthMap::stack_then_top(6, 12), vec![0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]),
            (DepthMap::stack_then_top(4, 6), vec![0, 1, 2, 3, 2, 3]),
            (DepthMap::spread(32, 40), (0..40).map(|i| (i - i / 5).min(4 * (i / 5) + 3)).collect()),
        ];
        for (map, layers) in cases {
            assert_eq!(map.layers(), Some(layers));
        }
    }

    #[test]
    fn silent_copies_stand_behind_what_they_copy_in_any_number() {
        let cases: [(usize, usize, &[usize], &[usize]); 5] = [
            (3, 3, &[0, 1, 2], &[]),
            (2, 4, &[0, 0, 1, 1], &[1, 3]),
            (3, 5, &[0, 1, 1, 2, 2], &[2, 4]),
            (2, 6, &[0, 0, 0, 1, 1, 1], &[1, 2, 4, 5]),
            (2, 5, &[0, 0, 1, 1, 1], &[1, 3, 4]),
        ];
        for (small, large, layers, silent) in cases {
            let map = DepthMap::spread(small, large);
            assert_eq!((map.layers().unwrap(), map.silent()), (layers.to_vec(), silent.to_vec()), "{small} to {large}");
        }
    }

    #[test]
    fn the_matrix_has_a_row_per_large_layer() {
        let map = DepthMap::mix(2, vec![vec![(0, 0.25), (1, 0.75)], vec![(1, 1.0)], vec![(0, 2.0)]]).unwrap();
        assert_eq!(map.matrix(), [0.25, 0.75, 0.0, 1.0, 2.0, 0.0]);
        assert_eq!(map.layers(), None);
    }

    #[test]
    fn a_mix_without_sources_or_of_missing_layers_is_refused() {
        for (sources, found) in [(vec![vec![]], "no source"), (vec![vec![(2, 1.0)]], "small layer 2")] {
            assert!(DepthMap::mix(2, sources).unwrap_err().to_string().contains(found));
        }
    }
}
