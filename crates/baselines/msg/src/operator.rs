//! The operator: the small model in the corner and at the bottom. Not here: the masks, which are the training's.

use ligo_growth::{
    DepthMap, Expansion, Growth, GrowthOperator, LinearGrowth, Moments, Result, SpaceMap, WidthMap, check_head_dim,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters, Part, Space};

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

/// Layers that the small model does not have become what `values` says, but for the norms of post-norm models, which have moved.
fn replace_new_layers<D: Kernels>(
    growth: &Growth<'_, D>,
    parameters: &mut Parameters<D>,
    values: impl Fn(usize) -> Vec<f32>,
) {
    let (old, post_norm) = (growth.small.config().num_hidden_layers, growth.large.is_post_norm());
    let specs = parameters.specs().clone();
    for (i, tensor) in parameters.tensors_mut().iter_mut().enumerate() {
        let moved = post_norm && matches!(growth.large.part(i), Part::AttentionNorm | Part::MlpNorm);
        if specs[i].layer.is_some_and(|layer| layer >= old) && !moved {
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
    // New layers are silent for the sake of the norms behind them; everything else of them is overwritten.
    let (from, to) = (small.num_hidden_layers, large.num_hidden_layers);
    let layers: Vec<usize> = (0..from).chain(std::iter::repeat_n(from - 1, to - from)).collect();
    Ok(LinearGrowth { width, depth: DepthMap::list(from, &layers)?.with_silent(from..to) })
}
