//! From copies that all read each other to copies that read only themselves.

use ligo_growth::{DepthMap, Growth};
use ligo_kernels::Kernels;
use ligo_models::{Axis, ModelConfig, ParamSpec, Parameters};
use std::collections::HashMap;

/// What becomes of the blocks in the diagonal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Diagonal {
    /// They held a share of what all blocks of a row had, and hold all of it now.
    Whole,
    /// They stay.
    AsItIs,
}

/// Sets every block of a map between two copied widths to 0 but those by which a copy reads itself.
pub(crate) fn keep_apart<D: Kernels>(
    growth: &Growth<'_, D>,
    depth: &DepthMap,
    grown: &mut Parameters<D>,
    diagonal: Diagonal,
) {
    let configs = (growth.small.config(), growth.large.config());
    let small: HashMap<_, &ParamSpec> =
        growth.small.specs().iter().map(|spec| ((spec.module.as_str(), spec.layer), spec)).collect();
    let specs = grown.specs().clone();
    for (spec, tensor) in specs.iter().zip(grown.tensors_mut()) {
        let layer = spec.layer.map(|i| depth.sources(i)[0].0);
        let Some(from) = small.get(&(spec.module.as_str(), layer)) else { continue };
        let ([small_rows, small_columns], [rows, columns]) = (&from.axes[..], &spec.axes[..]) else { continue };
        let (rows, columns) = (copies(small_rows, rows, configs), copies(small_columns, columns, configs));
        let (Some(times), true) = (number(&rows), number(&columns).is_some()) else { continue };
        let mut values = tensor.as_vec();
        for (row, copy) in values.chunks_exact_mut(columns.len()).zip(&rows) {
            for (value, other) in row.iter_mut().zip(&columns) {
                match diagonal {
                    _ if copy != other => *value = 0.0,
                    Diagonal::Whole => *value *= times as f32,
                    Diagonal::AsItIs => {}
                }
            }
        }
        tensor.copy_from(&values);
    }
}

/// For each coordinate of an axis which copy it belongs to; none for a space that does not grow.
fn copies(small: &Axis, large: &Axis, configs: (&ModelConfig, &ModelConfig)) -> Vec<Option<usize>> {
    let space = |(&small, &large)| {
        let (from, to) = (configs.0.space(small).width(), configs.1.space(large).width());
        (0..to).map(move |i| (from != to).then_some(i / from))
    };
    small.spaces.iter().zip(&large.spaces).flat_map(space).collect()
}

/// How many copies lie along an axis; none if it does not grow. All spaces along one axis grow alike: they are heads.
fn number(copies: &[Option<usize>]) -> Option<usize> {
    copies.iter().copied().max().flatten().map(|last| last + 1)
}
