//! Known spectra, and what every spectrum has to satisfy.

use super::*;

/// A symmetric matrix without pattern.
fn symmetric(size: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| ((i.max(j) * 31 + i.min(j) * 17) as f64 * 0.37).sin();
    (0..size * size).map(|at| entry(at / size, at % size)).collect()
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found}, expected {expected}");
    }
}

/// The second difference has the eigenvalues `2 − 2 cos(kπ / (n + 1))`.
#[test]
fn the_second_difference_has_its_known_eigenvalues() {
    for size in [1, 2, 3, 50] {
        let entry = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let matrix = (0..size * size).map(|at| entry(at / size, at % size)).collect();
        let known = |k: usize| 2.0 - 2.0 * (k as f64 * std::f64::consts::PI / (size + 1) as f64).cos();
        assert_near(&sorted(eigenvalues(matrix, size)), &(1..=size).map(known).collect::<Vec<f64>>(), 1e-12);
    }
}

#[test]
fn multiples_of_one_matrix_of_ones_have_one_eigenvalue_that_is_not_zero() {
    let size = 40;
    let values = sorted(eigenvalues(vec![3.0; size * size], size));
    assert_near(&values[..size - 1], &vec![0.0; size - 1], 1e-10);
    assert!((values[size - 1] - 120.0).abs() < 1e-10);
}

#[test]
fn diagonal_matrices_and_none_at_all_are_their_own_spectrum() {
    assert!(eigenvalues(vec![], 0).is_empty());
    assert_eq!(eigenvalues(vec![5.0], 1), [5.0]);
    assert_near(&sorted(eigenvalues(vec![4.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 4.0], 3)), &[-1.0, 4.0, 4.0], 1e-14);
}

/// The sum of the eigenvalues is the trace, that of their squares the squared Frobenius norm, their product the determinant.
#[test]
fn eigenvalues_have_the_trace_the_norm_and_the_determinant_of_their_matrix() {
    for size in [2, 7, 33, 120] {
        let matrix = symmetric(size);
        let values = eigenvalues(matrix.clone(), size);
        let trace: f64 = (0..size).map(|i| matrix[i * size + i]).sum();
        let norm: f64 = matrix.iter().map(|v| v * v).sum();
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-10 * size as f64);
        assert!((values.iter().map(|v| v * v).sum::<f64>() - norm).abs() < 1e-10 * norm);
        let (sign, logarithm) = determinant(matrix, size);
        assert_eq!(values.iter().map(|v| v.signum()).product::<f64>(), sign);
        assert!((values.iter().map(|v| v.abs().ln()).sum::<f64>() - logarithm).abs() < 1e-7 * size as f64);
    }
}

/// Its sign and the logarithm of its size, by elimination.
fn determinant(mut matrix: Vec<f64>, size: usize) -> (f64, f64) {
    let (mut sign, mut logarithm) = (1.0, 0.0);
    for k in 0..size {
        let pivot = (k..size).max_by(|a, b| matrix[a * size + k].abs().total_cmp(&matrix[b * size + k].abs())).unwrap();
        if pivot != k {
            (0..size).for_each(|c| matrix.swap(k * size + c, pivot * size + c));
            sign = -sign;
        }
        let head = matrix[k * size + k];
        (sign, logarithm) = (sign * head.signum(), logarithm + head.abs().ln());
        for r in k + 1..size {
            let factor = matrix[r * size + k] / head;
            (k..size).for_each(|c| matrix[r * size + c] -= factor * matrix[k * size + c]);
        }
    }
    (sign, logarithm)
}

#[test]
fn singular_values_are_those_of_the_smaller_side_largest_first() {
    // diag(3, 2) beside a zero column, lying and standing.
    assert_near(&singular_values(&[2.0, 0.0, 0.0, 0.0, 3.0, 0.0], 3), &[3.0, 2.0], 1e-12);
    assert_near(&singular_values(&[2.0, 0.0, 0.0, 3.0, 0.0, 0.0], 2), &[3.0, 2.0], 1e-12);
    assert!(singular_values(&[], 4).is_empty());
}

#[test]
fn below_an_identity_they_are_those_of_the_whole_matrix() {
    for (rows, columns) in [(3, 8), (8, 3), (70, 40)] {
        let c: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.73).sin()).collect();
        let identity = (0..columns * columns).map(|i| if i % (columns + 1) == 0 { 1.0 } else { 0.0 });
        let whole: Vec<f32> = identity.chain(c.iter().copied()).collect();
        assert_near(&singular_values_below_identity(&c, columns), &singular_values(&whole, columns), 1e-9);
    }
}

#[test]
fn the_effective_rank_counts_equal_directions_and_discounts_small_ones() {
    assert!((effective_rank(&[2.0; 5]) - 5.0).abs() < 1e-12);
    assert!((effective_rank(&[1.0, 0.0, 0.0]) - 1.0).abs() < 1e-12);
    // Shares 3/4 and 1/4: exp(H) = 4 / 3^(3/4).
    assert!((effective_rank(&[3.0, 1.0]) - 4.0 / 3.0_f64.powf(0.75)).abs() < 1e-12);
    assert_eq!(effective_rank(&[]), 0.0);
}
