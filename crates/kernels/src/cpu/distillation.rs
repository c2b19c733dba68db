//! The loss of a student that hears labels and a teacher.
//!
//! Of one labelled row with logits z and the teacher's t: with `p = softmax(t / T)` and `q = softmax(z / T)`,
//! `KL = Σ_i p_i (t_i − z_i) / T + log Σ e^{z/T} − log Σ e^{t/T}`, whose gradient in z is `(q − p) / T`. The cross-entropy beside
//! it is that of [`super::heads`] or [`super::soft_targets`], bit for bit where the teacher has no share. The gradient is made in the forward pass.

use super::buffers::{expect, read, scalar, shape_error, size, unwritten};
use super::heads::record;
use super::loss::{check_targets, row};
use super::parallel;
use super::simd::{dot, exp, max, sum_of, vectorised};
use super::soft_targets::{check_shares, soft_row};
use crate::{Cpu, IGNORED, Labels, Matrix, Result, Scalar, Tape};

vectorised! {
    /// `KL(softmax(teacher / T) ‖ softmax(z / T))`; with `scale`, `scale · (q − p)` is added to `d`. Three rows of scratch.
    fn divergence(
        z: &[f32],
        teacher: &[f32],
        inverse: f32,
        scale: Option<f32>,
        d: &mut [f32],
        scratch: &mut [f32],
    ) -> f32 {
        let n = z.len();
        let (p, rest) = scratch.split_at_mut(n);
        let (q, difference) = rest.split_at_mut(n);
        let (teacher, difference, d) = (&teacher[..n], &mut difference[..n], &mut d[..n]);
        let (top_z, top_teacher) = (max(z), max(teacher));
        for i in 0..n {
            let (below_z, below_teacher) = (z[i] - top_z, teacher[i] - top_teacher);
            (q[i], p[i]) = (exp(below_z * inverse), exp(below_teacher * inverse));
            // What the teacher rules out costs nothing, however sure it is of that.
            difference[i] = if p[i] == 0.0 { 0.0 } else { below_teacher - below_z };
        }
        let (sum_q, sum_p) = (sum_of(q, |v| v), sum_of(p, |v| v));
        if let Some(scale) = scale {
            let (of_q, of_p) = (scale / sum_q, scale / sum_p);
            for i in 0..n {
                d[i] += q[i] * of_q - p[i] * of_p;
            }
        }
        dot(p, difference) * inverse / sum_p + (sum_q.ln() - sum_p.ln())
    }
}

/// The number of rows that carry a label; refuses labels of other rows or classes.
fn labelled(op: &'static str, labels: Labels<'_>, (rows, classes): (usize, usize)) -> Result<usize> {
    match labels {
        Labels::Classes(targets) => {
            if targets.len() != rows {
                return Err(shape_error(op, "number of targets", targets.len(), rows));
            }
            check_targets(op, targets, classes)?;
            Ok(targets.iter().filter(|&&target| target != IGNORED).count())
        }
        Labels::Shares(shares) => {
            check_shares(op, shares, rows * classes)?;
            Ok(rows)
        }
    }
}

/// See [`crate::Kernels::distillation`].
pub(super) fn distillation<T: Tape<f32, Cpu>>(
    tape: &mut T,
    (logits, teacher): (&Matrix<Cpu>, &Matrix<Cpu>),
    labels: Labels<'_>,
    share: f32,
    temperature: f32,
) -> Result<Scalar<Cpu>> {
    const OP: &str = "distillation";
    let (rows, classes) = size(logits);
    expect(OP, "teacher's logits", size(teacher), (rows, classes))?;
    if !(0.0..=1.0).contains(&share) {
        return Err(shape_error(OP, "teacher's share", share, "a number from 0 to 1"));
    }
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(shape_error(OP, "temperature", temperature, "a finite number above 0"));
    }
    let (data, teacher) = (read(OP, "logits", logits)?, read(OP, "teacher's logits", teacher)?);
    let labelled = labelled(OP, labels, (rows, classes))?;
    let (mean, own) = (1.0 / labelled.max(1) as f32, 1.0 - share);
    let (mut d, mut losses) = (unwritten(data.len()), vec![0.0; rows]);
    parallel::rows2((&mut d, classes), (&mut losses, 1), |first, d, losses| {
        let mut scratch = vec![0.0; if share > 0.0 { 3 * classes } else { 0 }];
        for (i, (d, loss)) in d.chunks_exact_mut(classes).zip(losses).enumerate() {
            let n = first + i;
            let z = &data[n * classes..][..classes];
            let ignored = matches!(labels, Labels::Classes(targets) if targets[n] == IGNORED);
            if ignored || own == 0.0 {
                d.fill(0.0);
            } else {
                d.copy_from_slice(z);
                let factor = T::OWNS_TAPE.then_some(mean * own);
                let of_label = match labels {
                    Labels::Classes(targets) => row(d, None, targets[n] as usize, factor),
                    Labels::Shares(shares) => soft_row(d, &shares[n * classes..][..classes], factor),
                };
                *loss = mean * (own * of_label);
            }
            if !ignored && share > 0.0 {
                let scale = T::OWNS_TAPE.then_some(mean * share * temperature);
                let teacher = &teacher[n * classes..][..classes];
                let divergence = divergence(z, teacher, 1.0 / temperature, scale, d, &mut scratch);
                *loss += mean * (share * temperature * temperature * divergence);
            }
        }
    });
    let total: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
    let loss = scalar(OP, logits.device(), total as f32)?;
    record(tape, &loss, logits, d, 1.0);
    Ok(loss)
}
