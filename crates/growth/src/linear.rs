//! A fixed linear growth operator: width and depth maps applied spec by spec to any model.
//!
//! Entry by entry this is PAPER.md Eq. 8 with constant factors, `W_new_i = Σ_j w_ij B_j W_j A_jᵀ`. It runs once, on the host.

use crate::expansion::{Source, expand};
use crate::sizes::check_shapes;
use crate::width::sizes;
use crate::{DepthMap, Expansion, Growth, GrowthError, GrowthOperator, Result, WidthMap};
use dfdx::tensor::TensorFromVec;
use ligo_kernels::{KernelError, Kernels, Matrix};
use ligo_models::{Axis, ModelConfig, ParamSpec, Parameters};
use std::collections::HashMap;

/// Widens every small layer by the maps of its spaces, then mixes layers; parameters outside the layers are only widened.
///
/// What no small coordinate reaches keeps the fresh start of a large model initialised with the growth's seed.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearGrowth {
    /// Per space.
    pub width: WidthMap,
    /// Per layer.
    pub depth: DepthMap,
}

impl<D: Kernels> GrowthOperator<D> for LinearGrowth {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check_shapes(small, large)?;
        self.check_depth(small, large)?;
        let fresh = growth.large.fresh(growth.device, growth.seed)?;
        let sources = SmallParameters::new(growth.parameters);
        let specs = growth.large.specs().clone();
        let mut tensors = Vec::with_capacity(specs.len());
        for (spec, fresh) in specs.iter().zip(fresh.tensors()) {
            let values = self.parameter(spec, fresh.as_vec(), &sources, (small, large))?;
            tensors.push(matrix(growth.device, values, spec.matrix_shape())?);
        }
        Ok(Parameters::new(specs, tensors)?)
    }
}

impl LinearGrowth {
    fn check_depth(&self, small: &ModelConfig, large: &ModelConfig) -> Result<()> {
        let found = (self.depth.small_layers(), self.depth.large_layers());
        let expected = (small.num_hidden_layers, large.num_hidden_layers);
        if found == expected {
            return Ok(());
        }
        let layers = |(from, to)| format!("{from} to {to} layers");
        Err(GrowthError::Map { what: "the depth map".into(), found: layers(found), expected: layers(expected) })
    }

    /// The values of one large parameter, laid over its fresh ones.
    fn parameter<D: Kernels>(
        &self,
        spec: &ParamSpec,
        mut values: Vec<f32>,
        small: &SmallParameters<'_, D>,
        configs: (&ModelConfig, &ModelConfig),
    ) -> Result<Vec<f32>> {
        let layers: Vec<(Option<usize>, f32)> = match spec.layer {
            None => vec![(None, 1.0)],
            Some(i) => self.depth.sources(i).iter().map(|&(j, weight)| (Some(j), weight)).collect(),
        };
        let columns = spec.matrix_shape().1;
        let mut reached = vec![false; values.len()];
        for (layer, weight) in layers {
            let (from, tensor) = small.get(spec, layer)?;
            let axes: Vec<Vec<Source<'_>>> =
                from.axes.iter().map(|axis| self.axis(axis, configs)).collect::<Result<_>>()?;
            let one_row = [Source::One { index: 0, scale: 1.0 }];
            let (row_sources, column_sources) = match &axes[..] {
                [rows, columns] => (&rows[..], &columns[..]),
                [vector] => (&one_row[..], &vector[..]),
                _ => return Err(unfit(spec, format!("{} axes", axes.len()), "one or two")),
            };
            if row_sources.len() * column_sources.len() != values.len() {
                return Err(unfit(spec, format!("{:?}", from.shape), "a shape that grows into the large model's"));
            }
            let wide = expand(&tensor.as_vec(), from.matrix_shape().1, row_sources, column_sources);
            let covered = |(_, source): &(usize, &Source<'_>)| **source != Source::Fresh;
            for (r, _) in row_sources.iter().enumerate().filter(covered) {
                for (c, _) in column_sources.iter().enumerate().filter(covered) {
                    let at = r * columns + c;
                    // The first one replaces the fresh value instead of being added to it.
                    values[at] = if reached[at] { values[at] + weight * wide[at] } else { weight * wide[at] };
                    reached[at] = true;
                }
            }
        }
        Ok(values)
    }

    /// Where each large coordinate of an axis comes from; the spaces lie one after the other.
    fn axis(&self, axis: &Axis, (small, large): (&ModelConfig, &ModelConfig)) -> Result<Vec<Source<'_>>> {
        let mut sources = Vec::new();
        let mut offset = 0;
        for &space in &axis.spaces {
            let (from, to) = sizes(space, small, large);
            let (from, to) = (from.width(), to.width());
            let expansion = self.width.get(space).map_or(&Expansion::Keep, |map| map.expansion(axis.role));
            expansion.check(&space.to_string(), from, to)?;
            sources.extend(expansion.sources(offset, from));
            offset += from;
        }
        Ok(sources)
    }
}

/// The small model's parameters by module and layer.
struct SmallParameters<'a, D: Kernels> {
    parameters: &'a Parameters<D>,
    positions: HashMap<(&'a str, Option<usize>), usize>,
}

impl<'a, D: Kernels> SmallParameters<'a, D> {
    fn new(parameters: &'a Parameters<D>) -> Self {
        let key = |(i, spec): (usize, &'a ParamSpec)| ((spec.module.as_str(), spec.layer), i);
        Self { parameters, positions: parameters.specs().iter().enumerate().map(key).collect() }
    }

    /// What the large parameter `spec` is in the small model's `layer`.
    fn get(&self, spec: &ParamSpec, layer: Option<usize>) -> Result<(&'a ParamSpec, &'a Matrix<D>)> {
        match self.positions.get(&(spec.module.as_str(), layer)) {
            Some(&i) => Ok((&self.parameters.specs()[i], &self.parameters.tensors()[i])),
            None => Err(unfit(spec, "no such module in the small model".into(), "one to grow from")),
        }
    }
}

fn unfit(spec: &ParamSpec, found: String, expected: &str) -> GrowthError {
    GrowthError::Map { what: format!("parameter {}", spec.name), found, expected: expected.into() }
}

/// Moves values to a device.
fn matrix<D: Kernels>(device: &D, values: Vec<f32>, shape: (usize, usize)) -> Result<Matrix<D>> {
    let failed = |e: D::Err| KernelError::Device { op: "grow", reason: format!("{e:?}") };
    Ok(TensorFromVec::try_tensor_from_vec(device, values, shape).map_err(failed)?)
}
