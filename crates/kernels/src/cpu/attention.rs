//! Multi-head attention in one pass: softmax while the scores are made, tile by tile, and no scores kept.
//!
//! Tiles of up to [`TILE`] queries × [`TILE`] keys. A query's running maximum m and sum l are corrected whenever a tile
//! brings a larger score (online softmax: Milakov & Gimelshein 2018; the tiling: Dao et al. 2022). Kept for the
//! backward pass: the input, the output, and m + ln l of each query and head. Backward makes each tile's
//! probabilities again: with P = exp(S − (m + ln l)), dP = dO Vᵀ (masked by dropout) and D = Σ dO · O,
//! `dS = P (dP − D)`, `dQ = dS K/√E`, `dK = dSᵀ Q/√E`, `dV = Pᵀ dO`.

use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten};
use super::dropout::Mask;
use super::gradient::{Mode, Slot};
use super::matmul::{Target, View, product_here};
use super::simd::{dot, exp, max, sum_of, vectorised};
use crate::{Attention, Cpu, Matrix, Result, Tape, Visibility};
use rayon::prelude::*;

/// Queries and keys of a tile: its scores take 64 KiB. Small in the tests, so that they see many tiles.
const TILE: usize = if cfg!(test) { 8 } else { 128 };

/// What is the same for all heads.
struct Plan {
    batch: usize,
    sequence: usize,
    heads: usize,
    head_dim: usize,
    causal: bool,
    scale: f32,
    /// 0 for a real key, −∞ for padding, `[B · S]`.
    key_bias: Option<Vec<f32>>,
    dropout: Option<Mask>,
}

/// See [`crate::Kernels::attention`].
pub(super) fn attention<T: Tape<f32, Cpu>>(
    tape: &mut T,
    qkv: &Matrix<Cpu>,
    spec: Attention<'_>,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "attention";
    let plan = Plan::new(OP, &spec)?;
    let (tokens, width) = (plan.batch * plan.sequence, plan.heads * plan.head_dim);
    expect(OP, "packed queries, keys and values", size(qkv), (tokens, 3 * width))?;
    let data = read(OP, "input", qkv)?;
    let (mut y, mut logs) = (unwritten(tokens * width), unwritten(tokens * plan.heads));
    if !y.is_empty() {
        let out = Strided { data: SharedMut::new(&mut y), stride: width };
        logs.par_chunks_mut(plan.sequence).enumerate().for_each(|(task, logs)| plan.forward(task, data, &out, logs));
    }
    let y = matrix(OP, qkv.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(qkv), Slot::of(&y));
        let (qkv, y) = (Kept::of(OP, "input", qkv)?, Kept::of(OP, "output", &y)?);
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            let mut d = unwritten(tokens * 3 * width);
            if !d.is_empty() {
                let out = Strided { data: SharedMut::new(&mut d), stride: 3 * width };
                logs.par_chunks(plan.sequence)
                    .enumerate()
                    .for_each(|(task, logs)| plan.backward(task, qkv.data(), y.data(), &dy, logs, &out));
            }
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}

/// A buffer that several tasks write, each its own elements.
struct SharedMut<'a> {
    first: *mut f32,
    length: usize,
    borrow: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: it stands for an exclusive borrow of floats; `Strided::store` says who may write what.
#[allow(unsafe_code)]
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    fn new(data: &'a mut [f32]) -> Self {
        Self { first: data.as_mut_ptr(), length: data.len(), borrow: std::marker::PhantomData }
    }
}

/// Rows of `stride` elements, of which each task owns a block of columns of some rows.
struct Strided<'a> {
    data: SharedMut<'a>,
    stride: usize,
}

impl Strided<'_> {
    /// Stores the contiguous `rows` (of `width` elements) as columns `column..` of the rows from `first` on.
    ///
    /// # Safety
    /// No other thread may store to the same block during this call.
    #[allow(unsafe_code)]
    unsafe fn store(&self, first: usize, column: usize, rows: &[f32], width: usize) {
        for (i, row) in rows.chunks_exact(width).enumerate() {
            let offset = (first + i) * self.stride + column;
            assert!(column + width <= self.stride && offset + width <= self.data.length, "a block lies in its matrix");
            // SAFETY: within the buffer by the assert, not written by another thread by this function's contract, and
            // not read by anyone while the buffer is borrowed.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.data.first.add(offset), width) };
        }
    }
}

/// Which head of which sequence.
#[derive(Clone, Copy)]
struct Place {
    sequence: usize,
    head: usize,
    /// Number among all (sequence, head).
    task: usize,
}

impl Plan {
    fn new(op: &'static str, spec: &Attention<'_>) -> Result<Self> {
        if spec.heads == 0 || spec.head_dim == 0 {
            let found = format!("{} heads of {}", spec.heads, spec.head_dim);
            return Err(shape_error(op, "head count and size", found, "at least 1 head of 1"));
        }
        let key_bias = match spec.real_tokens {
            Some(real) if real.len() != spec.batch * spec.sequence => {
                return Err(shape_error(op, "length of the padding mask", real.len(), spec.batch * spec.sequence));
            }
            Some(real) => Some(real.iter().map(|&real| if real { 0.0 } else { f32::NEG_INFINITY }).collect()),
            None => None,
        };
        Ok(Self {
            batch: spec.batch,
            sequence: spec.sequence,
            heads: spec.heads,
            head_dim: spec.head_dim,
            causal: spec.visibility == Visibility::Causal,
            scale: 1.0 / (spec.head_dim as f32).sqrt(),
            key_bias,
            dropout: spec.dropout.filter(|dropout| dropout.p != 0.0).map(|d| Mask::new(op, d)).transpose()?,
        })
    }

    fn place(&self, task: usize) -> Place {
        Place { sequence: task / self.heads, head: task % self.heads, task }
    }

    /// A copy of one head's rows of queries (`part` 0), keys (1) or values (2), or of an output (`parts` = 1).
    fn gather(&self, data: &[f32], place: Place, part: usize, parts: usize) -> Vec<f32> {
        let (width, head_dim) = (self.heads * self.head_dim, self.head_dim);
        let mut head = Vec::with_capacity(self.sequence * head_dim);
        for i in 0..self.sequence {
            let row = (place.sequence * self.sequence + i) * parts * width;
            head.extend_from_slice(&data[row + part * width + place.head * head_dim..][..head_dim]);
        }
        head
    }

    /// How many of the keys `first..first + count` the query sees.
    #[inline(always)]
    fn seen(&self, query: usize, first: usize, count: usize) -> usize {
        if self.causal { (query + 1).saturating_sub(first).min(count) } else { count }
    }

    /// Scales a row of raw scores and hides what must not be seen.
    #[inline(always)]
    fn mask(&self, place: Place, first_key: usize, seen: usize, scores: &mut [f32]) {
        let (visible, hidden) = scores.split_at_mut(seen);
        match &self.key_bias {
            Some(bias) => {
                let bias = &bias[place.sequence * self.sequence + first_key..][..seen];
                visible.iter_mut().zip(bias).for_each(|(s, b)| *s = s.mul_add(self.scale, *b));
            }
            None => visible.iter_mut().for_each(|s| *s *= self.scale),
        }
        hidden.fill(f32::NEG_INFINITY);
    }

    /// Number of the probability (query, first key) among all: what dropout hashes.
    #[inline(always)]
    fn index(&self, place: Place, query: usize, first_key: usize) -> u64 {
        let row = place.task as u64 * self.sequence as u64 + query as u64;
        row * self.sequence as u64 + first_key as u64
    }

    fn forward(&self, task: usize, qkv: &[f32], out: &Strided<'_>, logs: &mut [f32]) {
        let (place, length, e) = (self.place(task), self.sequence, self.head_dim);
        let [q, k, v] = [0, 1, 2].map(|part| self.gather(qkv, place, part, 3));
        let tile = TILE.min(length);
        let mut scores = unwritten(tile * tile);
        let mut o = unwritten(tile * e);
        let (mut tops, mut sums) = (unwritten(tile), unwritten(tile));
        for first_query in (0..length).step_by(tile) {
            let queries = tile.min(length - first_query);
            tops.fill(f32::MIN);
            sums.fill(0.0);
            let last_key = if self.causal { first_query + queries } else { length };
            for first_key in (0..last_key).step_by(tile) {
                let keys = tile.min(last_key - first_key);
                let q = View::new(&q[first_query * e..], queries, e);
                let k = View::new(&k[first_key * e..], keys, e);
                product_here(Target::new(&mut scores, queries, keys), Mode::Set, 1.0, q, k.t());
                let tile = Tile { plan: self, place, first_query, first_key, keys };
                probabilities(&tile, &mut scores[..queries * keys], &mut o, &mut tops, &mut sums);
                let mode = if first_key == 0 { Mode::Set } else { Mode::Add };
                let (p, v) = (View::new(&scores, queries, keys), View::new(&v[first_key * e..], keys, e));
                product_here(Target::new(&mut o, queries, e), mode, 1.0, p, v);
            }
            finish(&mut o[..queries * e], e, &tops, &sums, &mut logs[first_query..]);
            let first_row = place.sequence * length + first_query;
            // SAFETY: the rows of this task's sequence and the columns of its head are this task's alone.
            #[allow(unsafe_code)]
            unsafe {
                out.store(first_row, place.head * e, &o[..queries * e], e);
            }
        }
    }

    fn backward(&self, task: usize, qkv: &[f32], y: &[f32], dy: &[f32], logs: &[f32], out: &Strided<'_>) {
        let (place, length, e) = (self.place(task), self.sequence, self.head_dim);
        let [q, k, v] = [0, 1, 2].map(|part| self.gather(qkv, place, part, 3));
        let [y, dy] = [y, dy].map(|data| self.gather(data, place, 0, 1));
        let tile = TILE.min(length);
        let (mut p, mut dp) = (unwritten(tile * tile), unwritten(tile * tile));
        let [mut dq, mut dk, mut dv] = [(); 3].map(|()| vec![0.0; length * e]);
        let mut products = unwritten(length);
        row_products(&y, &dy, e, &mut products);
        for first_query in (0..length).step_by(tile) {
            let queries = tile.min(length - first_query);
            let last_key = if self.causal { first_query + queries } else { length };
            let q = View::new(&q[first_query * e..], queries, e);
            let dy = View::new(&dy[first_query * e..], queries, e);
            for first_key in (0..last_key).step_by(tile) {
                let keys = tile.min(last_key - first_key);
                let k = View::new(&k[first_key * e..], keys, e);
                let v = View::new(&v[first_key * e..], keys, e);
                product_here(Target::new(&mut p, queries, keys), Mode::Set, 1.0, q, k.t());
                product_here(Target::new(&mut dp, queries, keys), Mode::Set, 1.0, dy, v.t());
                let tile = Tile { plan: self, place, first_query, first_key, keys };
                let (p_tile, dp_tile) = (&mut p[..queries * keys], &mut dp[..queries * keys]);
                score_gradients(&tile, p_tile, dp_tile, logs, &products);
                let (p, ds) = (View::new(&p, queries, keys), View::new(&dp, queries, keys));
                product_here(Target::new(&mut dv[first_key * e..], keys, e), Mode::Add, 1.0, p.t(), dy);
                product_here(Target::new(&mut dk[first_key * e..], keys, e), Mode::Add, self.scale, ds.t(), q);
                product_here(Target::new(&mut dq[first_query * e..], queries, e), Mode::Add, self.scale, ds, k);
            }
        }
        for (part, d) in [dq, dk, dv].iter().enumerate() {
            let column = (part * self.heads + place.head) * e;
            // SAFETY: the rows of this task's sequence and the columns of its head are this task's alone.
            #[allow(unsafe_code)]
            unsafe {
                out.store(place.sequence * length, column, d, e);
            }
        }
    }
}

/// One tile of scores.
struct Tile<'a> {
    plan: &'a Plan,
    place: Place,
    first_query: usize,
    first_key: usize,
    keys: usize,
}

vectorised! {
    /// Raw scores become `exp(score − m)`; m, l and the outputs so far are corrected to the new maximum.
    fn probabilities(tile: &Tile<'_>, scores: &mut [f32], o: &mut [f32], tops: &mut [f32], sums: &mut [f32]) {
        let Tile { plan, place, first_query, first_key, keys } = *tile;
        let e = plan.head_dim;
        for (i, scores) in scores.chunks_exact_mut(keys).enumerate() {
            plan.mask(place, first_key, plan.seen(first_query + i, first_key, keys), scores);
            let top = max(scores);
            let top = if top > tops[i] { top } else { tops[i] };
            let correction = exp(tops[i] - top);
            scores.iter_mut().for_each(|s| *s = exp(*s - top));
            sums[i] = sums[i].mul_add(correction, sum_of(scores, |p| p));
            tops[i] = top;
            if let Some(dropout) = plan.dropout {
                let index = plan.index(place, first_query + i, first_key);
                dropout.for_each(index, keys, |j, m| scores[j] *= m);
            }
            if first_key > 0 {
                o[i * e..][..e].iter_mut().for_each(|o| *o *= correction);
            }
        }
    }

    /// Raw scores become the probabilities that multiplied V, and dP becomes `dS = P (dP ∘ mask − D)`.
    fn score_gradients(tile: &Tile<'_>, p: &mut [f32], dp: &mut [f32], logs: &[f32], products: &[f32]) {
        let Tile { plan, place, first_query, first_key, keys } = *tile;
        for (i, (p, dp)) in p.chunks_exact_mut(keys).zip(dp.chunks_exact_mut(keys)).enumerate() {
            let query = first_query + i;
            plan.mask(place, first_key, plan.seen(query, first_key, keys), p);
            let (log, product) = (logs[query], products[query]);
            p.iter_mut().for_each(|p| *p = exp(*p - log));
            match plan.dropout {
                Some(dropout) => dropout.for_each(plan.index(place, query, first_key), keys, |j, m| {
                    dp[j] = p[j] * dp[j].mul_add(m, -product);
                    p[j] *= m;
                }),
                None => dp.iter_mut().zip(&*p).for_each(|(dp, p)| *dp = p * (*dp - product)),
            }
        }
    }

    /// Divides each query's output by its sum and keeps m + ln l; a query without keys gets zeros.
    fn finish(o: &mut [f32], e: usize, tops: &[f32], sums: &[f32], logs: &mut [f32]) {
        for (i, o) in o.chunks_exact_mut(e).enumerate() {
            let inverse = if sums[i] == 0.0 { 0.0 } else { 1.0 / sums[i] };
            o.iter_mut().for_each(|o| *o *= inverse);
            logs[i] = if sums[i] == 0.0 { 0.0 } else { tops[i] + sums[i].ln() };
        }
    }

    /// `D = Σ dO · O`, row by row.
    fn row_products(y: &[f32], dy: &[f32], e: usize, products: &mut [f32]) {
        for ((d, y), dy) in products.iter_mut().zip(y.chunks_exact(e)).zip(dy.chunks_exact(e)) {
            *d = dot(y, dy);
        }
    }
}
