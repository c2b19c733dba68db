//! A symmetric matrix to one with a diagonal and its neighbours alone, by reflections that leave the eigenvalues as they are
//! (Householder 1958; Golub & Van Loan, "Matrix Computations", section 8.3).
//!
//! Step k takes the vector x below the diagonal of column k and reflects by `H = I − τ u uᵀ`, so that H x has only a first entry.
//! With `p = τ A u` and `q = p − (τ/2)(pᵀu) u` the rest of the matrix becomes `A − u qᵀ − q uᵀ`. That update reads and writes all
//! of A, and the next step's product `A u` reads it once more; both happen in one pass, since u follows from column k + 1 alone.

use super::gram::dot;
use rayon::prelude::*;

/// Rows that one task updates at least.
const ROWS: usize = 16;

/// A reflection: u with zeros up to its step, and τ, for which `u` is scaled to a first entry of 1.
struct Reflection {
    u: Vec<f64>,
    tau: f64,
    /// What is left of x.
    beside: f64,
}

/// The diagonal, and the entries beside it (one less), of a tridiagonal matrix with the eigenvalues of `matrix` `[size, size]`.
pub(super) fn tridiagonal(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (Vec::with_capacity(size), Vec::with_capacity(size));
    if size == 0 {
        return (diagonal, beside);
    }
    let mut reflection = reflection(&matrix[..size], 0);
    let mut product = match &reflection {
        Some(reflection) => matrix.par_chunks_exact(size).map(|row| dot(row, &reflection.u)).collect(),
        None => Vec::new(),
    };
    for step in 0..size {
        diagonal.push(matrix[step * size + step]);
        let Some(Reflection { u, tau, beside: entry }) = reflection else { break };
        beside.push(entry);
        let alpha = -0.5 * tau * tau * dot(&product, &u);
        let q: Vec<f64> = product.iter().zip(&u).map(|(p, u)| tau * p + alpha * u).collect();
        // The next column first, which is also the next row.
        let next = step + 1;
        let beyond = (&u[next..], &q[next..]);
        update(&mut matrix[next * size + next..][..size - next], (u[next], q[next]), beyond);
        let following = self::reflection(&matrix[next * size..][..size], next);
        let v = following.as_ref().map(|reflection| &reflection.u[..]);
        let first = next + 1;
        let rows = matrix[first.min(size) * size..].par_chunks_exact_mut(size).with_min_len(ROWS).enumerate();
        let tail: Vec<f64> = rows
            .map(|(i, row)| {
                update(&mut row[next..], (u[first + i], q[first + i]), beyond);
                v.map_or(0.0, |v| dot(&row[next..], &v[next..]))
            })
            .collect();
        product = vec![0.0; size];
        product[first.min(size)..].copy_from_slice(&tail);
        reflection = following;
    }
    (diagonal, beside)
}

/// One row of `A − u qᵀ − q uᵀ`, from the column on that is still looked at.
fn update(row: &mut [f64], (u_i, q_i): (f64, f64), (u, q): (&[f64], &[f64])) {
    for ((value, u), q) in row.iter_mut().zip(u).zip(q) {
        *value -= u_i * q + q_i * u;
    }
}

/// The reflection that clears row `step` beyond the entry beside the diagonal; none in the last row.
fn reflection(row: &[f64], step: usize) -> Option<Reflection> {
    let x = &row[step + 1..];
    let (&first, rest) = x.split_first()?;
    // Scaled, so that squares neither vanish nor overflow.
    let scale = rest.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let mut u = vec![0.0; row.len()];
    if scale == 0.0 {
        return Some(Reflection { u, tau: 0.0, beside: first });
    }
    let scale = scale.max(first.abs());
    let norm = x.iter().map(|v| (v / scale) * (v / scale)).sum::<f64>().sqrt() * scale;
    // Away from the first entry, so that nothing cancels.
    let beside = if first > 0.0 { -norm } else { norm };
    let u_first = first - beside;
    u[step + 1] = 1.0;
    u[step + 2..].iter_mut().zip(rest).for_each(|(u, v)| *u = v / u_first);
    Some(Reflection { u, tau: (beside - first) / beside, beside })
}
