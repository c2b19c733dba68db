//! What stands beside the learnt map from the start: a large model's fresh values, constant, and R, which is learnt.

use crate::maps::tensor;
use crate::plan::{Piece, Plan};
use ligo_growth::{Growth, Result};
use ligo_kernels::{Kernels, Matrix};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// For each large weight its fresh values where no small weight reaches, 0 elsewhere; nothing where one reaches everywhere.
pub(crate) fn fresh<D: Kernels>(plan: &Plan, growth: &Growth<'_, D>) -> Result<Vec<Option<Matrix<D>>>> {
    let mut fresh: Vec<Option<Matrix<D>>> =
        growth.large.fresh(growth.device, growth.seed)?.tensors().iter().cloned().map(Some).collect();
    for module in &plan.modules {
        let axes = &module.axes[0];
        let (rows, columns) = (reached(&axes.rows), reached(&axes.columns));
        for &large in &module.large {
            let beyond = fresh[large].take().filter(|_| module.widens());
            fresh[large] = match beyond {
                None => None,
                Some(whole) => {
                    let mut values = whole.as_vec();
                    for (row, _) in rows.iter().enumerate().filter(|(_, reached)| **reached) {
                        let row = &mut values[row * columns.len()..][..columns.len()];
                        row.iter_mut()
                            .zip(&columns)
                            .filter(|(_, reached)| **reached)
                            .for_each(|(value, _)| *value = 0.0);
                    }
                    Some(tensor(growth.device, values, (rows.len(), columns.len()))?)
                }
            };
        }
    }
    Ok(fresh)
}

/// For each large coordinate of an axis whether it is an old one.
fn reached(axis: &[Piece]) -> Vec<bool> {
    let piece = |piece: &Piece| {
        let (small, large) = piece.sizes();
        (0..large).map(move |i| i < small)
    };
    axis.iter().flat_map(piece).collect()
}

/// R of large weight number `index`: U(−0.01, 0.01), from a stream of its own.
pub(crate) fn residual(seed: u64, index: usize, length: usize) -> Vec<f32> {
    const STREAM: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut rng = StdRng::seed_from_u64(seed ^ (index as u64 + 1).wrapping_mul(STREAM));
    (0..length).map(|_| rng.random_range(-0.01..0.01)).collect()
}
