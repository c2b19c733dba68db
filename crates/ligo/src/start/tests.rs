//! The starts as values.

use super::*;
use crate::options::{DepthStart, WidthForm};
use ligo_growth::DepthMap;
use ligo_models::Space;

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

fn factor(small: usize, large: usize, form: WidthForm) -> WidthFactor {
    let size = |units| SpaceSize { units, unit: 1 };
    let (small, large) = (size(small), size(large));
    WidthFactor { space: Space::Embed, small, large, form, whole: false, start: FactorStart::Drawn }
}

fn drawn(small: usize, large: usize, form: WidthForm, start: WidthStart) -> Vec<f32> {
    width::drawn(&mut rng(), &factor(small, large, form), start, None).unwrap()
}

#[test]
fn rows_of_a_random_start_are_convex() {
    let values = drawn(4, 10, WidthForm::Identity, WidthStart::Random);
    assert_eq!(values.len(), 6 * 4);
    for row in values.chunks_exact(4) {
        assert!(row.iter().all(|v| (0.0..1.0).contains(v)));
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_selection_has_a_single_one_in_each_row() {
    for start in [WidthStart::Selection, WidthStart::SelectionNormalised] {
        for row in drawn(4, 10, WidthForm::Identity, start).chunks_exact(4) {
            assert_eq!(row.iter().filter(|v| **v == 1.0).count(), 1);
            assert_eq!(row.iter().filter(|v| **v == 0.0).count(), 3);
        }
    }
}

#[test]
fn a_gaussian_start_has_the_variance_of_its_large_width() {
    let values = drawn(100, 400, WidthForm::Identity, WidthStart::Gaussian);
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|v| v * v).sum::<f32>() / n;
    assert!(mean.abs() < 1e-3 && (400.0 * variance - 1.0).abs() < 0.05, "{mean} {variance}");
}

#[test]
fn a_zero_start_is_zero() {
    assert_eq!(drawn(3, 5, WidthForm::Identity, WidthStart::Zero), [0.0; 6]);
}

#[test]
fn a_free_factor_starts_with_the_identity_on_top_of_the_same_draw() {
    let values = drawn(3, 5, WidthForm::Free, WidthStart::Random);
    assert_eq!(values[..9], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(values[9..], drawn(3, 5, WidthForm::Identity, WidthStart::Random));
}

#[test]
fn what_reads_copies_gets_a_share_of_each() {
    let whole = Whole { values: vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], small: 2 };
    assert_eq!(whole.copies(), [1.0, 3.0]);
    assert_eq!(whole.divided().values, [1.0, 0.0, 0.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]);
}

#[test]
fn heads_that_share_values_start_with_the_part_of_their_value_head() {
    let size = |units| SpaceSize { units, unit: 2 };
    // One value head of 2 becomes two: the new one is [[1, 2], [3, 4]] times the old one, for each of the 2 heads on it.
    let whole = Whole { values: vec![1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 4.0], small: 2 };
    let repeated = whole.repeated(size(1), size(2), 2);
    assert_eq!(repeated.values[..16], std::array::from_fn::<f32, 16, _>(|i| if i % 5 == 0 { 1.0 } else { 0.0 }));
    let expected = [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0];
    assert_eq!(repeated.values[16..], expected);
}

#[test]
fn noisy_depth_weights_sum_to_one_and_favour_the_stacked_layer() {
    let options = FactorOptions { depth_noise: 0.03, ..FactorOptions::default() };
    for (i, row) in depth::drawn(&mut rng(), 3, 6, false, &options).chunks_exact(3).enumerate() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(row[i % 3] > 0.9 && row.iter().all(|v| *v > 0.0), "{row:?}");
    }
    let interlaced = FactorOptions { depth_start: DepthStart::Interlace, ..FactorOptions::default() };
    assert_eq!(depth::drawn(&mut rng(), 2, 4, false, &interlaced), DepthMap::interpolate(2, 4).matrix());
}

#[test]
fn new_layers_of_an_identity_start_copy_the_last_one_or_are_silent_even_with_noise() {
    let options = FactorOptions { depth_start: DepthStart::Identity, ..FactorOptions::default() };
    let copied = depth::drawn(&mut rng(), 2, 4, false, &options);
    assert_eq!(copied, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    let noisy = FactorOptions { depth_noise: 0.1, ..options };
    let silent = depth::drawn(&mut rng(), 2, 4, true, &noisy);
    assert!(silent[..4].iter().all(|v| *v > 0.0));
    assert_eq!(silent[4..], [0.0; 4]);
}

#[test]
fn an_addition_is_small_and_each_weights_own() {
    let values = residual(3, 0, 1000);
    assert!(values.iter().all(|v| v.abs() <= 0.01) && values.iter().any(|v| v.abs() > 0.009));
    assert_eq!(values, residual(3, 0, 1000));
    assert_ne!(values, residual(3, 1, 1000));
    assert_ne!(values, residual(4, 0, 1000));
}
