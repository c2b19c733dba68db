//! RMS norms of single heads.
//!
//! A row of qkv `[N, (A + 2K)·E]` is cut into A + 2K heads: the first A are queries, the next K keys, the last K values,
//! which pass through. Kept for the backward pass: qkv, and 1/√(mean square + ε) of each query and key head.

use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten};
use super::gradient::Slot;
use super::linear::add_partials;
use super::norm::{backward, forward};
use super::parallel;
use super::simd::vectorised;
use crate::{Cpu, HeadNorms, Matrix, Result, Tape};
use rayon::prelude::*;

vectorised! {
    /// One token: its heads, and 1/√(mean square + ε) of those that are normalised, queries first.
    fn forward_token(
        x: &[f32],
        queries: (usize, &[f32]),
        key_gain: &[f32],
        eps: f32,
        y: &mut [f32],
        inverses: &mut [f32],
    ) {
        let (heads, query_gain) = queries;
        let size = query_gain.len();
        let normed = inverses.len() * size;
        let (inputs, outputs) = (x[..normed].chunks_exact(size), y[..normed].chunks_exact_mut(size));
        for (i, ((x, y), inverse)) in inputs.zip(outputs).zip(inverses).enumerate() {
            let gain = if i < heads { query_gain } else { key_gain };
            *inverse = forward::<false>(gain, None, eps, x, y).1;
        }
        y[normed..].copy_from_slice(&x[normed..]);
    }

    /// One token: dy becomes dx; the gradients of the gains are added to.
    fn backward_token(
        x: &[f32],
        queries: (usize, &[f32]),
        key_gain: &[f32],
        inverses: &[f32],
        dy: &mut [f32],
        d_query_gain: &mut [f32],
        d_key_gain: &mut [f32],
    ) {
        let (heads, query_gain) = queries;
        let size = query_gain.len();
        for (i, ((x, dy), &inverse)) in x.chunks_exact(size).zip(dy.chunks_exact_mut(size)).zip(inverses).enumerate() {
            let (gain, d_gain) = if i < heads { (query_gain, &mut *d_query_gain) } else { (key_gain, &mut *d_key_gain) };
            backward::<false>((x, gain), (0.0, inverse), dy, d_gain, None);
        }
    }
}

/// See [`crate::Kernels::head_norms`].
pub(super) fn head_norms<T: Tape<f32, Cpu>>(
    tape: &mut T,
    qkv: &Matrix<Cpu>,
    norms: HeadNorms<'_, Cpu>,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "head_norms";
    let HeadNorms { heads, key_value_heads, query_gain, key_gain, eps } = norms;
    let tokens = size(qkv).0;
    let head_dim = size(query_gain).1;
    if heads == 0 || key_value_heads == 0 || head_dim == 0 {
        let found = format!("{heads} query and {key_value_heads} key heads of {head_dim}");
        return Err(shape_error(OP, "head counts and size", found, "at least 1 each"));
    }
    expect(OP, "gain of the query heads", size(query_gain), (1, head_dim))?;
    expect(OP, "gain of the key heads", size(key_gain), (1, head_dim))?;
    let width = key_value_heads.saturating_mul(2).saturating_add(heads).saturating_mul(head_dim);
    expect(OP, "packed queries, keys and values", size(qkv), (tokens, width))?;
    let data = read(OP, "packed queries, keys and values", qkv)?;
    let queries = (heads, read(OP, "gain of the query heads", query_gain)?);
    let keys = read(OP, "gain of the key heads", key_gain)?;

    let normed = heads + key_value_heads;
    let (mut y, mut inverses) = (unwritten(data.len()), unwritten(tokens * normed));
    parallel::rows2((&mut y, width), (&mut inverses, normed), |first, y, inverses| {
        let x = data[first * width..].chunks_exact(width);
        for ((x, y), inverses) in x.zip(y.chunks_exact_mut(width)).zip(inverses.chunks_exact_mut(normed)) {
            forward_token(x, queries, keys, eps, y, inverses);
        }
    });
    let y = matrix(OP, qkv.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(qkv), Slot::output(&y));
        let (query_slot, key_slot) = (Slot::of(query_gain), Slot::of(key_gain));
        let x = Kept::of(OP, "packed queries, keys and values", qkv)?;
        let query_gain = Kept::of(OP, "gain of the query heads", query_gain)?;
        let key_gain = Kept::of(OP, "gain of the key heads", key_gain)?;
        tape.add_backward_op(move |gradients| {
            let mut d = y_slot.take(gradients)?;
            if d.is_empty() {
                return Ok(());
            }
            let group = parallel::rows_per_task(width);
            let partials: Vec<(Vec<f32>, Vec<f32>)> = (d.par_chunks_mut(group * width))
                .zip(x.data().par_chunks(group * width))
                .zip(inverses.par_chunks(group * normed))
                .map(|((d, x), inverses)| {
                    let (mut d_query, mut d_key) = (vec![0.0; head_dim], vec![0.0; head_dim]);
                    let rows = d.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(inverses.chunks_exact(normed));
                    for ((d, x), inverses) in rows {
                        let (queries, keys) = ((heads, query_gain.data()), key_gain.data());
                        backward_token(x, queries, keys, inverses, d, &mut d_query, &mut d_key);
                    }
                    (d_query, d_key)
                })
                .collect();
            let (d_query, d_key): (Vec<_>, Vec<_>) = partials.into_iter().unzip();
            query_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_query))?;
            key_slot.accumulate(gradients, |d, mode| add_partials(d, mode, &d_key))?;
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}
