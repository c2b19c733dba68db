//! RMS norms of single heads.

use super::{Op, Traced, WithEmpty, repeated, tensor};
use crate::{Cpu, HeadNorms, Kernels};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

const EPS: f32 = 1e-5;

/// (N, A, K, E)
const SIZES: [(usize, usize, usize, usize); 6] =
    [(1, 1, 1, 2), (3, 3, 1, 5), (7, 4, 2, 8), (5, 3, 3, 33), (31, 2, 1, 3), (0, 2, 1, 3)];

fn exact(qkv: &[f64], gains: [&[f64]; 2], (heads, key_value_heads): (usize, usize)) -> Vec<f64> {
    let e = gains[0].len();
    let head = |(i, x): (usize, &[f64])| -> Vec<f64> {
        let gain = match i % (heads + 2 * key_value_heads) {
            i if i < heads => gains[0],
            i if i < heads + key_value_heads => gains[1],
            _ => return x.to_vec(),
        };
        let root = (x.iter().map(|x| x * x).sum::<f64>() / e as f64 + f64::from(EPS)).sqrt();
        x.iter().zip(gain).map(|(x, gain)| x / root * gain).collect()
    };
    qkv.chunks(e).enumerate().flat_map(head).collect()
}

/// A matrix `[rows, columns]` of `value(row, column)`.
fn matrix(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Traced {
    let data: Vec<f32> = (0..rows * columns).map(|i| value(i / columns, i % columns)).collect();
    tensor(&data, (rows, columns)).retaped::<OwnedTape<f32, Cpu>>()
}

/// Means of heads, and gains side by side, by products with constant matrices.
fn composed(x: &[Traced], (n, heads, key_value_heads, e): (usize, usize, usize, usize)) -> Traced {
    let width = (heads + 2 * key_value_heads) * e;
    let (queries, keys) = (heads * e, (heads + key_value_heads) * e);
    let means = matrix(width, width, |i, j| if i / e == j / e && j < keys { 1.0 / e as f32 } else { 0.0 });
    let spread = |first: usize, last: usize| {
        matrix(e, width, move |i, j| if j % e == i && (first..last).contains(&j) { 1.0 } else { 0.0 })
    };
    let gains = repeated(&x[1], n).matmul(spread(0, queries)) + repeated(&x[2], n).matmul(spread(queries, keys));
    let qkv = || x[0].with_empty();
    let passed = qkv() * matrix(n, width, |_, j| if j < keys { 0.0 } else { 1.0 });
    qkv() / (qkv().square().matmul(means) + EPS).sqrt() * gains + passed
}

#[test]
fn head_norms_scale_each_query_and_key_head_and_let_the_values_through() {
    for (n, heads, key_value_heads, e) in SIZES {
        let op = Op::new(
            format!("head_norms [{n}, ({heads} + 2·{key_value_heads})·{e}]"),
            &[(n, (heads + 2 * key_value_heads) * e), (1, e), (1, e)],
            |tape, x| {
                let norms = HeadNorms { heads, key_value_heads, query_gain: &x[1], key_gain: &x[2], eps: EPS };
                Ok(vec![Cpu::head_norms(tape, &x[0], norms)?])
            },
            |x| vec![exact(&x[0], [&x[1], &x[2]], (heads, key_value_heads))],
        );
        match n {
            0 => op.check(), // dfdx cannot read an empty tensor
            _ => op.composed(|x| vec![composed(x, (n, heads, key_value_heads, e))]).check(),
        }
    }
}

#[test]
fn one_gain_for_queries_and_keys_gets_both_gradients() {
    let (n, heads, key_value_heads, e) = (5, 3, 1, 7);
    Op::new(
        "head_norms with one gain",
        &[(n, (heads + 2 * key_value_heads) * e), (1, e)],
        |tape, x| {
            let norms = HeadNorms { heads, key_value_heads, query_gain: &x[1], key_gain: &x[1], eps: EPS };
            Ok(vec![Cpu::head_norms(tape, &x[0], norms)?])
        },
        |x| vec![exact(&x[0], [&x[1], &x[1]], (heads, key_value_heads))],
    )
    .check();
}
