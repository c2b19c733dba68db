//! `AᵀA` or `AAᵀ`, whichever is smaller, in f64.

use rayon::prelude::*;

/// Rows and columns of a tile of the result: their two strips of A stay in the second-level cache.
const TILE: usize = 64;
/// Length of the pieces of a strip.
const DEPTH: usize = 512;

/// The Gram matrix of the smaller side of a matrix of `columns` columns, and its size. Both triangles are written.
pub(super) fn gram(matrix: &[f32], columns: usize) -> (Vec<f64>, usize) {
    let rows = matrix.len() / columns.max(1);
    if rows == 0 {
        return (Vec::new(), 0);
    }
    // As vectors side by side: the rows of A, or those of its transpose.
    let vectors: Vec<f64> = match rows <= columns {
        true => matrix.iter().map(|&v| f64::from(v)).collect(),
        false => {
            let column = |c: usize| (0..rows).map(move |r| f64::from(matrix[r * columns + c]));
            (0..columns).into_par_iter().flat_map_iter(column).collect()
        }
    };
    let (size, length) = (rows.min(columns), rows.max(columns));
    let tiles = size.div_ceil(TILE);
    let pairs: Vec<(usize, usize)> = (0..tiles).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
    let products: Vec<Vec<f64>> =
        pairs.par_iter().map(|&(i, j)| tile(&vectors, length, range(i, size), range(j, size))).collect();
    let mut gram = vec![0.0; size * size];
    for (&(i, j), products) in pairs.iter().zip(&products) {
        let (rows, columns) = (range(i, size), range(j, size));
        for (r, row) in rows.clone().zip(products.chunks_exact(columns.len())) {
            for (c, &product) in columns.clone().zip(row) {
                gram[r * size + c] = product;
                gram[c * size + r] = product;
            }
        }
    }
    (gram, size)
}

fn range(tile: usize, size: usize) -> std::ops::Range<usize> {
    tile * TILE..size.min((tile + 1) * TILE)
}

/// The inner products of some vectors with others.
fn tile(vectors: &[f64], length: usize, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> Vec<f64> {
    let mut products = vec![0.0; rows.len() * columns.len()];
    for from in (0..length).step_by(DEPTH) {
        let piece = |i: usize| &vectors[i * length + from..i * length + length.min(from + DEPTH)];
        for (row, products) in rows.clone().zip(products.chunks_exact_mut(columns.len())) {
            for (column, product) in columns.clone().zip(products) {
                *product += dot(piece(row), piece(column));
            }
        }
    }
    products
}

/// Eight sums side by side, so that the compiler can keep them in vector registers.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
