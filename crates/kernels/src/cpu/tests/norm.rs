//! Layer norm with and without the residual sum.

use super::{Op, Traced, WithEmpty, random, repeated, tensor};
use crate::{Cpu, Kernels, LayerNorm, Matrix, NoneTape};
use dfdx::shapes::Axis;

/// (N, H)
const SIZES: [(usize, usize); 6] = [(1, 3), (3, 5), (31, 16), (7, 33), (2, 127), (5, 64)];
const EPS: f32 = 1e-5;

fn norm<'a>(gain: &'a Matrix<Cpu>, bias: &'a Matrix<Cpu>) -> LayerNorm<'a, Cpu> {
    LayerNorm { gain, bias, eps: EPS }
}

fn exact(x: &[f64], gain: &[f64], bias: &[f64]) -> Vec<f64> {
    let n = gain.len();
    let row = |x: &[f64]| -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let root = (variance + f64::from(EPS)).sqrt();
        (0..n).map(|j| (x[j] - mean) / root * gain[j] + bias[j]).collect()
    };
    x.chunks(n).flat_map(row).collect()
}

fn composed(x: Traced, gain: &Traced, bias: &Traced, rows: usize) -> Traced {
    x.normalize::<Axis<1>>(f64::from(EPS)) * repeated(gain, rows) + repeated(bias, rows)
}

#[test]
fn layer_norm_is_its_formula_at_any_size() {
    for (n, h) in SIZES {
        Op::new(
            format!("layer_norm [{n}, {h}]"),
            &[(n, h), (1, h), (1, h)],
            |tape, x| Ok(vec![Cpu::layer_norm(tape, &x[0], norm(&x[1], &x[2]))?]),
            |x| vec![exact(&x[0], &x[1], &x[2])],
        )
        .composed(|x| vec![composed(x[0].with_empty(), &x[1], &x[2], n)])
        .check();
    }
}

#[test]
fn layer_norm_of_one_column_is_the_bias() {
    let y = Cpu::layer_norm(
        &mut NoneTape,
        &tensor(&random(4, 1), (4, 1)),
        norm(&tensor(&[3.0], (1, 1)), &tensor(&[0.5], (1, 1))),
    );
    assert_eq!(y.unwrap().as_vec(), [0.5; 4]);
}

#[test]
fn layer_norm_keeps_its_precision_far_from_zero() {
    let h = 96;
    let x: Vec<f32> = random(h, 5).iter().map(|x| 1000.0 + x).collect();
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let y = Cpu::layer_norm(
        &mut NoneTape,
        &tensor(&x, (1, h)),
        norm(&tensor(&vec![1.0; h], (1, h)), &tensor(&vec![0.0; h], (1, h))),
    );
    super::close("shifted layer_norm", &y.unwrap().as_vec(), &exact(&wide, &vec![1.0; h], &vec![0.0; h]), 1e-4);
}

#[test]
fn add_layer_norm_gives_the_sum_and_its_norm() {
    fn sum(x: &[Vec<f64>]) -> Vec<f64> {
        x[0].iter().zip(&x[1]).map(|(a, b)| a + b).collect()
    }
    for (n, h) in SIZES {
        let inputs = [(n, h), (n, h), (1, h), (1, h)];
        Op::new(
            format!("add_layer_norm [{n}, {h}], norm alone"),
            &inputs,
            |tape, x| Ok(vec![Cpu::add_layer_norm(tape, &x[0], &x[1], norm(&x[2], &x[3]))?.1]),
            |x| vec![exact(&sum(x), &x[2], &x[3])],
        )
        .check();
        Op::new(
            format!("add_layer_norm [{n}, {h}], both outputs"),
            &inputs,
            |tape, x| {
                let (sum, y) = Cpu::add_layer_norm(tape, &x[0], &x[1], norm(&x[2], &x[3]))?;
                Ok(vec![y, sum])
            },
            |x| vec![exact(&sum(x), &x[2], &x[3]), sum(x)],
        )
        .composed(|x| {
            let sum = || x[0].with_empty() + x[1].with_empty();
            vec![composed(sum(), &x[2], &x[3], n), sum()]
        })
        .check();
    }
}
