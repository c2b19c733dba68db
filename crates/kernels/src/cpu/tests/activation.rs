//! The activations over their whole range. What a linear map makes of them is in `linear`.

use super::super::activation::backward_in_place;
use super::{Traced, WithEmpty, close, random, tensor};
use crate::{Activation, Cpu, Kernels, Layout, Linear, NoneTape, Precision};

pub(super) const KINDS: [Activation; 6] = [
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::QuickGelu,
    Activation::Relu,
    Activation::Silu,
    Activation::Tanh,
];

/// Φ(x) by the series `1/2 + φ(x) Σ x^(2k+1) / (1·3·5…(2k+1))`, all of whose terms have one sign.
fn normal(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 + density(x) * sum
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// `x σ(u)` and its derivative, where u has the derivative `slope`.
fn weighted(x: f64, u: f64, slope: f64) -> (f64, f64) {
    let sigmoid = 1.0 / (1.0 + (-u).exp());
    (x * sigmoid, sigmoid + x * sigmoid / (1.0 + u.exp()) * slope)
}

/// Value and slope.
pub(super) fn exact(kind: Activation, x: f64) -> (f64, f64) {
    match kind {
        Activation::Gelu => (x * normal(x), normal(x) + x * density(x)),
        Activation::GeluTanh => {
            let c = 2.0 * (2.0 / std::f64::consts::PI).sqrt(); // (1 + tanh u)/2 = σ(2u)
            weighted(x, c * (x + 0.044_715 * x.powi(3)), c * (1.0 + 3.0 * 0.044_715 * x * x))
        }
        Activation::QuickGelu => weighted(x, 1.702 * x, 1.702),
        Activation::Relu => (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::Silu => weighted(x, x, 1.0),
        Activation::Tanh => (x.tanh(), x.cosh().powi(-2)),
    }
}

/// By dfdx; none for the exact GELU, whose derivative there lacks a factor 1/√2.
pub(super) fn composed(kind: Activation, x: Traced) -> Option<Traced> {
    let again = x.with_empty(); // without what `x` has recorded, which must count once
    Some(match kind {
        Activation::Gelu => return None,
        Activation::GeluTanh => x.fast_gelu(),
        Activation::QuickGelu => x * (again * 1.702).sigmoid(),
        Activation::Relu => x.relu(),
        Activation::Silu => x * again.sigmoid(),
        Activation::Tanh => x.tanh(),
    })
}

/// `f(x)`, by a linear map that multiplies by one.
fn values(kind: Activation, x: &[f32]) -> Vec<f32> {
    let (column, one) = (tensor(x, (x.len(), 1)), tensor(&[1.0], (1, 1)));
    let map = Linear { weight: &one, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
    Cpu::linear_activated(&mut NoneTape, &column, map, kind).unwrap().as_vec()
}

fn slopes(kind: Activation, x: &[f32]) -> Vec<f32> {
    let mut d = vec![1.0; x.len()];
    backward_in_place(kind, x, &mut d);
    d
}

#[test]
fn values_and_slopes_are_right_to_the_last_digits_over_the_whole_range() {
    for kind in KINDS {
        let tiny = [1e-30, -1e-12, 3e-8, -2e-5];
        let x: Vec<f32> = (-5000..12000).map(|i| i as f32 * 1e-3).chain(tiny).collect();
        for ((&x, y), slope) in x.iter().zip(values(kind, &x)).zip(slopes(kind, &x)) {
            let (want, want_slope) = exact(kind, f64::from(x));
            let error = (f64::from(y) - want).abs();
            // In the left tail, the rounding of an exponent of up to −17 shows.
            assert!(error <= 1e-6 * want.abs() * f64::from(x.abs().max(1.0)), "{kind:?}({x}) = {y}, not {want}");
            let error = (f64::from(slope) - want_slope).abs();
            assert!(error <= 1e-6, "{kind:?}'({x}) = {slope}, not {want_slope}");
        }
    }
}

#[test]
fn extremes_neither_overflow_nor_hide_nan() {
    let extremes = [f32::MAX, -f32::MAX, -100.0, 100.0, 0.0];
    for kind in KINDS {
        let want = match kind {
            Activation::Tanh => [1.0, -1.0, -1.0, 1.0, 0.0],
            _ => [f32::MAX, 0.0, 0.0, 100.0, 0.0],
        };
        assert_eq!(values(kind, &extremes), want, "{kind:?}");
        let far = if kind == Activation::Tanh { 0.0 } else { 1.0 };
        assert_eq!(slopes(kind, &[100.0, -100.0]), [far, 0.0], "{kind:?}");
        assert!(values(kind, &[f32::NAN])[0].is_nan(), "{kind:?}");
    }
}

#[test]
fn the_exact_gelu_agrees_with_dfdx() {
    let x = random(500, 3);
    let by_dfdx: Vec<f64> = tensor(&x, (5, 100)).accurate_gelu().as_vec().into_iter().map(f64::from).collect();
    close("gelu by dfdx", &values(Activation::Gelu, &x), &by_dfdx, 1e-6);
}
