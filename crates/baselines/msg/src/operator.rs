//! The operator: the small model in the corner and at the bottom. Not here: the masks, which are the training's.

use ligo_growth::{
    DepthMap, Expansion, Growth, GrowthOperator, LinearGrowth, Moments, Result, SpaceMap, WidthMap, check_head_dim,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters, Space};

/// The operator behind [`crate::Msg`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extended;

impl<D: Kernels> GrowthOperator<D> for Extended {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let mut grown = linear(growth.small.config(), growth.large.config())?.grow(growth)?;
        let fresh = growth.large.fresh(growth.device, growth.seed)?;
        replace_new_layers(growth, &mut grown, |i| fresh.tensors()[i].as_vec());
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let linear = linear(growth.small.config(), growth.large.config())?;
        let Some(mut grown) = linear.grow_moments(growth, moments)? else { return Ok(None) };
        let elements: Vec<usize> = growth.large.specs().iter().map(|spec| spec.elements()).collect();
        for moments in [&mut grown.first, &mut grown.second] {
            replace_new_layers(growth, moments, |i| vec![0.0; elements[i]]);
        }
        Ok(Some(grown))
    }
}

/// Layers that the small model does not have become what `values` says.
fn replace_new_layers<D: Kernels>(
    growth: &Growth<'_, D>,
    parameters: &mut Parameters<D>,
    values: impl Fn(usize) -> Vec<f32>,
) {
    let old = growth.small.config().num_hidden_layers;
    let specs = parameters.specs().clone();
    for (i, tensor) in parameters.tensors_mut().iter_mut().enumerate() {
        if specs[i].layer.is_some_and(|layer| layer >= old) {
            tensor.copy_from(&values(i));
        }
    }
}

fn linear(small: &ModelConfig, large: &ModelConfig) -> Result<LinearGrowth> {
    check_head_dim(crate::NAME, small, large)?;
    let width = WidthMap::per_space(small, large, |space, small, large| {
        let produce = Expansion::pad(small, large);
        let consume = match space {
            // No mask silences a head's probabilities: nothing reads them at first.
            Space::Heads(_) => {
                let row = |i| if i < small.width() { vec![(i, 1.0)] } else { Vec::new() };
                Expansion::Sparse { rows: (0..large.width()).map(row).collect() }
            }
            _ => produce.clone(),
        };
        Ok(SpaceMap { produce, consume })
    })?;
    // What new layers are is overwritten.
    Ok(LinearGrowth { width, depth: DepthMap::stack(small.num_hidden_layers, large.num_hidden_layers) })
}
