//! AdamW over all parameters at once, and the gradient that a backward pass begins with.
//!
//! With the clipped gradient g: `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
//! `w ← w − lr λ w − lr · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)` (Loshchilov & Hutter 2019, algorithm 2), where lr is the
//! learning rate times the parameter's own `rate`.

use super::buffers::{device_error, expect, shape_error, size, write};
use super::gradient::Slot;
use super::simd::{sum_of, vectorised};
use crate::{AdamW, AdamWParameter, Cpu, Gradients, Result, Scalar};
use rayon::prelude::*;

/// Elements of one task; all parameters are cut into pieces of this length.
const PIECE: usize = if cfg!(test) { 1000 } else { 32 * 1024 };

/// A piece of one parameter.
struct Piece<'a> {
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
    decay: bool,
    rate: f32,
}

/// See [`crate::Kernels::seed_gradient`].
pub(super) fn seed(loss: &Scalar<Cpu>, scale: f32, gradients: &mut Gradients<f32, Cpu>) -> Result<()> {
    Slot::of(loss).add(gradients, vec![scale]).map_err(|e| device_error("seed_gradient", e))
}

/// See [`crate::Kernels::adamw`].
pub(super) fn adamw(
    parameters: &mut [AdamWParameter<'_, Cpu>],
    gradients: &mut Gradients<f32, Cpu>,
    config: &AdamW,
) -> Result<f32> {
    const OP: &str = "adamw";
    for (i, p) in parameters.iter().enumerate() {
        expect(OP, &format!("first moment of parameter {i}"), size(p.first), size(p.weight))?;
        expect(OP, &format!("second moment of parameter {i}"), size(p.second), size(p.weight))?;
        if !(p.rate.is_finite() && p.rate >= 0.0) {
            return Err(shape_error(OP, format!("rate of parameter {i}"), p.rate, "a finite number of at least 0"));
        }
    }
    let (mut moving, resting): (Vec<_>, Vec<_>) = parameters.iter_mut().partition(|p| p.rate > 0.0);
    let slots: Vec<Slot> = moving.iter().map(|p| Slot::of(p.weight)).collect();
    let mut taken = Vec::with_capacity(slots.len());
    for slot in &slots {
        taken.push(slot.take(gradients).map_err(|e| device_error(OP, e))?);
    }
    let norm = norm(&taken);
    if !norm.is_finite() {
        for (slot, gradient) in slots.iter().zip(taken) {
            slot.add(gradients, gradient).map_err(|e| device_error(OP, e))?;
        }
        return Ok(norm);
    }
    for p in &resting {
        Slot::of(p.weight).clear(gradients).map_err(|e| device_error(OP, e))?;
    }
    let clip = match config.max_grad_norm {
        Some(limit) if norm > limit => limit / norm,
        _ => 1.0,
    };
    let mut pieces = Vec::new();
    for (p, gradient) in moving.iter_mut().zip(&taken) {
        let weight = write(OP, "weight", p.weight)?.chunks_mut(PIECE);
        let first = write(OP, "first moment", p.first)?.chunks_mut(PIECE);
        let second = write(OP, "second moment", p.second)?.chunks_mut(PIECE);
        for (((weight, first), second), gradient) in weight.zip(first).zip(second).zip(gradient.chunks(PIECE)) {
            pieces.push(Piece { weight, first, second, gradient, decay: p.decay, rate: p.rate });
        }
    }
    pieces.into_par_iter().for_each(|piece| step(piece, clip, config));
    Ok(norm)
}

/// The Euclidean norm of all gradients: pieces in f32 lanes, their sum in f64 and in order.
fn norm(gradients: &[Vec<f32>]) -> f32 {
    let pieces: Vec<&[f32]> = gradients.iter().flat_map(|gradient| gradient.chunks(PIECE)).collect();
    let squares: Vec<f32> = pieces.par_iter().map(|piece| squares(piece)).collect();
    squares.into_iter().map(f64::from).sum::<f64>().sqrt() as f32
}

vectorised! {
    fn squares(piece: &[f32]) -> f32 {
        sum_of(piece, |g| g * g)
    }

    fn step(piece: Piece<'_>, clip: f32, config: &AdamW) {
        let Piece { weight, first, second, gradient, decay, rate } = piece;
        let learning_rate = config.learning_rate * rate;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(config.step as f64);
        let (beta1, beta2) = (config.beta1, config.beta2);
        let rate = (f64::from(learning_rate) / correction(beta1)) as f32;
        let inverse_root = (1.0 / correction(beta2).sqrt()) as f32;
        let keep = if decay { 1.0 - learning_rate * config.weight_decay } else { 1.0 };
        let n = weight.len();
        let (first, second, gradient) = (&mut first[..n], &mut second[..n], &gradient[..n]);
        for i in 0..n {
            let g = gradient[i] * clip;
            let m = beta1.mul_add(first[i], (1.0 - beta1) * g);
            let v = beta2.mul_add(second[i], (1.0 - beta2) * g * g);
            (first[i], second[i]) = (m, v);
            weight[i] = (-rate).mul_add(m / v.sqrt().mul_add(inverse_root, config.eps), weight[i] * keep);
        }
    }
}
