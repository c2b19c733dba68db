//! Singular values of factors, by the eigenvalues of a Gram matrix in f64.
//!
//! Squaring costs half of the digits: values below 1e-8 of the largest are noise. That is enough to say how many directions a factor
//! uses.

mod gram;
mod householder;
mod ql;
#[cfg(test)]
mod tests;

use gram::gram;

/// The singular values of a matrix of `columns` columns, row by row, largest first: as many as its smaller side.
pub(crate) fn singular_values(matrix: &[f32], columns: usize) -> Vec<f64> {
    squares(matrix, columns).into_iter().map(f64::sqrt).collect()
}

/// Those of `[I; C]` for C of `columns` columns: `√(1 + σ²)` of the singular values σ of C, of which there are no more than its
/// smaller side, and 1 for each direction that C does not see.
pub(crate) fn singular_values_below_identity(c: &[f32], columns: usize) -> Vec<f64> {
    let mut values: Vec<f64> = squares(c, columns).into_iter().map(|square| (1.0 + square).sqrt()).collect();
    values.resize(columns, 1.0);
    values
}

/// exp of the entropy of the singular values divided by their sum (Roy & Vetterli 2007); 0 without any.
pub(crate) fn effective_rank(singular_values: &[f64]) -> f64 {
    let sum: f64 = singular_values.iter().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let shares = singular_values.iter().map(|value| value / sum).filter(|share| *share > 0.0);
    (-shares.map(|share| share * share.ln()).sum::<f64>()).exp()
}

/// The squares of the singular values, largest first.
fn squares(matrix: &[f32], columns: usize) -> Vec<f64> {
    let (gram, size) = gram(matrix, columns);
    let mut values = eigenvalues(gram, size);
    values.sort_by(|a, b| b.total_cmp(a));
    values.iter_mut().for_each(|value| *value = value.max(0.0));
    values
}

/// The eigenvalues of a symmetric matrix of `size` rows, in no order.
pub(crate) fn eigenvalues(matrix: Vec<f64>, size: usize) -> Vec<f64> {
    let (diagonal, beside) = householder::tridiagonal(matrix, size);
    ql::eigenvalues(diagonal, beside)
}
