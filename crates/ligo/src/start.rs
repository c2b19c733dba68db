//! Where the factors start: the published initialisers (PAPER.md 5.2), as values.

use crate::options::{DepthStart, FactorOptions, WidthForm, WidthStart};
use ligo_growth::{DepthMap, Expansion};
use ligo_models::SpaceSize;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Values of a width factor: C `[large − small, small]`, or `[I; C]` for a free one.
pub(crate) fn width(rng: &mut StdRng, small: usize, large: usize, options: &FactorOptions) -> Vec<f32> {
    let identity_rows = match options.width_form {
        WidthForm::Identity => 0,
        WidthForm::Free => small,
    };
    let mut values = vec![0.0; identity_rows * small];
    for i in 0..identity_rows {
        values[i * small + i] = 1.0;
    }
    for _ in small..large {
        match options.width_start {
            WidthStart::Random => values.extend(convex(rng, small)),
            WidthStart::Selection => {
                let chosen = rng.random_range(0..small);
                values.extend((0..small).map(|j| if j == chosen { 1.0 } else { 0.0 }));
            }
        }
    }
    values
}

/// Values of the factor of what attention hands on: those of the `values`' factor, each value head's part repeated for the heads
/// that share it.
pub(crate) fn context(
    values: &[f32],
    (small, large): (SpaceSize, SpaceSize),
    sharing: usize,
    options: &FactorOptions,
) -> Vec<f32> {
    let width = small.width();
    let missing_rows = match options.width_form {
        WidthForm::Identity => width,
        WidthForm::Free => 0,
    };
    let mut matrix = vec![0.0; missing_rows * width];
    for i in 0..missing_rows {
        matrix[i * width + i] = 1.0;
    }
    matrix.extend_from_slice(values);
    let whole = Expansion::Dense { matrix, small: width };
    match whole.repeated(small, large, sharing) {
        // Old value heads come first, and so do the heads that share them: the identity stays on top.
        Expansion::Dense { matrix, small } => matrix[missing_rows * sharing * small..].to_vec(),
        _ => unreachable!("a dense map stays dense"),
    }
}

/// Values of a module's depth weights w `[large, small]`.
pub(crate) fn depth(rng: &mut StdRng, small: usize, large: usize, options: &FactorOptions) -> Vec<f32> {
    let map = match options.depth_start {
        DepthStart::Stack => DepthMap::stack(small, large),
        DepthStart::Interlace => DepthMap::interpolate(small, large),
    };
    let mut matrix = map.matrix();
    if options.depth_noise > 0.0 {
        for row in matrix.chunks_exact_mut(small) {
            for value in row.iter_mut().filter(|value| **value == 0.0) {
                *value = options.depth_noise * rng.random::<f32>();
            }
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
    }
    matrix
}

/// A row of U[0, 1) divided by its sum.
fn convex(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let row: Vec<f32> = (0..length).map(|_| rng.random()).collect();
    let sum: f32 = row.iter().sum();
    // A draw of nothing but zeros has no direction of its own: the plain mean then.
    let scaled = |value: f32| if sum > 0.0 { value / sum } else { 1.0 / length as f32 };
    row.into_iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn rng() -> StdRng {
        StdRng::seed_from_u64(5)
    }

    #[test]
    fn rows_of_a_random_start_are_convex() {
        let values = width(&mut rng(), 4, 10, &FactorOptions::default());
        assert_eq!(values.len(), 6 * 4);
        for row in values.chunks_exact(4) {
            assert!(row.iter().all(|v| (0.0..1.0).contains(v)));
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_selection_has_a_single_one_in_each_row() {
        let options = FactorOptions { width_start: WidthStart::Selection, ..FactorOptions::default() };
        for row in width(&mut rng(), 4, 10, &options).chunks_exact(4) {
            assert_eq!(row.iter().filter(|v| **v == 1.0).count(), 1);
            assert_eq!(row.iter().filter(|v| **v == 0.0).count(), 3);
        }
    }

    #[test]
    fn a_free_factor_starts_with_the_identity_on_top_of_the_same_draw() {
        let free = FactorOptions { width_form: WidthForm::Free, ..FactorOptions::default() };
        let values = width(&mut rng(), 3, 5, &free);
        assert_eq!(values[..9], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(values[9..], width(&mut rng(), 3, 5, &FactorOptions::default()));
    }

    #[test]
    fn heads_that_share_values_start_with_the_part_of_their_value_head() {
        let size = |units| SpaceSize { units, unit: 2 };
        // One value head of 2 becomes two: the new one is [[1, 2], [3, 4]] times the old one, for each of the 2 heads on it.
        let expected = [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0];
        let identity = FactorOptions::default();
        assert_eq!(context(&[1.0, 2.0, 3.0, 4.0], (size(1), size(2)), 2, &identity), expected);
        let free = FactorOptions { width_form: WidthForm::Free, ..identity };
        let whole = context(&[1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 4.0], (size(1), size(2)), 2, &free);
        assert_eq!(whole[..16], std::array::from_fn::<f32, 16, _>(|i| if i % 5 == 0 { 1.0 } else { 0.0 }));
        assert_eq!(whole[16..], expected);
    }

    #[test]
    fn noisy_depth_weights_sum_to_one_and_favour_the_stacked_layer() {
        let options = FactorOptions { depth_noise: 0.03, ..FactorOptions::default() };
        for (i, row) in depth(&mut rng(), 3, 6, &options).chunks_exact(3).enumerate() {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(row[i % 3] > 0.9 && row.iter().all(|v| *v > 0.0), "{row:?}");
        }
        let interlaced = FactorOptions { depth_start: DepthStart::Interlace, ..FactorOptions::default() };
        assert_eq!(depth(&mut rng(), 2, 4, &interlaced), DepthMap::interpolate(2, 4).matrix());
    }
}
