//! Attention over a cache of keys and values, for generating token by token.
//!
//! New tokens are written into the cache first. Many of them (a prompt) then go through the tiles of [`super::attention`];
//! few (a step of generation) through dot products straight over the cache, whose rows are read where they lie, once for all
//! query heads of a key head. No gradients.

use super::attention::{Inputs, Part, Plan, forward};
use super::buffers::{expect, matrix, read, shape_error, size, unwritten, write};
use super::simd::{exp, fold, max, sum_of, vectorised};
use crate::{Attention, Cpu, KeyValueCache, Matrix, Result, Visibility};
use rayon::prelude::*;

const OP: &str = "attention_cached";

/// Fewer new tokens of a sequence than this go over the cache as it lies.
const FEW: usize = if cfg!(test) { 4 } else { 8 };
/// Elements of keys that make it worth handing heads to other threads: some hundredths of a millisecond.
const SPREAD: usize = if cfg!(test) { 200 } else { 256 << 10 };
/// Keys that stay in the first cache while all query heads of a key head look at them.
const BLOCK: usize = if cfg!(test) { 8 } else { 64 };

/// See [`crate::Kernels::attention_cached`].
pub(super) fn attention_cached(
    qkv: &Matrix<Cpu>,
    cache: &mut KeyValueCache<Cpu>,
    spec: Attention<'_>,
) -> Result<Matrix<Cpu>> {
    let mut plan = check(qkv, cache, &spec)?;
    let [queries, new_keys, new_values] = plan.joined(read(OP, "input", qkv)?);
    append(&plan, new_keys, write(OP, "cached keys", &mut cache.keys)?, cache.capacity);
    plan.keys_are_turned = true;
    append(&plan, new_values, write(OP, "cached values", &mut cache.values)?, cache.capacity);
    let cached = |data| Part { data, stride: plan.key_width(), offset: 0, rows: cache.capacity };
    let keys = cached(read(OP, "cached keys", &cache.keys)?);
    let values = cached(read(OP, "cached values", &cache.values)?);
    let inputs = [queries, keys, values];
    let y = if plan.queries < FEW { few(&plan, inputs) } else { forward(&plan, inputs).0 };
    cache.length += plan.queries;
    matrix(OP, qkv.device(), y, (plan.batch * plan.queries, plan.width()))
}

fn check(qkv: &Matrix<Cpu>, cache: &KeyValueCache<Cpu>, spec: &Attention<'_>) -> Result<Plan> {
    if spec.visibility == Visibility::Bidirectional {
        return Err(shape_error(OP, "visibility", "bidirectional", "causal"));
    }
    for (what, given) in [("padding mask", spec.real_tokens.is_some()), ("dropout", spec.dropout.is_some())] {
        if given {
            return Err(shape_error(OP, what, "given", "none"));
        }
    }
    if spec.batch != cache.batch {
        let expected = format!("{}, the cache's", cache.batch);
        return Err(shape_error(OP, "number of sequences", spec.batch, expected));
    }
    let (found, held) = ((spec.key_value_heads, spec.head_dim), (cache.key_value_heads, cache.head_dim));
    if found != held {
        let found = format!("{} heads of {}", found.0, found.1);
        let expected = format!("{} heads of {}, the cache's", held.0, held.1);
        return Err(shape_error(OP, "number and size of key and value heads", found, expected));
    }
    let tokens = cache.length.saturating_add(spec.sequence);
    if tokens > cache.capacity {
        let what =
            format!("length of a sequence, {} tokens in the cache and {} new ones,", cache.length, spec.sequence);
        return Err(shape_error(OP, what, tokens, format!("at most {}, the cache's capacity", cache.capacity)));
    }
    let plan = Plan::new(OP, spec, cache.length)?;
    let shape = (plan.batch * plan.queries, plan.width() + 2 * plan.key_width());
    expect(OP, "packed queries, keys and values", size(qkv), shape)?;
    Ok(plan)
}

/// Writes the new rows of keys (or values) behind those in the cache, turned unless the keys are turned already.
fn append(plan: &Plan, new: Part<&[f32]>, cache: &mut [f32], capacity: usize) {
    let (width, e) = (plan.key_width(), plan.head_dim);
    for sequence in 0..plan.batch {
        for i in 0..plan.queries {
            let row = &mut cache[(sequence * capacity + plan.past + i) * width..][..width];
            row.copy_from_slice(new.row((sequence, i), 0, width));
            if let (Some(turns), false) = (&plan.turns, plan.keys_are_turned) {
                row.chunks_exact_mut(e).for_each(|head| turns.forward(i, head));
            }
        }
    }
}

/// The outputs `[B·Q, A·E]` of few queries.
fn few(plan: &Plan, inputs: Inputs<'_>) -> Vec<f32> {
    let mut y = unwritten(plan.batch * plan.queries * plan.width());
    if y.is_empty() {
        return y;
    }
    let group = plan.group * plan.head_dim;
    let work = |(task, out): (usize, &mut [f32])| {
        let (row, key_head) = (task / plan.key_heads(), task % plan.key_heads());
        let (sequence, query) = (row / plan.queries, row % plan.queries);
        let mut q = inputs[0].row((sequence, query), key_head, group).to_vec();
        if let Some(turns) = &plan.turns {
            q.chunks_exact_mut(plan.head_dim).for_each(|head| turns.forward(query, head));
        }
        let visible = plan.visible(query);
        let first = (sequence, visible.start);
        let [keys, values] = [inputs[1], inputs[2]].map(|part| part.rows_from(first, key_head, plan.head_dim));
        let mut scores = unwritten(plan.group * visible.len());
        group_scores(&q, plan.head_dim, keys, plan.key_width(), plan.scale, &mut scores);
        group_outputs(&mut scores, plan.head_dim, values, plan.key_width(), out);
    };
    let keys = plan.visible(plan.queries - 1).len() * plan.key_width() * plan.batch * plan.queries;
    if keys < SPREAD {
        y.chunks_exact_mut(group).enumerate().for_each(work);
    } else {
        y.par_chunks_exact_mut(group).enumerate().for_each(work);
    }
    y
}

/// Products of a query and C keys, all as long as it.
#[inline(always)]
fn products<const C: usize>(q: &[f32], keys: [&[f32]; C]) -> [f32; C] {
    let (chunks, rest) = q.as_chunks::<16>();
    let keys = keys.map(|key| key[..q.len()].as_chunks::<16>());
    let mut lanes = [[0.0; 16]; C];
    for (n, q) in chunks.iter().enumerate() {
        let keys = keys.map(|(chunks, _)| &chunks[n]);
        for i in 0..16 {
            for c in 0..C {
                lanes[c][i] = q[i].mul_add(keys[c][i], lanes[c][i]);
            }
        }
    }
    let mut sums = lanes.map(|lanes| fold(lanes, |a, b| a + b));
    for (i, q) in rest.iter().enumerate() {
        for c in 0..C {
            sums[c] = q.mul_add(keys[c].1[i], sums[c]);
        }
    }
    sums
}

/// `out += Σ_j weights_j · values_j`, whose rows are `stride` apart, over L columns from `column` on.
#[inline(always)]
fn mix<const L: usize>(weights: &[f32], values: &[f32], stride: usize, column: usize, out: &mut [f32]) {
    let mut sums = [0.0; L];
    for (weight, row) in weights.iter().zip(values.chunks(stride)) {
        let row = &row[column..][..L];
        for i in 0..L {
            sums[i] = weight.mul_add(row[i], sums[i]);
        }
    }
    out[column..][..L].copy_from_slice(&sums);
}

vectorised! {
    /// Scores `[A/K, n]` of the group's queries `q`, contiguous, and n keys, whose rows are `stride` apart.
    fn group_scores(q: &[f32], e: usize, keys: &[f32], stride: usize, scale: f32, scores: &mut [f32]) {
        let count = scores.len() / (q.len() / e);
        for first in (0..count).step_by(BLOCK) {
            for (q, scores) in q.chunks_exact(e).zip(scores.chunks_exact_mut(count)) {
                let scores = &mut scores[first..count.min(first + BLOCK)];
                let key = |j: usize| &keys[(first + j) * stride..][..e];
                let (fours, rest) = scores.as_chunks_mut::<4>();
                for (n, scores) in fours.iter_mut().enumerate() {
                    let keys = std::array::from_fn(|j| key(4 * n + j));
                    *scores = products(q, keys).map(|product| scale * product);
                }
                for (j, score) in rest.iter_mut().enumerate() {
                    *score = scale * products(q, [key(4 * fours.len() + j)])[0];
                }
            }
        }
    }

    /// The outputs `[A/K, E]` of the scores, which become `exp(score − m)`.
    fn group_outputs(scores: &mut [f32], e: usize, values: &[f32], stride: usize, out: &mut [f32]) {
        let count = scores.len() / (out.len() / e);
        for (scores, out) in scores.chunks_exact_mut(count).zip(out.chunks_exact_mut(e)) {
            let top = max(scores);
            scores.iter_mut().for_each(|s| *s = exp(*s - top));
            let inverse = 1.0 / sum_of(scores, |p| p);
            let mut column = 0;
            while column + 64 <= e {
                mix::<64>(scores, values, stride, column, out);
                column += 64;
            }
            while column + 16 <= e {
                mix::<16>(scores, values, stride, column, out);
                column += 16;
            }
            while column < e {
                mix::<1>(scores, values, stride, column, out);
                column += 1;
            }
            out.iter_mut().for_each(|o| *o *= inverse);
        }
    }
}
