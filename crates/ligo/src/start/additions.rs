//! What stands beside the learnt map from the start: a large model's fresh values, constant, and R, which is learnt.

use crate::plan::{Axes, ModulePlan, Piece, Plan, extent};
use ligo_growth::{Growth, Result};
use ligo_kernels::{Kernels, Matrix};
use ligo_models::{Init, Model, ParamSpec};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::ops::Range;
use std::sync::Arc;

/// For each large weight its fresh values where no small weight reaches, packed in the order of [`beyond`]; empty where one reaches
/// everywhere, or where nothing is added.
pub(crate) fn fresh<D: Kernels>(plan: &Plan, growth: &Growth<'_, D>) -> Result<Vec<Arc<Vec<f32>>>> {
    let specs = growth.large.specs();
    let mut packed: Vec<Arc<Vec<f32>>> = vec![Arc::default(); specs.len()];
    // Each whole weight goes as soon as it is packed.
    let mut whole: Vec<Option<Matrix<D>>> =
        growth.large.fresh(growth.device, growth.seed)?.tensors().iter().cloned().map(Some).collect();
    for module in &plan.modules {
        for &large in &module.large {
            let whole = whole[large].take().filter(|_| module.widens() && is_added(&specs[large]));
            if let Some(whole) = whole {
                let values = whole.as_vec();
                drop(whole);
                let mut kept = Vec::with_capacity(beyond_count(&module.axes[0]));
                beyond(&module.axes[0]).for_each(|run| kept.extend_from_slice(&values[run]));
                packed[large] = Arc::new(kept);
            }
        }
    }
    Ok(packed)
}

/// Whether anything is: a fresh bias is 0.
fn is_added(spec: &ParamSpec) -> bool {
    spec.init != Init::Zeros
}

/// How many numbers [`fresh`] holds.
pub(crate) fn fresh_values(plan: &Plan, large: &Model) -> usize {
    let held = |module: &&ModulePlan| module.widens() && is_added(&large.specs()[module.large[0]]);
    plan.modules.iter().filter(held).map(|module| module.large.len() * beyond_count(&module.axes[0])).sum()
}

fn beyond_count(axes: &Axes) -> usize {
    beyond(axes).map(|run| run.len()).sum()
}

/// The places in a large weight that no old row and column share, as runs in the order of its values.
pub(crate) fn beyond(axes: &Axes) -> impl Iterator<Item = Range<usize>> {
    let (columns, new) = (extent(&axes.columns).1, new(&axes.columns));
    // An old row is new in the new columns, a new row as a whole.
    axes.rows
        .iter()
        .flat_map(|piece| {
            let (small, large) = piece.sizes();
            (0..large).map(move |row| row < small)
        })
        .enumerate()
        .flat_map(move |(row, old)| {
            let runs = if old { new.clone() } else { std::iter::once(0..columns).collect() };
            runs.into_iter().map(move |run| row * columns + run.start..row * columns + run.end)
        })
}

/// The new coordinates of an axis, in runs.
fn new(axis: &[Piece]) -> Vec<Range<usize>> {
    let mut first = 0;
    let run = |piece: &Piece| {
        let (small, large) = piece.sizes();
        first += large;
        first - (large - small)..first
    };
    axis.iter().map(run).filter(|run| !run.is_empty()).collect()
}

/// R of large weight number `index`: U(−0.01, 0.01), from a stream of its own.
pub(crate) fn residual(seed: u64, index: usize, length: usize) -> Vec<f32> {
    const STREAM: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut rng = StdRng::seed_from_u64(seed ^ (index as u64 + 1).wrapping_mul(STREAM));
    (0..length).map(|_| rng.random_range(-0.01..0.01)).collect()
}
