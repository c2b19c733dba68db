//! Linear maps, alone, joined, and with GELU.

use super::elementwise::exact_gelu;
use super::{Op, Traced, WithEmpty, multiply, repeated, transpose};
use crate::{Cpu, Gelu, Kernels, Layout, Linear, Matrix};
use dfdx::shapes::Axes2;
use dfdx::tensor_ops::{PermuteTo, TryMatMul};

/// (N, I, O)
const SIZES: [(usize, usize, usize); 6] = [(1, 1, 1), (2, 3, 5), (7, 1, 4), (31, 17, 13), (5, 64, 37), (70, 33, 65)];
const LAYOUTS: [Layout; 2] = [Layout::OutIn, Layout::InOut];

fn stored(layout: Layout, inputs: usize, outputs: usize) -> (usize, usize) {
    match layout {
        Layout::OutIn => (outputs, inputs),
        Layout::InOut => (inputs, outputs),
    }
}

fn map<'a>(weight: &'a Matrix<Cpu>, bias: Option<&'a Matrix<Cpu>>, layout: Layout) -> Linear<'a, Cpu> {
    Linear { weight, bias, layout }
}

fn exact(x: &[f64], w: &[f64], b: Option<&[f64]>, layout: Layout, (n, i, o): (usize, usize, usize)) -> Vec<f64> {
    let w = match layout {
        Layout::OutIn => transpose(w, (o, i)),
        Layout::InOut => w.to_vec(),
    };
    let mut y = multiply(x, &w, (n, i, o));
    if let Some(b) = b {
        y.iter_mut().enumerate().for_each(|(k, y)| *y += b[k % o]);
    }
    y
}

fn composed(x: &Traced, w: &Traced, layout: Layout) -> Traced {
    match layout {
        Layout::OutIn => x.with_empty().matmul(w.with_empty().permute::<(usize, usize), Axes2<1, 0>>()),
        Layout::InOut => x.with_empty().matmul(w.with_empty()),
    }
}

#[test]
fn linear_is_x_w_plus_b_at_any_size_and_layout() {
    for (n, i, o) in SIZES {
        for layout in LAYOUTS {
            let w = stored(layout, i, o);
            Op::new(
                format!("linear {layout:?} {n}×{i}→{o}"),
                &[(n, i), w, (1, o)],
                |tape, x| Ok(vec![Cpu::linear(tape, &x[0], map(&x[1], Some(&x[2]), layout))?]),
                |x| vec![exact(&x[0], &x[1], Some(&x[2]), layout, (n, i, o))],
            )
            .composed(|x| vec![composed(&x[0], &x[1], layout) + repeated(&x[2], n)])
            .check();
        }
    }
}

#[test]
fn linear_without_bias_is_x_w() {
    let (n, i, o) = (11, 7, 19);
    Op::new(
        "linear without bias",
        &[(n, i), (o, i)],
        |tape, x| Ok(vec![Cpu::linear(tape, &x[0], map(&x[1], None, Layout::OutIn))?]),
        |x| vec![exact(&x[0], &x[1], None, Layout::OutIn, (n, i, o))],
    )
    .composed(|x| vec![composed(&x[0], &x[1], Layout::OutIn)])
    .check();
}

#[test]
fn one_tensor_as_input_and_weight_gets_both_gradients() {
    let n = 5;
    Op::new(
        "x Wᵀ with W = x",
        &[(n, n)],
        |tape, x| Ok(vec![Cpu::linear(tape, &x[0], map(&x[0], None, Layout::OutIn))?]),
        |x| vec![exact(&x[0], &x[0], None, Layout::OutIn, (n, n, n))],
    )
    .check();
}

#[test]
fn joined_maps_lie_side_by_side() {
    for (n, i, widths) in [(1, 1, [1, 1, 1]), (13, 9, [4, 1, 7]), (33, 16, [16, 16, 16])] {
        let [a, b, c] = widths;
        let total = a + b + c;
        // The middle map has no bias, the last another layout.
        Op::new(
            format!("linear_joined {n}×{i}→{widths:?}"),
            &[(n, i), (a, i), (1, a), (b, i), (i, c), (1, c)],
            |tape, x| {
                let maps = [
                    map(&x[1], Some(&x[2]), Layout::OutIn),
                    map(&x[3], None, Layout::OutIn),
                    map(&x[4], Some(&x[5]), Layout::InOut),
                ];
                Ok(vec![Cpu::linear_joined(tape, &x[0], &maps)?])
            },
            |x| {
                let parts = [
                    exact(&x[0], &x[1], Some(&x[2]), Layout::OutIn, (n, i, a)),
                    exact(&x[0], &x[3], None, Layout::OutIn, (n, i, b)),
                    exact(&x[0], &x[4], Some(&x[5]), Layout::InOut, (n, i, c)),
                ];
                let rows = (0..n).flat_map(|row| {
                    parts.iter().zip(widths).flat_map(move |(part, width)| part[row * width..][..width].to_vec())
                });
                let y: Vec<f64> = rows.collect();
                assert_eq!(y.len(), n * total);
                vec![y]
            },
        )
        .check();
    }
}

#[test]
fn linear_gelu_is_gelu_of_linear() {
    for (n, i, o) in [(1, 1, 1), (3, 5, 7), (37, 16, 67)] {
        for layout in LAYOUTS {
            for kind in [Gelu::Erf, Gelu::Tanh] {
                let op = Op::new(
                    format!("linear_gelu {kind:?} {layout:?} {n}×{i}→{o}"),
                    &[(n, i), stored(layout, i, o), (1, o)],
                    |tape, x| Ok(vec![Cpu::linear_gelu(tape, &x[0], map(&x[1], Some(&x[2]), layout), kind)?]),
                    |x| {
                        let z = exact(&x[0], &x[1], Some(&x[2]), layout, (n, i, o));
                        vec![z.into_iter().map(|z| exact_gelu(kind, z)).collect()]
                    },
                );
                match kind {
                    Gelu::Tanh => {
                        op.composed(|x| vec![(composed(&x[0], &x[1], layout) + repeated(&x[2], n)).fast_gelu()])
                            .check();
                    }
                    Gelu::Erf => op.check(), // dfdx's derivative of its accurate_gelu lacks a factor 1/√2
                }
            }
        }
    }
}
