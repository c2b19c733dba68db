//! What the heads of classifiers and of question answering need: losses over logits that exist, and columns as rows.
//!
//! The losses keep their own gradient, not yet scaled by the gradient that comes from above. The loss of a language
//! model, whose logits are too many to exist at once, is in `loss`.

use super::buffers::{matrix, read, scalar, shape_error, size, unwritten};
use super::gradient::Slot;
use super::loss::{check_targets, row, scaled};
use super::parallel;
use super::simd::{dot, vectorised};
use crate::{Cpu, IGNORED, Matrix, Result, Scalar, Tape};

/// See [`crate::Kernels::softmax_cross_entropy`].
pub(super) fn softmax_cross_entropy<T: Tape<f32, Cpu>>(
    tape: &mut T,
    logits: &Matrix<Cpu>,
    targets: &[i32],
    weights: &[f32],
) -> Result<Scalar<Cpu>> {
    const OP: &str = "softmax_cross_entropy";
    let (rows, classes) = size(logits);
    if targets.len() != rows {
        return Err(shape_error(OP, "number of targets", targets.len(), rows));
    }
    if weights.len() != rows {
        return Err(shape_error(OP, "number of weights", weights.len(), rows));
    }
    check_targets(OP, targets, classes)?;
    let data = read(OP, "logits", logits)?;
    let (mut d, mut losses) = (unwritten(data.len()), vec![0.0; rows]);
    parallel::rows2((&mut d, classes), (&mut losses, 1), |first, d, losses| {
        for (i, (d, loss)) in d.chunks_exact_mut(classes).zip(losses).enumerate() {
            let n = first + i;
            if targets[n] == IGNORED {
                d.fill(0.0); // `loss` stays 0
                continue;
            }
            d.copy_from_slice(&data[n * classes..][..classes]);
            *loss = weights[n] * row(d, None, targets[n] as usize, T::OWNS_TAPE.then_some(weights[n]));
        }
    });
    let total: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
    let loss = scalar(OP, logits.device(), total as f32)?;
    record(tape, &loss, logits, d, 1.0);
    Ok(loss)
}

vectorised! {
    fn differences(a: &[f32], b: &[f32], out: &mut [f32]) -> f32 {
        out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = a - b);
        dot(out, out)
    }
}

/// See [`crate::Kernels::mean_squared_error`].
pub(super) fn mean_squared_error<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    targets: &[f32],
) -> Result<Scalar<Cpu>> {
    const OP: &str = "mean_squared_error";
    let (rows, width) = size(x);
    let data = read(OP, "input", x)?;
    if targets.len() != data.len() {
        return Err(shape_error(OP, "number of targets", targets.len(), data.len()));
    }
    let (mut d, mut sums) = (unwritten(data.len()), vec![0.0; rows]);
    parallel::rows2((&mut d, width), (&mut sums, 1), |first, d, sums| {
        for (i, (d, sum)) in d.chunks_exact_mut(width).zip(sums).enumerate() {
            let start = (first + i) * width;
            *sum = differences(&data[start..][..width], &targets[start..][..width], d);
        }
    });
    let share = 1.0 / data.len().max(1) as f64;
    let total: f64 = sums.iter().map(|&sum| f64::from(sum)).sum();
    let loss = scalar(OP, x.device(), (total * share) as f32)?;
    record(tape, &loss, x, d, (2.0 * share) as f32);
    Ok(loss)
}

/// Pushes the backward pass of a loss whose gradient in `x` is `factor · d`.
pub(super) fn record<T: Tape<f32, Cpu>>(tape: &mut T, loss: &Scalar<Cpu>, x: &Matrix<Cpu>, d: Vec<f32>, factor: f32) {
    if T::OWNS_TAPE && !d.is_empty() {
        let (loss_slot, x_slot) = (Slot::output(loss), Slot::of(x));
        tape.add_backward_op(move |gradients| {
            let scale = loss_slot.take(gradients)?[0];
            x_slot.add(gradients, scaled(d, factor * scale))
        });
    }
}

/// See [`crate::Kernels::columns_as_rows`].
pub(super) fn columns_as_rows<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    sequence: usize,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "columns_as_rows";
    let (tokens, columns) = size(x);
    if sequence == 0 || tokens % sequence != 0 {
        return Err(shape_error(OP, "number of rows", tokens, format!("a multiple of the sequence's {sequence}")));
    }
    let batch = tokens / sequence;
    let data = read(OP, "input", x)?;
    let mut y = unwritten(data.len());
    parallel::rows(&mut y, sequence, |first, y| {
        for (i, y) in y.chunks_exact_mut(sequence).enumerate() {
            let (column, b) = ((first + i) / batch, (first + i) % batch);
            let of_sequence = data[b * sequence * columns..].chunks_exact(columns);
            y.iter_mut().zip(of_sequence).for_each(|(y, x)| *y = x[column]);
        }
    });
    let y = matrix(OP, x.device(), y, (columns * batch, sequence))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(x), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            let mut dx = unwritten(dy.len());
            parallel::rows(&mut dx, columns, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(columns).enumerate() {
                    let (b, place) = ((first + i) / sequence, (first + i) % sequence);
                    dx.iter_mut().zip(0..).for_each(|(d, k): (_, usize)| *d = dy[(k * batch + b) * sequence + place]);
                }
            });
            x_slot.add(gradients, dx)
        });
    }
    Ok(y)
}
