//! Cross-entropy with targets that share a row's label among several classes.
//!
//! Of one row with logits z and shares p, `L = Σ_c p_c · −log softmax(z)_c = P log Σ_c e^{z_c} − Σ_c p_c z_c` where `P = Σ_c p_c`,
//! and its gradient in z is `P softmax(z) − p`. It is made in the forward pass. All of a row on one class gives the loss and the
//! gradient of [`super::heads`], bit for bit.

use super::buffers::{read, scalar, shape_error, size, unwritten};
use super::heads::record;
use super::parallel;
use super::simd::{exp, max, sum_of, sum_of_pairs, vectorised};
use crate::{Cpu, Matrix, Result, Scalar, Tape};

/// Refuses shares that are not as many as there are logits, or are no shares.
pub(super) fn check_shares(op: &'static str, shares: &[f32], logits: usize) -> Result<()> {
    if shares.len() != logits {
        return Err(shape_error(op, "number of shares", shares.len(), logits));
    }
    match shares.iter().position(|share| !(share.is_finite() && *share >= 0.0)) {
        None => Ok(()),
        Some(i) => Err(shape_error(op, format!("share {i}"), shares[i], "a finite number of at least 0")),
    }
}

/// See [`crate::Kernels::soft_cross_entropy`].
pub(super) fn soft_cross_entropy<T: Tape<f32, Cpu>>(
    tape: &mut T,
    logits: &Matrix<Cpu>,
    shares: &[f32],
) -> Result<Scalar<Cpu>> {
    const OP: &str = "soft_cross_entropy";
    let (rows, classes) = size(logits);
    let data = read(OP, "logits", logits)?;
    check_shares(OP, shares, data.len())?;
    let mean = 1.0 / rows.max(1) as f32;
    let (mut d, mut losses) = (unwritten(data.len()), vec![0.0; rows]);
    parallel::rows2((&mut d, classes), (&mut losses, 1), |first, d, losses| {
        for (i, (d, loss)) in d.chunks_exact_mut(classes).zip(losses).enumerate() {
            let start = (first + i) * classes;
            d.copy_from_slice(&data[start..][..classes]);
            *loss = mean * soft_row(d, &shares[start..][..classes], T::OWNS_TAPE.then_some(mean));
        }
    });
    let total: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
    let loss = scalar(OP, logits.device(), total as f32)?;
    record(tape, &loss, logits, d, 1.0);
    Ok(loss)
}

vectorised! {
    /// One row's loss; with `factor` its logits become `factor · (P softmax − p)`.
    pub(super) fn soft_row(z: &mut [f32], p: &[f32], factor: Option<f32>) -> f32 {
        let p = &p[..z.len()];
        let (top, mass) = (max(z), sum_of(p, |p| p));
        // What is not asked for costs nothing, however surely it is ruled out.
        let wanted = sum_of_pairs(p, z, |p, z| if p == 0.0 { 0.0 } else { p * (top - z) });
        let sum;
        if let Some(factor) = factor {
            z.iter_mut().for_each(|z| *z = exp(*z - top));
            sum = sum_of(z, |v| v);
            let of_softmax = factor * mass / sum;
            z.iter_mut().zip(p).for_each(|(z, p)| *z = *z * of_softmax - factor * p);
        } else {
            sum = sum_of(z, |v| exp(v - top));
        }
        mass * sum.ln() + wanted
    }
}
