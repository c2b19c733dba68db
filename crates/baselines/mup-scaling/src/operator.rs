//! The operator: which coordinate each one repeats, and the noise on top. Not here: what the training after it would have to
//! scale.

use ligo_growth::{
    DepthRule, Expansion, Growth, GrowthError, GrowthOperator, LinearGrowth, Moments, Result, SpaceMap, WidthMap,
};
use ligo_kernels::Kernels;
use ligo_models::{Family, Init, ModelConfig, ParamSpec, Parameters, Role, Space, SpaceSize};

/// The operator behind [`crate::MupScaling`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeated {
    /// σ.
    pub noise: f32,
    /// How depth grows.
    pub depth: DepthRule,
}

/// Checks that every space grows by a whole number.
///
/// # Errors
/// [`GrowthError::Sizes`] for the first one that does not.
pub(crate) fn check_multiples(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let mut sizes = vec![
        ("hidden_size", small.hidden_size, large.hidden_size),
        ("intermediate_size", small.intermediate_size(), large.intermediate_size()),
        ("num_attention_heads", small.num_attention_heads, large.num_attention_heads),
        ("head_dim", small.head_dim(), large.head_dim()),
    ];
    if small.family == Family::Cait {
        sizes.push(("class_intermediate_size", small.class_intermediate_size(), large.class_intermediate_size()));
    }
    for (what, from, to) in sizes {
        if !to.is_multiple_of(from) {
            return Err(GrowthError::Sizes {
                what: what.into(),
                found: to.to_string(),
                expected: format!("a multiple of the small model's {from}, as {} repeats each coordinate", crate::NAME),
            });
        }
    }
    Ok(())
}

impl Repeated {
    pub(crate) fn linear(self, small: &ModelConfig, large: &ModelConfig) -> Result<LinearGrowth> {
        check_multiples(small, large)?;
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let width = WidthMap::per_space(small, large, |space, from, to| Ok(space_map(space, from, to, sharing)))?;
        Ok(LinearGrowth { width, depth: self.depth.map(small, large) })
    }
}

impl<D: Kernels> GrowthOperator<D> for Repeated {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let (small, large) = (growth.small.config(), growth.large.config());
        let mut grown = self.linear(small, large)?.grow(growth)?;
        if self.noise == 0.0 {
            return Ok(grown);
        }
        let specs = grown.specs().clone();
        let fresh = growth.large.fresh(growth.device, growth.seed)?;
        for ((spec, tensor), fresh) in specs.iter().zip(grown.tensors_mut()).zip(fresh.tensors()) {
            if !matches!(spec.init, Init::Normal(_)) {
                continue;
            }
            let noise = self.noise / copies_read(spec, small, large);
            let values: Vec<f32> = tensor.as_vec().iter().zip(fresh.as_vec()).map(|(w, e)| w + noise * e).collect();
            tensor.copy_from(&values);
        }
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth.small.config(), growth.large.config())?.grow_moments(growth, moments)
    }
}

/// n_in of a parameter: how often each small coordinate of what it reads is there; 1 where it reads nothing that grows.
pub(crate) fn copies_read(spec: &ParamSpec, small: &ModelConfig, large: &ModelConfig) -> f32 {
    let read = spec.axes.iter().filter(|axis| axis.role == Role::Consumes).flat_map(|axis| &axis.spaces);
    read.map(|&space| {
        // Every layer is as wide; a large layer may have no small one of its number.
        let from = small.space(space.in_layer(0)).width();
        large.space(space.in_layer(0)).width() as f32 / from as f32
    })
    .product()
}

/// Each coordinate in place, whole heads where they are equally long; queries of longer heads divided by √m.
fn space_map(space: Space, small: SpaceSize, large: SpaceSize, sharing: usize) -> SpaceMap {
    // Query heads that share a value head are repeated with it: as one.
    let together = if matches!(space, Space::Query(_)) { sharing } else { 1 };
    let (heads, longer) = (large.units / small.units, large.unit / small.unit);
    let coordinate = |i: usize| {
        let (unit, offset) = (i / large.unit, i % large.unit);
        let unit = unit / together / heads * together + unit % together;
        unit * small.unit + offset / longer
    };
    let from: Vec<usize> = (0..large.width()).map(coordinate).collect();
    let map = SpaceMap::duplicating(&from, 1);
    if longer == 1 || !matches!(space, Space::Query(_)) {
        return map;
    }
    // Nothing reads queries but the scores; the partner says how their gradients grow.
    let scaled = || Expansion::Select {
        from: from.iter().map(|&j| Some(j)).collect(),
        scale: Some(vec![1.0 / (longer as f32).sqrt(); from.len()]),
    };
    SpaceMap { produce: scaled(), consume: scaled() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_repeat_in_place_within_their_head_and_heads_with_their_group() {
        let size = |units, unit| SpaceSize { units, unit };
        let cases = [
            (Space::Embed, size(3, 1), size(6, 1), 1, vec![0, 0, 1, 1, 2, 2]),
            (Space::Key(0), size(2, 2), size(2, 4), 1, vec![0, 0, 1, 1, 2, 2, 3, 3]),
            (Space::Key(0), size(2, 2), size(4, 2), 1, vec![0, 1, 0, 1, 2, 3, 2, 3]),
            (Space::Key(0), size(1, 2), size(2, 4), 1, vec![0, 0, 1, 1, 0, 0, 1, 1]),
            // Two query heads to each of two value heads, these repeated: 0 1 | 0 1 | 2 3 | 2 3.
            (Space::Query(0), size(4, 1), size(8, 1), 2, vec![0, 1, 0, 1, 2, 3, 2, 3]),
        ];
        for (space, small, large, sharing, expected) in cases {
            let map = space_map(space, small, large, sharing);
            assert_eq!(map.produce, Expansion::select(expected), "{space}: {small:?} to {large:?}");
        }
    }
}
