//! The operator: padding is a linear growth, shrinking and noise come on top.

use ligo_growth::{DepthMap, Expansion, Growth, GrowthOperator, LinearGrowth, Moments, Result, SpaceMap, WidthMap};
use ligo_kernels::Kernels;
use ligo_models::{Init, ModelConfig, Parameters, SpaceSize};

/// The operator behind [`crate::ShrinkPadPerturb`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Padded {
    /// λ.
    pub shrink: f32,
    /// σ.
    pub noise: f32,
}

impl<D: Kernels> GrowthOperator<D> for Padded {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let (small, large) = (growth.small.config(), growth.large.config());
        // Vectors that start as a constant are that where they are new, everything else is 0.
        let among_fresh = linear(small, large, Expansion::pad)?.grow(growth)?;
        let mut grown = linear(small, large, zeros_around)?.grow(growth)?;
        let fresh = growth.large.fresh(growth.device, growth.seed)?;
        let specs = grown.specs().clone();
        for (i, tensor) in grown.tensors_mut().iter_mut().enumerate() {
            let values: Vec<f32> = match specs[i].init {
                Init::Normal(_) => {
                    let perturbed = |(old, fresh): (&f32, f32)| self.shrink * old + self.noise * fresh;
                    tensor.as_vec().iter().zip(fresh.tensors()[i].as_vec()).map(perturbed).collect()
                }
                Init::Zeros => self.towards(0.0, &among_fresh.tensors()[i].as_vec()),
                Init::Ones => self.towards(1.0, &among_fresh.tensors()[i].as_vec()),
                Init::Constant(start) => self.towards(start, &among_fresh.tensors()[i].as_vec()),
            };
            tensor.copy_from(&values);
        }
        Ok(grown)
    }

    /// Padded with zeros like the weights, but not shrunk: λ says where the weights go on from, not what their gradients were.
    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        linear(growth.small.config(), growth.large.config(), zeros_around)?.grow_moments(growth, moments)
    }
}

impl Padded {
    /// Shrunk towards their start.
    fn towards(self, start: f32, values: &[f32]) -> Vec<f32> {
        let shrunk = |value: f32| self.shrink * value + (1.0 - self.shrink) * start;
        // What is at the start stays there, to the bit.
        values.iter().map(|&value| if value == start { start } else { shrunk(value) }).collect()
    }
}

/// The small coordinates in their places, around them what `pad` says; layers stacked.
fn linear(
    small: &ModelConfig,
    large: &ModelConfig,
    pad: impl Fn(SpaceSize, SpaceSize) -> Expansion,
) -> Result<LinearGrowth> {
    let width = WidthMap::per_space(small, large, |_, small, large| Ok(SpaceMap::tied(pad(small, large))))?;
    Ok(LinearGrowth { width, depth: DepthMap::stack(small.num_hidden_layers, large.num_hidden_layers) })
}

/// [`Expansion::pad`] with zeros in the place of fresh values.
fn zeros_around(small: SpaceSize, large: SpaceSize) -> Expansion {
    match Expansion::pad(small, large) {
        Expansion::Select { from, .. } => {
            Expansion::Sparse { rows: from.into_iter().map(|j| j.map(|j| (j, 1.0)).into_iter().collect()).collect() }
        }
        other => other,
    }
}
