//! The loss under labels that are shared among classes.

use super::super::gradient::Slot;
use super::{Op, WithEmpty, as_matrix, random, tensor};
use crate::{Cpu, GradTape, Gradients, Kernels, NoneTape};
use dfdx::shapes::Axis;
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

/// Shares of `n` rows; a fifth of them none, and rows of any sum.
fn shares(n: usize, v: usize) -> Vec<f32> {
    random(n * v, 9).into_iter().enumerate().map(|(i, x)| if i % 5 == 1 { 0.0 } else { x.abs() }).collect()
}

#[test]
fn soft_cross_entropy_is_the_mean_over_rows_of_all_classes_by_their_shares() {
    for (n, v) in [(1, 1), (1, 2), (5, 7), (7, 33), (31, 67), (0, 3)] {
        let shares = shares(n, v);
        let op = Op::new(
            format!("soft_cross_entropy [{n}, {v}]"),
            &[(n, v)],
            |tape, x| {
                let loss = Cpu::soft_cross_entropy(tape, &x[0], &shares)?;
                Ok(vec![as_matrix(tape, &loss)])
            },
            |x| {
                let losses = x[0].chunks(v).zip(shares.chunks(v)).map(|(z, p)| {
                    let normaliser = z.iter().map(|z| z.exp()).sum::<f64>().ln();
                    p.iter().zip(z).map(|(&p, z)| f64::from(p) * (normaliser - z)).sum::<f64>()
                });
                vec![vec![losses.sum::<f64>() / n.max(1) as f64]]
            },
        );
        if n == 0 {
            op.check(); // dfdx cannot read an empty tensor
            continue;
        }
        let weights: Vec<f32> = shares.iter().map(|p| -p / n as f32).collect();
        op.composed(|x| {
            let ones = |r: usize, c: usize| tensor(&vec![1.0; r * c], (r, c)).retaped::<OwnedTape<f32, Cpu>>();
            let weighted = x[0].with_empty().log_softmax::<Axis<1>>() * tensor(&weights, (n, v));
            vec![ones(1, n).matmul(weighted).matmul(ones(v, 1))]
        })
        .check();
    }
}

#[test]
fn a_label_on_one_class_is_the_hard_cross_entropy_bit_for_bit_and_so_is_the_loss_without_a_tape() {
    let (n, v) = (9, 37);
    let logits = tensor(&random(n * v, 1), (n, v));
    let targets: Vec<i32> = (0..n as i32).map(|i| i * 4).collect();
    let mut shares = vec![0.0; n * v];
    targets.iter().enumerate().for_each(|(row, &class)| shares[row * v + class as usize] = 1.0);
    let run = |soft: bool| {
        let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
        let loss = match soft {
            true => Cpu::soft_cross_entropy(&mut tape, &logits, &shares),
            false => Cpu::softmax_cross_entropy(&mut tape, &logits, &targets, &vec![1.0 / n as f32; n]),
        };
        let loss = loss.unwrap();
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        (loss.as_vec(), Slot::of(&logits).take(&mut gradients).unwrap())
    };
    assert_eq!(run(true), run(false));
    assert_eq!(run(true).0, Cpu::soft_cross_entropy(&mut NoneTape, &logits, &shares).unwrap().as_vec());
}

#[test]
fn soft_cross_entropy_of_huge_logits_does_not_overflow_and_a_class_without_a_share_may_be_ruled_out() {
    let run = |logits: [f32; 2], shares: [f32; 2]| {
        let logits = tensor(&logits, (1, 2));
        let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
        let loss = Cpu::soft_cross_entropy(&mut tape, &logits, &shares).unwrap();
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        (loss.as_vec()[0], Slot::of(&logits).take(&mut gradients).unwrap())
    };
    assert_eq!(run([1e4, -1e4], [1.0, 0.0]), (0.0, vec![0.0, 0.0]));
    assert_eq!(run([1e4, -1e4], [0.25, 0.75]), (1.5e4, vec![0.75, -0.75]));
    assert_eq!(run([f32::NEG_INFINITY, 3.0], [0.0, 1.0]), (0.0, vec![0.0, 0.0]));
    assert_eq!(run([2.0, 3.0], [0.0, 0.0]), (0.0, vec![0.0, 0.0]));
    let (loss, d) = run([f32::NAN, 0.0], [0.0, 1.0]);
    assert!(loss.is_nan() && d.iter().all(|d| d.is_nan()));
}
