//! Cross-entropy fused with the output projection, by chunks of labelled rows.
//!
//! A chunk's logits are made, turned into their gradient in place, multiplied into d_hidden and dW, and forgotten.
//! This happens in the forward pass if a tape records, since the logits are there; backward only scales and adds.

use super::buffers::{expect, read, scalar, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::matmul::backward::{Backward, Map, OfOutputs};
use super::matmul::{Target, View, product};
use super::parallel;
use super::simd::{exp, max, sum_of, vectorised};
use crate::{Cpu, IGNORED, KernelError, Layout, Linear, Matrix, Result, Scalar, Tape};

/// Floats of logits that exist at a time; few in the tests, so that they see many chunks.
const CHUNK: usize = if cfg!(test) { 200 } else { 1 << 24 };

/// Gradients of the loss, not yet scaled by the gradient that comes from above.
struct Unscaled {
    /// Of the labelled rows, `[labelled, H]`.
    hidden: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

/// Refuses a target that is neither [`IGNORED`] nor one of `classes`.
pub(super) fn check_targets(op: &'static str, targets: &[i32], classes: usize) -> Result<()> {
    let wrong = |&target: &i32| target != IGNORED && (target < 0 || target as usize >= classes);
    match targets.iter().position(wrong) {
        None => Ok(()),
        Some(index) => {
            Err(KernelError::OutOfRange { op, what: "target", index, found: i64::from(targets[index]), limit: classes })
        }
    }
}

/// See [`crate::Kernels::cross_entropy`].
pub(super) fn cross_entropy<T: Tape<f32, Cpu>>(
    tape: &mut T,
    hidden: &Matrix<Cpu>,
    head: Linear<'_, Cpu>,
    targets: &[i32],
) -> Result<Scalar<Cpu>> {
    const OP: &str = "cross_entropy";
    let ((tokens, width), precision) = (size(hidden), head.precision);
    let vocabulary = size(head.weight).0;
    if head.layout != Layout::OutIn {
        return Err(shape_error(OP, "layout of the head", "InOut", "OutIn"));
    }
    expect(OP, "weight of the head", size(head.weight), (vocabulary, width))?;
    if targets.len() != tokens {
        return Err(shape_error(OP, "number of targets", targets.len(), tokens));
    }
    let bias = match head.bias {
        Some(bias) => {
            expect(OP, "bias of the head", size(bias), (1, vocabulary))?;
            Some(read(OP, "bias of the head", bias)?)
        }
        None => None,
    };
    check_targets(OP, targets, vocabulary)?;
    let (weight, hidden_data) = (read(OP, "weight of the head", head.weight)?, read(OP, "hidden", hidden)?);
    let labelled: Vec<usize> = (0..tokens).filter(|&i| targets[i] != IGNORED).collect();
    let share = 1.0 / labelled.len().max(1) as f32;
    let mut unscaled = T::OWNS_TAPE.then(|| Unscaled {
        hidden: unwritten(labelled.len() * width),
        weight: unwritten(weight.len()),
        bias: bias.map(|bias| unwritten(bias.len())),
    });

    let rows_at_once = (CHUNK / vocabulary.max(1)).clamp(1, labelled.len().max(1));
    let mut logits = unwritten(rows_at_once * vocabulary);
    let mut gathered = Vec::new();
    let mut total = 0.0_f64;
    for (i, rows) in labelled.chunks(rows_at_once).enumerate() {
        let logits = &mut logits[..rows.len() * vocabulary];
        let consecutive = rows[rows.len() - 1] - rows[0] + 1 == rows.len();
        let x = if consecutive {
            &hidden_data[rows[0] * width..][..rows.len() * width]
        } else {
            gathered.clear();
            rows.iter().for_each(|&row| gathered.extend_from_slice(&hidden_data[row * width..][..width]));
            &gathered
        };
        let (target, w) = (Target::new(logits, rows.len(), vocabulary), View::new(weight, vocabulary, width));
        product(target, Mode::Set, precision, View::new(x, rows.len(), width), w.t());
        let mut losses = vec![0.0; rows.len()];
        parallel::rows2((logits, vocabulary), (&mut losses, 1), |first, logits, losses| {
            for (j, (z, loss)) in logits.chunks_exact_mut(vocabulary).zip(losses).enumerate() {
                let target = targets[rows[first + j]] as usize;
                *loss = row(z, bias, target, T::OWNS_TAPE.then_some(share));
            }
        });
        total += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
        if let Some(d) = &mut unscaled {
            let mode = if i == 0 { Mode::Set } else { Mode::Add };
            let map = Map {
                weight,
                layout: Layout::OutIn,
                outputs: vocabulary,
                d_weight: (&mut d.weight, mode),
                d_bias: d.bias.as_mut().map(|sum| (&mut sum[..], mode)),
            };
            Backward {
                dy: OfOutputs::Linear(logits),
                x,
                tokens: rows.len(),
                inputs: width,
                maps: vec![map],
                dx: (&mut d.hidden[i * rows_at_once * width..][..rows.len() * width], Mode::Set),
                precision,
            }
            .run();
        }
    }
    let loss = scalar(OP, hidden.device(), (total * f64::from(share)) as f32)?;
    if let Some(d) = unscaled {
        if labelled.is_empty() {
            return Ok(loss);
        }
        let (loss_slot, hidden_slot, weight_slot, bias_slot) =
            (Slot::output(&loss), Slot::of(hidden), Slot::of(head.weight), head.bias.map(Slot::of));
        tape.add_backward_op(move |gradients| {
            let scale = loss_slot.take(gradients)?[0];
            if labelled.len() == tokens {
                hidden_slot.add(gradients, scaled(d.hidden, scale))?;
            } else {
                hidden_slot.accumulate(gradients, |sum, mode| {
                    if mode == Mode::Set {
                        sum.fill(0.0);
                    }
                    for (&row, d) in labelled.iter().zip(d.hidden.chunks_exact(width)) {
                        let sum = &mut sum[row * width..][..width];
                        sum.iter_mut().zip(d).for_each(|(s, d)| *s = d.mul_add(scale, *s));
                    }
                })?;
            }
            weight_slot.add(gradients, scaled(d.weight, scale))?;
            if let (Some(slot), Some(d)) = (bias_slot, d.bias) {
                slot.add(gradients, scaled(d, scale))?;
            }
            Ok(())
        });
    }
    Ok(loss)
}

vectorised! {
    /// One row's loss; with `share` its logits become `share · (softmax − onehot(target))`.
    pub(super) fn row(z: &mut [f32], bias: Option<&[f32]>, target: usize, share: Option<f32>) -> f32 {
        if let Some(bias) = bias {
            z.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
        }
        let (top, wanted) = (max(z), z[target]);
        let sum;
        if let Some(share) = share {
            z.iter_mut().for_each(|z| *z = exp(*z - top));
            sum = sum_of(z, |v| v);
            let factor = share / sum;
            z.iter_mut().for_each(|z| *z *= factor);
            z[target] -= share;
        } else {
            sum = sum_of(z, |v| exp(v - top));
        }
        sum.ln() + (top - wanted)
    }
}

/// `scale · d`.
pub(super) fn scaled(mut d: Vec<f32>, scale: f32) -> Vec<f32> {
    if scale != 1.0 {
        parallel::rows(&mut d, 1, |_, d| d.iter_mut().for_each(|d| *d *= scale));
    }
    d
}
