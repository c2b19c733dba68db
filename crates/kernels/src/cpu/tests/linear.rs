//! Linear maps, alone, joined, activated and gated.

use super::activation::{self, KINDS};
use super::{Op, Traced, WithEmpty, multiply, random, repeated, tensor, transpose};
use crate::{Activation, Cpu, GradTape, Kernels, Layout, Linear, Matrix, NoneTape, Precision};
use dfdx::shapes::Axes2;
use dfdx::tensor_ops::{PermuteTo, TryMatMul};

/// (N, I, O)
const SIZES: [(usize, usize, usize); 6] = [(1, 1, 1), (2, 3, 5), (7, 1, 4), (31, 17, 13), (5, 64, 37), (45, 17, 65)];
const LAYOUTS: [Layout; 2] = [Layout::OutIn, Layout::InOut];

fn stored(layout: Layout, inputs: usize, outputs: usize) -> (usize, usize) {
    match layout {
        Layout::OutIn => (outputs, inputs),
        Layout::InOut => (inputs, outputs),
    }
}

fn map<'a>(weight: &'a Matrix<Cpu>, bias: Option<&'a Matrix<Cpu>>, layout: Layout) -> Linear<'a, Cpu> {
    Linear { weight, bias, layout, precision: Precision::F32 }
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
fn linear_activated_is_the_activation_of_linear() {
    for (n, i, o) in [(1, 1, 1), (3, 5, 7), (21, 16, 37)] {
        for (layout, kind) in LAYOUTS.into_iter().flat_map(|layout| KINDS.map(|kind| (layout, kind))) {
            let linear = move |x: &[Traced]| composed(&x[0], &x[1], layout) + repeated(&x[2], n);
            let op = Op::new(
                format!("linear_activated {kind:?} {layout:?} {n}×{i}→{o}"),
                &[(n, i), stored(layout, i, o), (1, o)],
                |tape, x| Ok(vec![Cpu::linear_activated(tape, &x[0], map(&x[1], Some(&x[2]), layout), kind)?]),
                |x| {
                    let z = exact(&x[0], &x[1], Some(&x[2]), layout, (n, i, o));
                    vec![z.into_iter().map(|z| activation::exact(kind, z).0).collect()]
                },
            );
            match kind {
                Activation::Gelu => op.check(),
                _ => op.composed(move |x| activation::composed(kind, linear(x)).into_iter().collect()).check(),
            }
        }
    }
}

#[test]
fn linear_gated_is_the_activated_gate_times_the_other_map() {
    for (n, i, o) in [(1, 1, 1), (5, 3, 7), (0, 3, 2), (19, 8, 37)] {
        for kind in KINDS {
            let sizes = (n, i, o);
            // The two maps have different layouts, and only the gate has a bias.
            let op = Op::new(
                format!("linear_gated {kind:?} {n}×{i}→{o}"),
                &[(n, i), (o, i), (1, o), (i, o)],
                |tape, x| {
                    let (gate, up) = (map(&x[1], Some(&x[2]), Layout::OutIn), map(&x[3], None, Layout::InOut));
                    Ok(vec![Cpu::linear_gated(tape, &x[0], gate, up, kind)?])
                },
                |x| {
                    let gate = exact(&x[0], &x[1], Some(&x[2]), Layout::OutIn, sizes);
                    let up = exact(&x[0], &x[3], None, Layout::InOut, sizes);
                    vec![gate.iter().zip(up).map(|(&gate, up)| activation::exact(kind, gate).0 * up).collect()]
                },
            );
            if n == 0 || kind == Activation::Gelu {
                op.check(); // dfdx can neither read an empty tensor nor differentiate the exact GELU
                continue;
            }
            op.composed(|x| {
                let gate = composed(&x[0], &x[1], Layout::OutIn) + repeated(&x[2], n);
                let up = composed(&x[0], &x[3], Layout::InOut);
                activation::composed(kind, gate).map(|gate| gate * up).into_iter().collect()
            })
            .check();
        }
    }
}

#[test]
fn one_map_as_gate_and_as_its_factor_gets_both_gradients() {
    let (n, i, o) = (7, 5, 9);
    Op::new(
        "linear_gated with one map twice",
        &[(n, i), (i, o), (1, o)],
        |tape, x| {
            let both = map(&x[1], Some(&x[2]), Layout::InOut);
            Ok(vec![Cpu::linear_gated(tape, &x[0], both, both, Activation::Silu)?])
        },
        |x| {
            let z = exact(&x[0], &x[1], Some(&x[2]), Layout::InOut, (n, i, o));
            vec![z.into_iter().map(|z| activation::exact(Activation::Silu, z).0 * z).collect()]
        },
    )
    .check();
}

#[test]
fn linear_gated_gives_the_same_bits_with_and_without_a_tape() {
    let (n, i, o) = (13, 5, 37);
    let [x, gate, up] = [(n, i, 1), (o, i, 2), (o, i, 3)].map(|(r, c, seed)| tensor(&random(r * c, seed), (r, c)));
    let bias = tensor(&random(o, 4), (1, o));
    let (gate, up) = (map(&gate, None, Layout::OutIn), map(&up, Some(&bias), Layout::OutIn));
    let recorded = Cpu::linear_gated(&mut GradTape::default(), &x, gate, up, Activation::Silu).unwrap().as_vec();
    let silent = Cpu::linear_gated(&mut NoneTape, &x, gate, up, Activation::Silu).unwrap().as_vec();
    assert_eq!(recorded, silent);
}
