//! Where a width factor of its own starts: the rows of its new coordinates.

use super::matrix::identity;
use crate::options::WidthStart;
use crate::plan::WidthFactor;
use ligo_growth::{Expansion, GrowthError, Result, WidthMap};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// What is learnt of a factor: C `[D − d, d]`, or `[I; C]` of a free one. `copies` has the maps of a function-preserving start.
pub(super) fn drawn(
    rng: &mut StdRng,
    factor: &WidthFactor,
    start: WidthStart,
    copies: Option<&WidthMap>,
) -> Result<Vec<f32>> {
    let (small, large) = factor.size();
    let mut values = identity(small - factor.identity_rows(), small);
    let selected = |values: &mut Vec<f32>, chosen: usize| {
        values.extend((0..small).map(|j| if j == chosen { 1.0 } else { 0.0 }));
    };
    for row in small..large {
        match start {
            WidthStart::Random => values.extend(convex(rng, small)),
            WidthStart::Selection | WidthStart::SelectionNormalised => {
                selected(&mut values, rng.random_range(0..small))
            }
            WidthStart::Gaussian => {
                let deviation = (1.0 / large as f32).sqrt();
                values.extend((0..small).map(|_| {
                    let normal: f32 = StandardNormal.sample(rng);
                    deviation * normal
                }));
            }
            WidthStart::FunctionPreserving => selected(&mut values, copied(factor, copies, row)?),
            WidthStart::Zero => values.extend((0..small).map(|_| 0.0)),
        }
    }
    Ok(values)
}

/// Which small row of a factor's matrix the large one copies.
fn copied(factor: &WidthFactor, copies: Option<&WidthMap>, row: usize) -> Result<usize> {
    let unit = if factor.whole { factor.small.unit } else { 1 };
    let map = copies.and_then(|copies| copies.get(factor.space)).map(|map| &map.produce);
    match map {
        Some(Expansion::Select { from, .. }) => from.get(row * unit).copied().flatten().map(|from| from / unit),
        _ => None,
    }
    .ok_or_else(|| GrowthError::Map {
        what: format!("the copies of {}", factor.space),
        found: "none".into(),
        expected: "a small coordinate for each large one".into(),
    })
}

/// A row of U[0, 1) divided by its sum.
fn convex(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let row: Vec<f32> = (0..length).map(|_| rng.random()).collect();
    let sum: f32 = row.iter().sum();
    // A draw of nothing but zeros has no direction of its own: the plain mean then.
    let scaled = |value: f32| if sum > 0.0 { value / sum } else { 1.0 / length as f32 };
    row.into_iter().map(scaled).collect()
}
