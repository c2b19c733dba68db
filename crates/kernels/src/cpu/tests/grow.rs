//! Factors along rows and columns, and mixtures of layers.

use super::{Op, Traced, WithEmpty, multiply, tensor, transpose};
use crate::{Cpu, Factor, Input, Kernels, Matrix};
use dfdx::shapes::Axes2;
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::{PermuteTo, TryMatMul};
use std::ops::Range;

/// A factor by its sizes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Keep(usize),
    Free(usize, usize),
    IdentityOver(usize, usize),
}
use Kind::{Free, IdentityOver, Keep};

impl Kind {
    fn small(self) -> usize {
        match self {
            Keep(n) => n,
            Free(_, d) | IdentityOver(_, d) => d,
        }
    }

    fn large(self) -> usize {
        match self {
            Keep(n) => n,
            Free(n, _) => n,
            IdentityOver(new, d) => new + d,
        }
    }

    /// The shape of its free matrix.
    fn free(self) -> Option<(usize, usize)> {
        match self {
            Keep(_) => None,
            Free(n, d) | IdentityOver(n, d) => Some((n, d)),
        }
    }
}

/// The factors as one large matrix `[Σ D, Σ d]`, blocks on the diagonal.
fn block_diagonal(kinds: &[Kind], free: &[Vec<f64>]) -> Vec<f64> {
    let (rows, columns): (usize, usize) =
        (kinds.iter().map(|k| k.large()).sum(), kinds.iter().map(|k| k.small()).sum());
    let mut whole = vec![0.0; rows * columns];
    let (mut row, mut column, mut free) = (0, 0, free.iter());
    for kind in kinds {
        let identity = match kind {
            Free(..) => 0,
            Keep(n) => *n,
            IdentityOver(_, d) => *d,
        };
        (0..identity).for_each(|i| whole[(row + i) * columns + column + i] = 1.0);
        if let Some((n, d)) = kind.free() {
            let f = free.next().unwrap();
            for i in 0..n {
                (0..d).for_each(|j| whole[(row + identity + i) * columns + column + j] = f[i * d + j]);
            }
        }
        (row, column) = (row + kind.large(), column + kind.small());
    }
    whole
}

fn factors<'a>(kinds: &[Kind], free: &'a [Matrix<Cpu>]) -> Vec<Factor<'a, Cpu>> {
    let mut free = free.iter();
    let mut next = || free.next().unwrap();
    kinds
        .iter()
        .map(|kind| match kind {
            Keep(n) => Factor::Keep(*n),
            Free(..) => Factor::Free(next()),
            IdentityOver(..) => Factor::IdentityOver(next()),
        })
        .collect()
}

const CASES: [&[Kind]; 8] = [
    &[Keep(3)],
    &[Free(1, 1)],
    &[Free(7, 4)],
    &[IdentityOver(5, 3)],
    &[IdentityOver(1, 1)],
    &[Free(5, 3), Keep(2), IdentityOver(2, 4)],
    &[IdentityOver(4, 4), IdentityOver(4, 4), IdentityOver(4, 4)],
    &[Free(40, 33), IdentityOver(31, 17)],
];

fn check(columns: bool, kinds: &[Kind], other: usize, input: Input) {
    let small: usize = kinds.iter().map(|k| k.small()).sum();
    let large: usize = kinds.iter().map(|k| k.large()).sum();
    let mut inputs = vec![if columns { (other, small) } else { (small, other) }];
    inputs.extend(kinds.iter().filter_map(|kind| kind.free()));
    let op = Op::new(
        format!("expand {} {kinds:?} of {other}, {input:?}", if columns { "columns" } else { "rows" }),
        &inputs,
        |tape, x| {
            let factors = factors(kinds, &x[1..]);
            Ok(vec![match columns {
                true => Cpu::expand_columns(tape, &x[0], input, &factors)?,
                false => Cpu::expand_rows(tape, &x[0], input, &factors)?,
            }])
        },
        |x| {
            let f = block_diagonal(kinds, &x[1..]);
            vec![match columns {
                true => multiply(&x[0], &transpose(&f, (large, small)), (other, small, large)),
                false => multiply(&f, &x[0], (large, small, other)),
            }]
        },
    );
    match input {
        Input::Differentiable => op.check(),
        Input::Frozen => op.constant(&[0]).check(),
    }
}

#[test]
fn expanding_multiplies_each_block_by_its_factor() {
    for kinds in CASES {
        for columns in [false, true] {
            for other in [1, 5, 16] {
                check(columns, kinds, other, Input::Differentiable);
            }
            check(columns, kinds, 3, Input::Frozen);
        }
    }
}

#[test]
fn one_free_factor_is_a_product_by_dfdx_too() {
    let turn = |x: &Traced| x.with_empty().permute::<(usize, usize), Axes2<1, 0>>();
    Op::new(
        "B W Aᵀ",
        &[(3, 5), (7, 3), (11, 5)],
        |tape, x| {
            let rows = Cpu::expand_rows(tape, &x[0], Input::Differentiable, &[Factor::Free(&x[1])])?;
            Ok(vec![Cpu::expand_columns(tape, &rows, Input::Differentiable, &[Factor::Free(&x[2])])?])
        },
        |x| {
            let rows = multiply(&x[1], &x[0], (7, 3, 5));
            vec![multiply(&rows, &transpose(&x[2], (11, 5)), (7, 5, 11))]
        },
    )
    .composed(|x| vec![x[1].with_empty().matmul(x[0].with_empty()).matmul(turn(&x[2]))])
    .check();
}

#[test]
fn a_factor_shared_by_several_blocks_gets_the_sum_of_their_gradients() {
    Op::new(
        "expand_rows with one factor three times",
        &[(6, 4), (3, 2)],
        |tape, x| {
            let factors = [Factor::Free(&x[1]), Factor::IdentityOver(&x[1]), Factor::Free(&x[1])];
            Ok(vec![Cpu::expand_rows(tape, &x[0], Input::Differentiable, &factors)?])
        },
        |x| {
            let free = vec![x[1].clone(); 3];
            let f = block_diagonal(&[Free(3, 2), IdentityOver(3, 2), Free(3, 2)], &free);
            vec![multiply(&f, &x[0], (11, 6, 4))]
        },
    )
    .check();
}

#[test]
fn mixing_layers_is_a_product_over_the_layer_axis() {
    for (small, large, shape) in [(1, 1, (1, 1)), (2, 4, (3, 5)), (3, 6, (1, 31)), (4, 2, (17, 9))] {
        let count = shape.0 * shape.1;
        let mut inputs = vec![(large, small)];
        inputs.extend(vec![shape; small]);
        Op::new(
            format!("mix_layers {small}→{large} of {shape:?}"),
            &inputs,
            |tape, x| Cpu::mix_layers(tape, &x[1..], Input::Differentiable, &x[0]),
            |x| {
                let layers: Vec<f64> = x[1..].concat();
                multiply(&x[0], &layers, (large, small, count)).chunks(count).map(<[f64]>::to_vec).collect()
            },
        )
        .composed(|x| {
            let pick = |i: usize, j: usize| {
                let one = |n: usize, k: usize, shape: (usize, usize)| {
                    let mut v = vec![0.0; n];
                    v[k] = 1.0;
                    tensor(&v, shape).retaped::<OwnedTape<f32, Cpu>>()
                };
                let w = one(large, i, (1, large)).matmul(x[0].with_empty()).matmul(one(small, j, (small, 1)));
                let ones = |r: usize, c: usize| {
                    tensor(&vec![1.0; r * c], (r, c)).retaped::<dfdx::tensor::OwnedTape<f32, Cpu>>()
                };
                let w: Traced = ones(shape.0, 1).matmul(w).matmul(ones(1, shape.1));
                w * x[1 + j].with_empty()
            };
            (0..large).map(|i| (1..small).fold(pick(i, 0), |sum, j| sum + pick(i, j))).collect()
        })
        .check();
    }
}

#[test]
fn a_selection_of_layers_is_a_copy_bit_for_bit_and_still_has_gradients_in_every_weight() {
    let layers = [tensor(&[1.5, f32::MAX], (1, 2)), tensor(&[-2.0, 0.25], (1, 2))];
    let weights = tensor(&[0.0, 1.0, 1.0, 0.0, 0.0, 1.0], (3, 2));
    let mut tape = crate::GradTape::default();
    let mixed = Cpu::mix_layers(&mut tape, &layers, Input::Differentiable, &weights).unwrap();
    let values: Vec<Vec<f32>> = mixed.iter().map(dfdx::tensor::Tensor::as_vec).collect();
    assert_eq!(values, [vec![-2.0, 0.25], vec![1.5, f32::MAX], vec![-2.0, 0.25]]);
    let loss = super::weighted_sum(&mut tape, &mixed);
    let mut gradients = crate::Gradients::leaky();
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    let dw = super::Slot::of(&weights).take(&mut gradients).unwrap();
    assert!(dw.iter().all(|&d| d != 0.0), "{dw:?}");
}

#[test]
fn frozen_layers_get_no_gradient_and_their_weights_the_same() {
    let (shape, count) = ((3, 31), 93);
    Op::new(
        "mix_layers of frozen layers",
        &[(4, 2), shape, shape],
        |tape, x| Cpu::mix_layers(tape, &x[1..], Input::Frozen, &x[0]),
        |x| multiply(&x[0], &x[1..].concat(), (4, 2, count)).chunks(count).map(<[f64]>::to_vec).collect(),
    )
    .constant(&[1, 2])
    .check();
}

#[test]
fn runs_are_added_where_they_lie_and_what_shares_the_memory_stays() {
    let before: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let mut x = tensor(&before, (5, 8));
    let shared = x.clone();
    let runs = [0..3, 3..3, 7..16, 20..21, 33..40];
    let packed: Vec<f32> = (0..20).map(|i| 100.0 + i as f32).collect();
    Cpu::add_runs(&mut x, &runs, &packed).unwrap();
    let mut expected = before.clone();
    runs.iter().cloned().flatten().zip(&packed).for_each(|(i, added)| expected[i] += added);
    assert_eq!(x.as_vec(), expected);
    assert_eq!(shared.as_vec(), before);

    let cases: [(&[Range<usize>], usize, &str); 3] = [
        (&[0..1, 3..4], 1, "is 1, expected 2"),
        (&[4..6, 5..7], 4, "5..7"),     // overlapping
        (&[0..1, 38..41], 4, "38..41"), // beyond the end
    ];
    for (runs, added, expected) in cases {
        let message = Cpu::add_runs(&mut x.clone(), runs, &vec![0.0; added]).unwrap_err().to_string();
        assert!(message.starts_with("add_runs: ") && message.contains(expected), "{message}");
    }
}
