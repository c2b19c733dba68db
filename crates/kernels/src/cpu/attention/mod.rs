//! Multi-head attention in one pass: softmax while the scores are made, tile by tile, and no scores kept.
//!
//! Tiles of up to 128 queries and keys. A query's running maximum m and sum l are corrected whenever a tile
//! brings a larger score (online softmax: Milakov & Gimelshein 2018; the tiling: Dao et al. 2022). Kept for the
//! backward pass: the input, the output, and m + ln l of each query and head. Backward makes each tile's
//! probabilities again: with P = exp(S − (m + ln l)), dP = dO Vᵀ (masked by dropout) and D = Σ dO · O,
//! `dS = P (dP − D)`, `dQ = dS K/√E`, `dK = dSᵀ Q/√E`, `dV = Pᵀ dO`.
//!
//! Forward, a task is one query head of one sequence. Backward, it is one key head with all query heads that look at it
//! (grouped queries), so that a gradient has one writer. Tiles that a causal mask or a window hides whole are skipped.

mod parts;
mod plan;
mod tiles;
mod turns;
mod way;

pub(super) use parts::Part;
pub(super) use plan::Plan;
pub(super) use tiles::Inputs;

use super::buffers::{Kept, expect, matrix, read, size, unwritten};
use super::gradient::Slot;
use crate::{Attention, Cpu, Matrix, Projections, Result, Tape};
use parts::SharedMut;
use rayon::prelude::*;
use tiles::Outputs;

/// See [`crate::Kernels::attention`].
pub(super) fn attention<T: Tape<f32, Cpu>>(
    tape: &mut T,
    projections: Projections<'_, Cpu>,
    spec: Attention<'_>,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "attention";
    let plan = Plan::new(OP, &spec, 0)?;
    match projections {
        Projections::Joined(qkv) => joined(OP, tape, plan, qkv),
        Projections::Apart { queries, keys_values } => {
            let plan = plan.with_queries(OP, size(queries).0)?;
            apart(OP, tape, plan, queries, keys_values)
        }
    }
}

fn joined<T: Tape<f32, Cpu>>(op: &'static str, tape: &mut T, plan: Plan, qkv: &Matrix<Cpu>) -> Result<Matrix<Cpu>> {
    let shape = (plan.batch * plan.keys, plan.width() + 2 * plan.key_width());
    expect(op, "packed queries, keys and values", size(qkv), shape)?;
    let (y, logs) = forward(&plan, plan.joined(read(op, "input", qkv)?));
    let y = matrix(op, qkv.device(), y, (shape.0, plan.width()))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(qkv), Slot::output(&y));
        let (qkv, y) = (Kept::of(op, "input", qkv)?, Kept::of(op, "output", &y)?);
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            let mut d = unwritten(shape.0 * shape.1);
            let out = plan.joined(SharedMut::new(&mut d));
            backward(&plan, plan.joined(qkv.data()), [y.data(), &dy].map(|y| plan.output(y)), &logs, out);
            x_slot.add(gradients, d)
        });
    }
    Ok(y)
}

fn apart<T: Tape<f32, Cpu>>(
    op: &'static str,
    tape: &mut T,
    plan: Plan,
    queries: &Matrix<Cpu>,
    keys_values: &Matrix<Cpu>,
) -> Result<Matrix<Cpu>> {
    let shape = (plan.batch * plan.queries, plan.width());
    let kv_shape = (plan.batch * plan.keys, 2 * plan.key_width());
    expect(op, "queries", size(queries), shape)?;
    expect(op, "packed keys and values", size(keys_values), kv_shape)?;
    let inputs = plan.apart(read(op, "queries", queries)?, read(op, "keys and values", keys_values)?);
    let (y, logs) = forward(&plan, inputs);
    let y = matrix(op, queries.device(), y, shape)?;
    if T::OWNS_TAPE {
        let (q_slot, kv_slot, y_slot) = (Slot::of(queries), Slot::of(keys_values), Slot::output(&y));
        let (q, kv) = (Kept::of(op, "queries", queries)?, Kept::of(op, "keys and values", keys_values)?);
        let y = Kept::of(op, "output", &y)?;
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            let (mut dq, mut dkv) = (unwritten(shape.0 * shape.1), unwritten(kv_shape.0 * kv_shape.1));
            let out = plan.apart(SharedMut::new(&mut dq), SharedMut::new(&mut dkv));
            let inputs = plan.apart(q.data(), kv.data());
            backward(&plan, inputs, [y.data(), &dy].map(|y| plan.output(y)), &logs, out);
            q_slot.add(gradients, dq)?;
            kv_slot.add(gradients, dkv)
        });
    }
    Ok(y)
}

/// The outputs `[B·Q, A·E]`, and m + ln l of each query, head after head.
pub(super) fn forward(plan: &Plan, inputs: Inputs<'_>) -> (Vec<f32>, Vec<f32>) {
    let rows = plan.batch * plan.queries;
    if plan.keys == 0 {
        return (vec![0.0; rows * plan.width()], vec![0.0; rows * plan.heads]);
    }
    let (mut y, mut logs) = (unwritten(rows * plan.width()), unwritten(rows * plan.heads));
    if rows > 0 {
        let out = plan.output(SharedMut::new(&mut y));
        let tasks = logs.par_chunks_mut(plan.queries).enumerate();
        tasks.for_each(|(task, logs)| tiles::forward(plan, task, inputs, out, logs));
    }
    (y, logs)
}

/// The gradients of all inputs, from the outputs and their gradients; every element of `out` is written.
fn backward(plan: &Plan, inputs: Inputs<'_>, outputs: [Part<&[f32]>; 2], logs: &[f32], out: Outputs<'_>) {
    let tasks = (0..plan.batch * plan.key_heads()).into_par_iter();
    let each = plan.group * plan.queries;
    tasks.for_each(|task| tiles::backward(plan, task, inputs, outputs, &logs[task * each..][..each], out));
}
