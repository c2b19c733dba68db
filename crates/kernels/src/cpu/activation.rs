//! The activations and their derivatives, by polynomials that vectorise.
//!
//! Each is one function that gives value and slope; a loop that uses one of the two leaves the other out. The GELUs and the
//! sigmoid-weighted ones are `x · Φ(x)` with a sigmoid-shaped Φ, and one exponential gives Φ and its derivative.

use super::simd::{exp, vectorised};
use crate::Activation;

/// `x · Φ(x)` and its slope, from Φ(x) and Φ'(x).
#[inline(always)]
fn weighted(x: f32, (phi, derivative): (f32, f32)) -> (f32, f32) {
    (x * phi, x.mul_add(derivative, phi))
}

/// σ(u) and σ'(u), both without cancellation.
#[inline(always)]
fn sigmoid(u: f32) -> (f32, f32) {
    let e = exp(-u.abs());
    let small = e / (1.0 + e); // σ of the negative side
    (if u < 0.0 { small } else { 1.0 - small }, small * (1.0 - small))
}

/// Φ(x) and Φ'(x) of the normal distribution.
///
/// For z = |x|, Φ(−z) = exp(−z²/2) · M(z), where M(z) = (Mills ratio)/√(2π) is smooth and falls like 1/z. It is fitted by
/// t · P(t), t = 1/(1 + 0.26 z), P of degree 8, to a relative error of 2.5e-8 on [0, 14] (least squares, reweighted
/// towards the least maximum), so that even the far tail is right to its last digits.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const P: [f32; 9] = [
        0.103_759_07,
        0.103_016_53,
        0.103_031_77,
        0.051_021_95,
        0.160_960_9,
        -0.150_967_24,
        0.251_506_78,
        -0.152_836_08,
        0.030_506_33,
    ];
    const INVERSE_SQRT_2PI: f32 = 0.398_942_3;
    let z = x.abs();
    let t = 1.0 / z.mul_add(0.26, 1.0);
    let mut p = P[8];
    let mut i = 8;
    while i > 0 {
        i -= 1;
        p = p.mul_add(t, P[i]);
    }
    let e = exp(-0.5 * z * z);
    let tail = e * t * p;
    (if x < 0.0 { tail } else { 1.0 - tail }, INVERSE_SQRT_2PI * e)
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    weighted(x, normal(x))
}

/// By `(1 + tanh u)/2 = σ(2u)`, `u = √(2/π) (x + 0.044715 x³)`.
#[inline(always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769;
    const CUBIC: f32 = 0.044_715;
    let square = x * x;
    let (phi, derivative) = sigmoid(TWICE_SQRT_2_OVER_PI * x * square.mul_add(CUBIC, 1.0));
    weighted(x, (phi, derivative * (TWICE_SQRT_2_OVER_PI * square.mul_add(3.0 * CUBIC, 1.0))))
}

#[inline(always)]
fn quick_gelu(x: f32) -> (f32, f32) {
    const STEEPNESS: f32 = 1.702;
    let (phi, derivative) = sigmoid(STEEPNESS * x);
    weighted(x, (phi, STEEPNESS * derivative))
}

/// Lets NaN through.
#[inline(always)]
fn relu(x: f32) -> (f32, f32) {
    (if x < 0.0 { 0.0 } else { x }, if x <= 0.0 { 0.0 } else { 1.0 })
}

#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    weighted(x, sigmoid(x))
}

/// By `e = exp(−2|x|)`: `tanh |x| = (1 − e)/(1 + e)`, which cancels near 0, and `tanh' x = 4e/(1 + e)²`, which does not.
///
/// For |x| < 0.6 it is `x + x³ P(x²)`, P of degree 4, fitted to a relative error of 5e-9 (as in [`normal`]).
#[inline(always)]
fn tanh(x: f32) -> (f32, f32) {
    let (z, square) = (x.abs(), x * x);
    let series = (-0.005_895_136_f32)
        .mul_add(square, 0.020_795_953)
        .mul_add(square, -0.053_783_823)
        .mul_add(square, 0.133_319_24)
        .mul_add(square, -0.333_333);
    let near = (x * square).mul_add(series, x);
    let e = exp(-2.0 * z);
    let inverse = 1.0 / (1.0 + e);
    let far = ((1.0 - e) * inverse).copysign(x);
    (if z < 0.6 { near } else { far }, 4.0 * e * inverse * inverse)
}

/// Evaluates a loop with `$f` bound to the function of `$kind`: each kind is a loop of its own, without a branch in it.
macro_rules! with_function_of {
    ($kind:expr, $f:ident => $loop:expr) => {
        match $kind {
            Activation::Gelu => {
                let $f = gelu;
                $loop
            }
            Activation::GeluTanh => {
                let $f = gelu_tanh;
                $loop
            }
            Activation::QuickGelu => {
                let $f = quick_gelu;
                $loop
            }
            Activation::Relu => {
                let $f = relu;
                $loop
            }
            Activation::Silu => {
                let $f = silu;
                $loop
            }
            Activation::Tanh => {
                let $f = tanh;
                $loop
            }
        }
    };
}

vectorised! {
    /// `y = f(x)`.
    pub(super) fn forward(kind: Activation, x: &[f32], y: &mut [f32]) {
        with_function_of!(kind, f => x.iter().zip(y).for_each(|(&x, y)| *y = f(x).0));
    }

    /// `d = d · f'(x)`.
    pub(super) fn backward_in_place(kind: Activation, x: &[f32], d: &mut [f32]) {
        with_function_of!(kind, f => x.iter().zip(d).for_each(|(&x, d)| *d *= f(x).1));
    }

    /// `y = f(gate) · y`.
    pub(super) fn gate(kind: Activation, gate: &[f32], y: &mut [f32]) {
        with_function_of!(kind, f => gate.iter().zip(y).for_each(|(&gate, y)| *y *= f(gate).0));
    }

    /// Turns `gate` and `up` of `y = f(gate) · up` into their own gradients.
    pub(super) fn gate_backward(kind: Activation, dy: &[f32], gate: &mut [f32], up: &mut [f32]) {
        with_function_of!(kind, f => dy.iter().zip(gate).zip(up).for_each(|((&d, gate), up)| {
            let (value, slope) = f(*gate);
            (*gate, *up) = (d * *up * slope, d * value);
        }));
    }
}
