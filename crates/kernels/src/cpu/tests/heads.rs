//! The losses over logits that exist, and columns as rows.

use super::super::gradient::Slot;
use super::{Op, Traced, WithEmpty, as_matrix, random, tensor};
use crate::{Cpu, GradTape, Gradients, IGNORED, Kernels, NoneTape};
use dfdx::shapes::{Axes3, Axis};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::{PermuteTo, ReshapeTo, TryMatMul};

/// The sum of all elements of a `[rows, columns]`, as a `[1, 1]`.
fn total(x: Traced, (rows, columns): (usize, usize)) -> Traced {
    let ones = |r: usize, c: usize| tensor(&vec![1.0; r * c], (r, c)).retaped::<OwnedTape<f32, Cpu>>();
    ones(1, rows).matmul(x).matmul(ones(columns, 1))
}

#[test]
fn softmax_cross_entropy_is_the_weighted_sum_over_labelled_rows() {
    const I: i32 = IGNORED;
    let cases: [(usize, &[i32], &[f32]); 8] = [
        (1, &[0], &[1.0]),
        (2, &[1], &[0.5]),
        (7, &[3, 0, 6, 6, 2], &[0.2; 5]),
        (33, &[I, 3, I, I, 32, 0, I], &[5.0, 0.25, 0.0, 1.0, 1.5, 0.0, 1.0]),
        (5, &[4, 4, I], &[-1.0, 2.0, 1.0]),
        (3, &[I; 4], &[1.0; 4]),
        (3, &[], &[]),
        (67, &[0, 66, 5, 17, 40, 41, 2, 2, 2, 13, 66], &[0.125; 11]),
    ];
    for (v, targets, weights) in cases {
        let n = targets.len();
        let op = Op::new(
            format!("softmax_cross_entropy of {targets:?} in {v}"),
            &[(n, v)],
            |tape, x| {
                let loss = Cpu::softmax_cross_entropy(tape, &x[0], targets, weights)?;
                Ok(vec![as_matrix(tape, &loss)])
            },
            |x| {
                let rows = x[0].chunks(v).zip(targets).zip(weights).filter(|((_, target), _)| **target != I);
                let losses = rows.map(|((z, &target), &weight)| {
                    let normaliser = z.iter().map(|z| z.exp()).sum::<f64>().ln();
                    f64::from(weight) * (normaliser - z[target as usize])
                });
                vec![vec![losses.sum()]]
            },
        );
        if n == 0 {
            op.check(); // dfdx cannot read an empty tensor
            continue;
        }
        let mut picks = vec![0.0; n * v];
        for (row, &t) in targets.iter().enumerate().filter(|(_, t)| **t != I) {
            picks[row * v + t as usize] = -weights[row];
        }
        op.composed(|x| {
            let picked = x[0].with_empty().log_softmax::<Axis<1>>() * tensor(&picks, (n, v));
            vec![total(picked, (n, v))]
        })
        .check();
    }
}

#[test]
fn softmax_cross_entropy_is_the_same_without_a_tape() {
    let (n, v) = (9, 37);
    let logits = tensor(&random(n * v, 1), (n, v));
    let (targets, weights): (Vec<i32>, Vec<f32>) = (0..n as i32).map(|i| (i * 4, 0.5 + i as f32)).unzip();
    let recorded = Cpu::softmax_cross_entropy(&mut GradTape::default(), &logits, &targets, &weights).unwrap();
    let silent = Cpu::softmax_cross_entropy(&mut NoneTape, &logits, &targets, &weights).unwrap();
    assert_eq!(recorded.as_vec(), silent.as_vec());
}

#[test]
fn huge_logits_do_not_overflow_nan_stays_visible_and_ignored_rows_count_nothing() {
    let run = |logits: [f32; 2], target: i32| {
        let logits = tensor(&logits, (1, 2));
        let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
        let loss = Cpu::softmax_cross_entropy(&mut tape, &logits, &[target], &[1.0]).unwrap();
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        (loss.as_vec()[0], Slot::of(&logits).take(&mut gradients).unwrap())
    };
    assert_eq!(run([1e4, -1e4], 0), (0.0, vec![0.0, 0.0]));
    assert_eq!(run([1e4, -1e4], 1), (2e4, vec![1.0, -1.0]));
    assert_eq!(run([f32::MAX, 0.0], 0), (0.0, vec![0.0, 0.0]));
    assert_eq!(run([f32::NEG_INFINITY, 3.0], 1), (0.0, vec![0.0, 0.0]));
    assert_eq!(run([f32::NAN, f32::INFINITY], IGNORED), (0.0, vec![0.0, 0.0]));
    let (loss, d) = run([f32::NAN, 0.0], 1);
    assert!(loss.is_nan() && d.iter().all(|d| d.is_nan()));
}

#[test]
fn mean_squared_error_is_the_mean_over_all_elements() {
    for (n, h) in [(1, 1), (5, 1), (7, 3), (31, 37), (0, 3)] {
        let targets = random(n * h, 9);
        let op = Op::new(
            format!("mean_squared_error [{n}, {h}]"),
            &[(n, h)],
            |tape, x| {
                let loss = Cpu::mean_squared_error(tape, &x[0], &targets)?;
                Ok(vec![as_matrix(tape, &loss)])
            },
            |x| {
                let squares = x[0].iter().zip(&targets).map(|(x, &target)| (x - f64::from(target)).powi(2));
                vec![vec![squares.sum::<f64>() / (n * h).max(1) as f64]]
            },
        );
        match n {
            0 => op.check(),
            _ => op
                .composed(|x| {
                    let difference = x[0].with_empty() - tensor(&targets, (n, h));
                    vec![total(difference.square(), (n, h)) / (n * h) as f32]
                })
                .check(),
        }
    }
}

#[test]
fn columns_of_each_sequence_become_rows() {
    for (batch, sequence, columns) in [(1, 1, 1), (3, 5, 2), (2, 31, 3), (4, 1, 7), (1, 6, 1), (0, 5, 2)] {
        let op = Op::new(
            format!("columns_as_rows {batch}×{sequence}×{columns}"),
            &[(batch * sequence, columns)],
            |tape, x| Ok(vec![Cpu::columns_as_rows(tape, &x[0], sequence)?]),
            |x| {
                let mut y = Vec::new();
                for k in 0..columns {
                    y.extend(x[0].iter().skip(k).step_by(columns));
                }
                vec![y]
            },
        );
        match batch {
            0 => op.check(),
            _ => op
                .composed(|x| {
                    let cube = x[0].with_empty().reshape_like(&(batch, sequence, columns));
                    let turned = cube.permute::<(usize, usize, usize), Axes3<2, 0, 1>>();
                    vec![turned.reshape_like(&(columns * batch, sequence))]
                })
                .check(),
        }
    }
    let y = Cpu::columns_as_rows(&mut NoneTape, &tensor(&[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0], (4, 2)), 2);
    let y = y.unwrap();
    assert_eq!(super::size(&y), (4, 2));
    assert_eq!(y.as_vec(), [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0]);
}
