//! Talking-heads attention (Shazeer et al. 2020), whose scores are mixed across the heads before and after the softmax.
//!
//! A block of queries at a time, all heads of it together, small enough for the second cache: with W, b of the two mixes,
//! `R = Q Kᵀ`, `Z = W_before R/√E`, `P = softmax(Z)`, `T = W_after P + b_after`, `O = (T ∘ dropout) V`. The bias of the first mix
//! shifts all scores of a query alike, which the softmax does not see: it is never added, and its gradient is zero.
//!
//! Only the input is kept for the backward pass, which makes R, P and T of a block again: with dT = (dO Vᵀ) ∘ dropout,
//! `dV = (T ∘ dropout)ᵀ dO`, `dP = W_afterᵀ dT`, `dZ = P ∘ (dP − Σ dP ∘ P)`, `dR = W_beforeᵀ dZ/√E`, `dQ = dR K`, `dK = dRᵀ Q`,
//! `dW_after = dT Pᵀ`, `db_after = Σ dT`, `dW_before = dZ Rᵀ/√E`. There a task is one sequence.

mod mix;

use super::attention::Plan;
use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::matmul::{Target, View, product_here};
use super::simd::{dot, exp, max, sum_of, vectorised};
use crate::{Attention, Cpu, Layout, Linear, Matrix, Result, Tape, Visibility};
use mix::{LANES, Mix, MixGradients, add_products, add_sums, mix, transpose};
use rayon::prelude::*;

const OP: &str = "talking_attention";

/// Scores of all heads that a block of queries may have.
const SCORES: usize = if cfg!(test) { 100 } else { 48 << 10 };
/// See [`crate::Kernels::talking_attention`].
pub(super) fn talking_attention<T: Tape<f32, Cpu>>(
    tape: &mut T,
    qkv: &Matrix<Cpu>,
    before: Linear<'_, Cpu>,
    after: Linear<'_, Cpu>,
    spec: Attention<'_>,
) -> Result<Matrix<Cpu>> {
    let plan = check(qkv, &spec)?;
    let (rows, width, keys) = (plan.batch * plan.keys, plan.width(), plan.keys);
    let [first, second] = [("before", &before), ("after", &after)].map(|(name, map)| Mix::new(name, map, spec.heads));
    let talking = Talking { plan, before: first?, after: second? };
    let data = read(OP, "input", qkv)?;
    let mut y = unwritten(rows * width);
    if !y.is_empty() {
        let block = talking.block();
        y.par_chunks_mut(keys * width).enumerate().for_each(|(sequence, y)| {
            let blocks = y.par_chunks_mut(block * width).enumerate();
            blocks.for_each(|(i, y)| talking.forward(data, sequence, i * block, y));
        });
    }
    let y = matrix(OP, qkv.device(), y, (rows, width))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot, qkv) = (Slot::of(qkv), Slot::output(&y), Kept::of(OP, "input", qkv)?);
        let weights = [&before, &after].map(|map| (Slot::of(map.weight), map.layout));
        let biases = [&before, &after].map(|map| map.bias.map(Slot::of));
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            let mut d = unwritten(rows * 3 * width);
            let mut partials = Vec::new();
            if !d.is_empty() {
                let sequences = d.par_chunks_mut(keys * 3 * width).enumerate();
                sequences.map(|(i, d)| talking.backward(qkv.data(), &dy, i, d)).collect_into_vec(&mut partials);
            }
            x_slot.add(gradients, d)?;
            let heads = talking.plan.heads;
            let sums = MixGradients::sum(heads, partials);
            for ((slot, layout), sum) in weights.iter().zip([sums.before, sums.after]) {
                slot.add(gradients, if *layout == Layout::OutIn { sum } else { transpose(&sum, heads) })?;
            }
            for (slot, sum) in biases.iter().zip([vec![0.0; heads], sums.after_bias]) {
                if let Some(slot) = slot {
                    slot.add(gradients, sum)?;
                }
            }
            Ok(())
        });
    }
    Ok(y)
}

fn check(qkv: &Matrix<Cpu>, spec: &Attention<'_>) -> Result<Plan> {
    if spec.visibility != Visibility::Bidirectional {
        return Err(shape_error(OP, "visibility", "causal", "bidirectional"));
    }
    for (what, given) in [("padding mask", spec.real_tokens.is_some()), ("rotary positions", spec.rotary.is_some())] {
        if given {
            return Err(shape_error(OP, what, "given", "none"));
        }
    }
    let plan = Plan::new(OP, spec, 0)?;
    if plan.group != 1 {
        let expected = format!("{}, the number of heads", spec.heads);
        return Err(shape_error(OP, "number of key and value heads", spec.key_value_heads, expected));
    }
    expect(OP, "packed queries, keys and values", size(qkv), (plan.batch * plan.keys, 3 * plan.width()))?;
    Ok(plan)
}

struct Talking {
    plan: Plan,
    before: Mix,
    after: Mix,
}

/// Some queries of one sequence.
#[derive(Clone, Copy)]
struct Block {
    sequence: usize,
    first: usize,
    rows: usize,
    /// Scores of one head, filled up.
    stride: usize,
}

impl Talking {
    /// Queries of a block, about as many in each.
    fn block(&self) -> usize {
        let most = (SCORES / (self.plan.heads * self.plan.keys)).max(1);
        self.plan.keys.div_ceil(self.plan.keys.div_ceil(most))
    }

    fn at(&self, sequence: usize, first: usize, rows: usize) -> Block {
        Block { sequence, first, rows, stride: (rows * self.plan.keys).next_multiple_of(LANES) }
    }

    /// The block's rows of one head's queries.
    fn queries<'a>(&self, data: &'a [f32], block: Block, head: usize) -> View<'a> {
        let (stride, e) = (3 * self.plan.width(), self.plan.head_dim);
        View::block(data, (block.sequence * self.plan.keys + block.first) * stride + head * e, block.rows, e, stride)
    }

    /// One head's keys (`part` 1) or values (2).
    fn all<'a>(&self, data: &'a [f32], block: Block, part: usize, head: usize) -> View<'a> {
        let (width, e) = (self.plan.width(), self.plan.head_dim);
        let start = block.sequence * self.plan.keys * 3 * width + part * width + head * e;
        View::block(data, start, self.plan.keys, e, 3 * width)
    }

    /// R and P of a block, `[A, stride]` each.
    fn probabilities(&self, data: &[f32], block: Block) -> (Vec<f32>, Vec<f32>) {
        let Plan { heads, keys, .. } = self.plan;
        let [mut r, mut p] = [(); 2].map(|()| vec![0.0; heads * block.stride]);
        for (head, r) in r.chunks_exact_mut(block.stride).enumerate() {
            let (q, k) = (self.queries(data, block, head), self.all(data, block, 1, head));
            product_here(Target::new(r, block.rows, keys), Mode::Set, self.plan.precision, 1.0, (q, k.t()));
        }
        mix(&self.before.weight, self.plan.scale, None, &r, &mut p);
        p.chunks_exact_mut(block.stride).for_each(|p| softmax(&mut p[..block.rows * keys], keys));
        (r, p)
    }

    /// `W_after P + b_after`, times dropout's multipliers, into `t`.
    fn mixed(&self, block: Block, p: &[f32], t: &mut [f32]) {
        mix(&self.after.weight, 1.0, Some(&self.after.bias), p, t);
        self.drop_some(block, t);
    }

    fn drop_some(&self, block: Block, t: &mut [f32]) {
        let Plan { heads, keys, dropout, .. } = self.plan;
        let Some(dropout) = dropout else { return };
        for (head, t) in t.chunks_exact_mut(block.stride).enumerate() {
            let place = self.plan.place(block.sequence * heads + head);
            drop_run(dropout, self.plan.index(place, block.first, 0), &mut t[..block.rows * keys]);
        }
    }

    /// The outputs of the queries from `first` on.
    fn forward(&self, data: &[f32], sequence: usize, first: usize, y: &mut [f32]) {
        let (width, e, keys) = (self.plan.width(), self.plan.head_dim, self.plan.keys);
        let block = self.at(sequence, first, y.len() / width);
        let (mut t, p) = self.probabilities(data, block);
        self.mixed(block, &p, &mut t);
        for (head, t) in t.chunks_exact(block.stride).enumerate() {
            let target = Target::block(y, head * e, block.rows, e, width);
            let (t, v) = (View::new(t, block.rows, keys), self.all(data, block, 2, head));
            product_here(target, Mode::Set, self.plan.precision, 1.0, (t, v));
        }
    }

    /// The gradients of a sequence's queries, keys and values, all of `d`, and what it adds to those of the mixes.
    fn backward(&self, data: &[f32], dy: &[f32], sequence: usize, d: &mut [f32]) -> MixGradients {
        let Plan { heads, keys, head_dim: e, .. } = self.plan;
        let width = heads * e;
        let mut sums = MixGradients::zeros(heads);
        for first in (0..keys).step_by(self.block()) {
            let block = self.at(sequence, first, self.block().min(keys - first));
            let (rows, stride) = (block.rows, block.stride);
            let mode = if first == 0 { Mode::Set } else { Mode::Add };
            let [q_start, k_start, v_start] = [first * 3 * width, width, 2 * width];
            let (r, mut p) = self.probabilities(data, block);
            let [mut t, mut dt] = [(); 2].map(|()| vec![0.0; heads * stride]);
            self.mixed(block, &p, &mut t);
            for head in 0..heads {
                let dy_start = (sequence * keys + first) * width + head * e;
                let dy = View::block(dy, dy_start, rows, e, width);
                let t = View::new(&t[head * stride..], rows, keys);
                let target = Target::block(d, v_start + head * e, keys, e, 3 * width);
                product_here(target, mode, self.plan.precision, 1.0, (t.t(), dy));
                let target = Target::new(&mut dt[head * stride..], rows, keys);
                product_here(target, Mode::Set, self.plan.precision, 1.0, (dy, self.all(data, block, 2, head).t()));
            }
            self.drop_some(block, &mut dt);
            add_products(&dt, &p, stride, 1.0, &mut sums.after);
            add_sums(&dt, stride, &mut sums.after_bias);
            let mut dp = t;
            mix(&self.after.transposed, 1.0, None, &dt, &mut dp);
            for (dp, p) in dp.chunks_exact_mut(stride).zip(p.chunks_exact(stride)) {
                softmax_gradient(&mut dp[..rows * keys], &p[..rows * keys], keys);
            }
            add_products(&dp, &r, stride, self.plan.scale, &mut sums.before);
            let dr = &mut p;
            mix(&self.before.transposed, self.plan.scale, None, &dp, dr);
            for head in 0..heads {
                let dr = View::new(&dr[head * stride..], rows, keys);
                let (q, k) = (self.queries(data, block, head), self.all(data, block, 1, head));
                let target = Target::block(d, q_start + head * e, rows, e, 3 * width);
                product_here(target, Mode::Set, self.plan.precision, 1.0, (dr, k));
                let target = Target::block(d, k_start + head * e, keys, e, 3 * width);
                product_here(target, mode, self.plan.precision, 1.0, (dr.t(), q));
            }
        }
        sums
    }
}

vectorised! {
    /// Softmax of each row.
    fn softmax(scores: &mut [f32], keys: usize) {
        for row in scores.chunks_exact_mut(keys) {
            let top = max(row);
            row.iter_mut().for_each(|s| *s = exp(*s - top));
            let inverse = 1.0 / sum_of(row, |p| p);
            row.iter_mut().for_each(|p| *p *= inverse);
        }
    }

    /// dP becomes `dZ = P ∘ (dP − Σ dP ∘ P)`, row by row.
    fn softmax_gradient(d: &mut [f32], p: &[f32], keys: usize) {
        for (d, p) in d.chunks_exact_mut(keys).zip(p.chunks_exact(keys)) {
            let product = dot(d, p);
            d.iter_mut().zip(p).for_each(|(d, p)| *d = p * (*d - product));
        }
    }

    /// Multiplies the run of elements from `first` on by their multipliers.
    fn drop_run(dropout: super::dropout::Mask, first: u64, x: &mut [f32]) {
        dropout.for_each(first, x.len(), |i, m| x[i] *= m);
    }
}
