//! AKI's operator: FPI of the layers themselves, and of the layers moved down by one, put together row by row.

use crate::{Draw, copied};
use ligo_growth::{Growth, GrowthOperator, Moments, Result};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, ParamSpec, Parameters, Part, Role};
use std::collections::HashMap;

/// The operator behind [`crate::Bert2Bert`] by AKI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdvancedKnowledge {
    /// How the copied coordinates are drawn.
    pub draw: Draw,
}

impl<D: Kernels> GrowthOperator<D> for AdvancedKnowledge {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let operator = copied(self.draw, growth.small.config(), growth.large.config());
        let next = next_layers(growth.parameters)?;
        let mut grown = operator.grow(growth)?;
        lend(growth, &mut grown, &operator.grow(&Growth { parameters: &next, ..*growth })?);
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let operator = copied(self.draw, growth.small.config(), growth.large.config());
        let next = Moments {
            first: next_layers(&moments.first)?,
            second: next_layers(&moments.second)?,
            steps: moments.steps,
        };
        let Some(mut grown) = operator.grow_moments(growth, moments)? else { return Ok(None) };
        let Some(next) = operator.grow_moments(growth, &next)? else { return Ok(None) };
        lend(growth, &mut grown.first, &next.first);
        lend(growth, &mut grown.second, &next.second);
        Ok(Some(grown))
    }
}

/// Every layer holds what the one above it does; the last one keeps its own.
fn next_layers<D: Kernels>(parameters: &Parameters<D>) -> Result<Parameters<D>> {
    let specs = parameters.specs();
    let key = |spec: &ParamSpec, layer: Option<usize>| (spec.module.clone(), layer);
    let places: HashMap<_, usize> = specs.iter().enumerate().map(|(i, spec)| (key(spec, spec.layer), i)).collect();
    let next = |(i, spec): (usize, &ParamSpec)| {
        let above = spec.layer.and_then(|layer| places.get(&key(spec, Some(layer + 1))));
        parameters.tensors()[*above.unwrap_or(&i)].clone()
    };
    Ok(Parameters::new(specs.clone(), specs.iter().enumerate().map(next).collect())?)
}

/// Puts the new rows of the next layers into the layers' weights and biases.
fn lend<D: Kernels>(growth: &Growth<'_, D>, grown: &mut Parameters<D>, next: &Parameters<D>) {
    let specs = grown.specs().clone();
    let (small, large) = (growth.small.config(), growth.large.config());
    for (i, tensor) in grown.tensors_mut().iter_mut().enumerate() {
        let spec = &specs[i];
        let norm = matches!(growth.large.part(i), Part::AttentionNorm | Part::MlpNorm | Part::BranchScale);
        if spec.layer.is_none() || norm {
            continue;
        }
        // A layer's maps and biases make their outputs along one axis, the last one of a vector or of GPT-2's weights.
        let Some(axis) = spec.axes.iter().position(|axis| axis.role == Role::Produces) else { continue };
        let new = new_coordinates(spec, axis, small, large);
        if !new.contains(&true) {
            continue;
        }
        let columns = spec.matrix_shape().1;
        let along_rows = spec.axes.len() == 2 && axis == 0;
        let mut values = tensor.as_vec();
        for (at, (value, lent)) in values.iter_mut().zip(next.tensors()[i].as_vec()).enumerate() {
            if new[if along_rows { at / columns } else { at % columns }] {
                *value = lent;
            }
        }
        tensor.copy_from(&values);
    }
}

/// For each large coordinate of an axis whether the small model does not have it; the spaces lie one after the other.
fn new_coordinates(spec: &ParamSpec, axis: usize, small: &ModelConfig, large: &ModelConfig) -> Vec<bool> {
    let of_space = |&space: &ligo_models::Space| {
        // All layers are as wide; a large layer may have no small one of its number.
        let (from, to) = (small.space(space.in_layer(0)).width(), large.space(space.in_layer(0)).width());
        (0..to).map(move |i| i >= from)
    };
    spec.axes[axis].spaces.iter().flat_map(of_space).collect()
}
