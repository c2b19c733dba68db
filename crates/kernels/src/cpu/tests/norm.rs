//! Layer norm and RMS norm, with and without a bias and the residual sum.

use super::{Op, Traced, WithEmpty, close, random, repeated, tensor};
use crate::{Cpu, Kernels, Matrix, NoneTape, Norm, NormKind};
use dfdx::shapes::Axis;
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

/// (N, H)
const SIZES: [(usize, usize); 7] = [(1, 3), (3, 5), (31, 16), (7, 33), (2, 127), (5, 64), (0, 3)];
const EPS: f32 = 1e-5;
/// Kind, and whether there is a bias.
const KINDS: [(NormKind, bool); 4] =
    [(NormKind::Layer, true), (NormKind::Layer, false), (NormKind::Rms, false), (NormKind::Rms, true)];

/// The norm whose gain, and bias if there is one, are `parts`.
fn norm(kind: NormKind, parts: &[Matrix<Cpu>]) -> Norm<'_, Cpu> {
    Norm { kind, gain: &parts[0], bias: parts.get(1), eps: EPS }
}

fn exact(kind: NormKind, x: &[f64], parts: &[Vec<f64>]) -> Vec<f64> {
    let (gain, bias) = (&parts[0], parts.get(1));
    let n = gain.len();
    let row = |x: &[f64]| -> Vec<f64> {
        let mean = match kind {
            NormKind::Layer => x.iter().sum::<f64>() / n as f64,
            NormKind::Rms => 0.0,
        };
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let root = (variance + f64::from(EPS)).sqrt();
        (0..n).map(|j| (x[j] - mean) / root * gain[j] + bias.map_or(0.0, |bias| bias[j])).collect()
    };
    x.chunks(n).flat_map(row).collect()
}

fn composed(kind: NormKind, x: Traced, parts: &[Traced], (n, h): (usize, usize)) -> Traced {
    let normal = match kind {
        NormKind::Layer => x.normalize::<Axis<1>>(f64::from(EPS)),
        NormKind::Rms => {
            let mean = tensor(&vec![1.0 / h as f32; h * h], (h, h)).retaped::<OwnedTape<f32, Cpu>>();
            x.with_empty() / (x.square().matmul(mean) + EPS).sqrt()
        }
    };
    let y = normal * repeated(&parts[0], n);
    match parts.get(1) {
        Some(bias) => y + repeated(bias, n),
        None => y,
    }
}

#[test]
fn norm_is_its_formula_at_any_size() {
    for ((n, h), (kind, bias)) in SIZES.into_iter().flat_map(|size| KINDS.map(|kind| (size, kind))) {
        let op = Op::new(
            format!("norm {kind:?} [{n}, {h}], bias {bias}"),
            &[(n, h), (1, h), (1, h)][..2 + usize::from(bias)],
            |tape, x| Ok(vec![Cpu::norm(tape, &x[0], norm(kind, &x[1..]))?]),
            |x| vec![exact(kind, &x[0], &x[1..])],
        );
        match n {
            0 => op.check(), // dfdx cannot read an empty tensor
            _ => op.composed(|x| vec![composed(kind, x[0].with_empty(), &x[1..], (n, h))]).check(),
        }
    }
}

#[test]
fn layer_norm_of_one_column_is_the_bias() {
    let parts = [tensor(&[3.0], (1, 1)), tensor(&[0.5], (1, 1))];
    let y = Cpu::norm(&mut NoneTape, &tensor(&random(4, 1), (4, 1)), norm(NormKind::Layer, &parts));
    assert_eq!(y.unwrap().as_vec(), [0.5; 4]);
}

#[test]
fn layer_norm_keeps_its_precision_far_from_zero() {
    let h = 96;
    let x: Vec<f32> = random(h, 5).iter().map(|x| 1000.0 + x).collect();
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let y = Cpu::norm(&mut NoneTape, &tensor(&x, (1, h)), norm(NormKind::Layer, &[tensor(&vec![1.0; h], (1, h))]));
    close("shifted norm", &y.unwrap().as_vec(), &exact(NormKind::Layer, &wide, &[vec![1.0; h]]), 1e-4);
}

#[test]
fn add_norm_gives_the_sum_and_its_norm() {
    fn sum(x: &[Vec<f64>]) -> Vec<f64> {
        x[0].iter().zip(&x[1]).map(|(a, b)| a + b).collect()
    }
    for ((n, h), (kind, bias)) in SIZES.into_iter().flat_map(|size| KINDS.map(|kind| (size, kind))) {
        let inputs = &[(n, h), (n, h), (1, h), (1, h)][..3 + usize::from(bias)];
        Op::new(
            format!("add_norm {kind:?} [{n}, {h}], bias {bias}, norm alone"),
            inputs,
            |tape, x| Ok(vec![Cpu::add_norm(tape, &x[0], &x[1], norm(kind, &x[2..]))?.1]),
            |x| vec![exact(kind, &sum(x), &x[2..])],
        )
        .check();
        let op = Op::new(
            format!("add_norm {kind:?} [{n}, {h}], bias {bias}, both outputs"),
            inputs,
            |tape, x| {
                let (sum, y) = Cpu::add_norm(tape, &x[0], &x[1], norm(kind, &x[2..]))?;
                Ok(vec![y, sum])
            },
            |x| vec![exact(kind, &sum(x), &x[2..]), sum(x)],
        );
        if n == 0 {
            op.check();
            continue;
        }
        op.composed(|x| {
            let sum = || x[0].with_empty() + x[1].with_empty();
            vec![composed(kind, sum(), &x[2..], (n, h)), sum()]
        })
        .check();
    }
}
