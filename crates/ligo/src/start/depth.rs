//! Where depth weights start.

use crate::options::{DepthStart, FactorOptions};
use ligo_growth::DepthMap;
use rand::RngExt;
use rand::rngs::StdRng;

/// Values of depth weights w `[large, small]`; `silent` ones leave new layers at 0 where the start is the identity.
pub(super) fn drawn(rng: &mut StdRng, small: usize, large: usize, silent: bool, options: &FactorOptions) -> Vec<f32> {
    let mut matrix = match options.depth_start {
        DepthStart::Stack => DepthMap::stack(small, large).matrix(),
        DepthStart::Interlace => DepthMap::interpolate(small, large).matrix(),
        DepthStart::Identity => {
            let last = small.saturating_sub(1);
            let chosen = |i: usize| if i < small { Some(i) } else { (!silent).then_some(last) };
            let row = |i| (0..small).map(move |j| if chosen(i) == Some(j) { 1.0 } else { 0.0 });
            (0..large).flat_map(row).collect()
        }
    };
    if options.depth_noise > 0.0 {
        for row in matrix.chunks_exact_mut(small).filter(|row| row.iter().any(|value| *value != 0.0)) {
            for value in row.iter_mut().filter(|value| **value == 0.0) {
                *value = options.depth_noise * rng.random::<f32>();
            }
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
    }
    matrix
}
