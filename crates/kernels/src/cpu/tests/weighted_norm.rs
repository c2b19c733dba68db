//! Norms whose statistics weigh the columns.

use super::{Op, Traced, WithEmpty, close, random, repeated, tensor};
use crate::{Cpu, Kernels, Matrix, NoneTape, Norm, NormKind};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

/// (N, H)
const SIZES: [(usize, usize); 7] = [(1, 3), (3, 5), (31, 16), (7, 33), (2, 127), (5, 64), (0, 3)];
const EPS: f32 = 1e-5;
/// Kind, and whether there is a bias.
const KINDS: [(NormKind, bool); 4] =
    [(NormKind::Layer, true), (NormKind::Layer, false), (NormKind::Rms, false), (NormKind::Rms, true)];

fn norm(kind: NormKind, parts: &[Matrix<Cpu>]) -> Norm<'_, Cpu> {
    Norm { kind, gain: &parts[0], bias: parts.get(1), eps: EPS }
}

/// Weights from 0 to 2, the first of them not 0.
fn weights(h: usize) -> Vec<f32> {
    (0..h).map(|j| [1.0, 0.25, 0.0, 2.0][j % 4]).collect()
}

fn exact(kind: NormKind, x: &[f64], parts: &[Vec<f64>], weights: &[f32]) -> Vec<f64> {
    let (gain, bias) = (&parts[0], parts.get(1));
    let n = gain.len();
    let sum: f64 = weights.iter().map(|&c| f64::from(c)).sum();
    let weighted = |f: &dyn Fn(usize) -> f64| (0..n).map(|j| f64::from(weights[j]) * f(j)).sum::<f64>() / sum;
    let row = |x: &[f64]| -> Vec<f64> {
        let mean = match kind {
            NormKind::Layer => weighted(&|j| x[j]),
            NormKind::Rms => 0.0,
        };
        let root = (weighted(&|j| (x[j] - mean).powi(2)) + f64::from(EPS)).sqrt();
        (0..n).map(|j| (x[j] - mean) / root * gain[j] + bias.map_or(0.0, |bias| bias[j])).collect()
    };
    x.chunks(n).flat_map(row).collect()
}

/// Every row's weighted mean, in every column, is one product.
fn composed(kind: NormKind, x: &Traced, parts: &[Traced], weights: &[f32], (n, h): (usize, usize)) -> Traced {
    let sum: f32 = weights.iter().sum();
    let averaging: Vec<f32> = (0..h * h).map(|i| weights[i / h] / sum).collect();
    let mean = |x: Traced| x.matmul(tensor(&averaging, (h, h)).retaped::<OwnedTape<f32, Cpu>>());
    let centred = match kind {
        NormKind::Layer => x.with_empty() - mean(x.with_empty()),
        NormKind::Rms => x.with_empty(),
    };
    let normal = centred.with_empty() / (mean(centred.square()) + EPS).sqrt();
    let y = normal * repeated(&parts[0], n);
    match parts.get(1) {
        Some(bias) => y + repeated(bias, n),
        None => y,
    }
}

#[test]
fn a_weighted_norm_is_its_formula_at_any_size() {
    for ((n, h), (kind, bias)) in SIZES.into_iter().flat_map(|size| KINDS.map(|kind| (size, kind))) {
        let weights = weights(h);
        let op = Op::new(
            format!("weighted_norm {kind:?} [{n}, {h}], bias {bias}"),
            &[(n, h), (1, h), (1, h)][..2 + usize::from(bias)],
            |tape, x| Ok(vec![Cpu::weighted_norm(tape, &x[0], norm(kind, &x[1..]), &weights)?]),
            |x| vec![exact(kind, &x[0], &x[1..], &weights)],
        );
        match n {
            0 => op.check(), // dfdx cannot read an empty tensor
            _ => op.composed(|x| vec![composed(kind, &x[0], &x[1..], &weights, (n, h))]).check(),
        }
    }
}

#[test]
fn equal_weights_of_1_give_the_plain_norm_bit_for_bit() {
    for ((n, h), (kind, bias)) in SIZES.into_iter().flat_map(|size| KINDS.map(|kind| (size, kind))) {
        let x = tensor(&random(n * h, 1), (n, h));
        let parts = [2, 3].map(|seed| tensor(&random(h, seed), (1, h)));
        let norm = norm(kind, &parts[..1 + usize::from(bias)]);
        let plain = Cpu::norm(&mut NoneTape, &x, norm).unwrap();
        let weighted = Cpu::weighted_norm(&mut NoneTape, &x, norm, &vec![1.0; h]).unwrap();
        assert_eq!(super::values(&plain), super::values(&weighted), "{kind:?} [{n}, {h}]");
    }
}

#[test]
fn columns_of_weight_0_do_not_count_but_are_normed() {
    let (x, gain) = (tensor(&[1.0, -1.0, 100.0], (1, 3)), tensor(&[1.0; 3], (1, 3)));
    let norm = Norm { kind: NormKind::Layer, gain: &gain, bias: None, eps: 0.0 };
    let y = Cpu::weighted_norm(&mut NoneTape, &x, norm, &[1.0, 1.0, 0.0]).unwrap();
    assert_eq!(y.as_vec(), [1.0, -1.0, 100.0]);
}

#[test]
fn a_weighted_layer_norm_keeps_its_precision_far_from_zero() {
    let h = 96;
    let x: Vec<f32> = random(h, 5).iter().map(|x| 1000.0 + x).collect();
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let (gain, weights) = (tensor(&vec![1.0; h], (1, h)), weights(h));
    let norm = norm(NormKind::Layer, std::slice::from_ref(&gain));
    let y = Cpu::weighted_norm(&mut NoneTape, &tensor(&x, (1, h)), norm, &weights).unwrap();
    close("shifted norm", &y.as_vec(), &exact(NormKind::Layer, &wide, &[vec![1.0; h]], &weights), 1e-4);
}
