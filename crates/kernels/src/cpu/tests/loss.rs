//! Cross-entropy with and without labels.

use super::{Op, WithEmpty, as_matrix, multiply, random, repeated, tensor, transpose};
use crate::{Cpu, GradTape, Gradients, IGNORED, Kernels, Layout, Linear, NoneTape, Precision};
use dfdx::shapes::{Axes2, Axis};
use dfdx::tensor_ops::{PermuteTo, TryMatMul};

fn labelled(targets: &[i32]) -> f64 {
    targets.iter().filter(|&&t| t != IGNORED).count().max(1) as f64
}

fn exact(hidden: &[f64], weight: &[f64], bias: &[f64], targets: &[i32]) -> f64 {
    let v = bias.len();
    let h = weight.len() / v;
    let z = multiply(hidden, &transpose(weight, (v, h)), (targets.len(), h, v));
    let row = |(n, &target): (usize, &i32)| {
        if target == IGNORED {
            return 0.0;
        }
        let z: Vec<f64> = (0..v).map(|j| z[n * v + j] + bias[j]).collect();
        z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[target as usize]
    };
    targets.iter().enumerate().map(row).sum::<f64>() / labelled(targets)
}

fn check(name: &str, (h, v): (usize, usize), targets: &[i32]) {
    let n = targets.len();
    let op = Op::new(
        format!("cross_entropy {name} [{n}, {h}] → {v}"),
        &[(n, h), (v, h), (1, v)],
        |tape, x| {
            let head = Linear { weight: &x[1], bias: Some(&x[2]), layout: Layout::OutIn, precision: Precision::F32 };
            let loss = Cpu::cross_entropy(tape, &x[0], head, targets)?;
            Ok(vec![as_matrix(tape, &loss)])
        },
        |x| vec![vec![exact(&x[0], &x[1], &x[2], targets)]],
    );
    if n == 0 {
        return op.check(); // dfdx cannot read an empty tensor
    }
    op.composed(|x| {
        let z = x[0].with_empty().matmul(x[1].with_empty().permute::<(usize, usize), Axes2<1, 0>>());
        let z = z + repeated(&x[2], n);
        let mut picks = vec![0.0; n * v];
        for (row, &t) in targets.iter().enumerate().filter(|(_, t)| **t != IGNORED) {
            picks[row * v + t as usize] = -1.0 / labelled(targets) as f32;
        }
        let picked = z.log_softmax::<Axis<1>>() * tensor(&picks, (n, v));
        let ones =
            |r: usize, c: usize| tensor(&vec![1.0; r * c], (r, c)).retaped::<dfdx::tensor::OwnedTape<f32, Cpu>>();
        vec![ones(1, n).matmul(picked).matmul(ones(v, 1))]
    })
    .check();
}

#[test]
fn cross_entropy_is_the_mean_over_labelled_rows() {
    let i = IGNORED;
    check("one of one", (1, 1), &[0]);
    check("all labelled", (5, 7), &[3, 0, 6, 6, 2]);
    check("gaps", (16, 33), &[i, 3, i, i, 32, 0, i]);
    check("a run in the middle", (3, 17), &[i, i, 4, 5, 6, i]);
    check("one label", (3, 5), &[i, 4, i]);
    check("31 rows", (33, 65), &(0..31).map(|k| k * 7 % 65).collect::<Vec<_>>());
}

#[test]
fn without_any_label_the_loss_is_zero_and_nothing_gets_a_gradient() {
    check("no label", (3, 5), &[IGNORED; 4]);
    check("no row", (3, 5), &[]);
}

#[test]
fn logits_in_many_chunks_give_the_same_loss_with_and_without_a_tape() {
    // The tests' chunks hold 200 logits: rows of 67 come two at a time.
    let (n, h, v) = (31, 3, 67);
    let (hidden, weight) = (tensor(&random(n * h, 1), (n, h)), tensor(&random(v * h, 2), (v, h)));
    let targets: Vec<i32> = (0..n as i32).map(|k| if k % 5 == 4 { IGNORED } else { k }).collect();
    let head = Linear { weight: &weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
    let recorded = Cpu::cross_entropy(&mut GradTape::default(), &hidden, head, &targets).unwrap().as_vec()[0];
    let silent = Cpu::cross_entropy(&mut NoneTape, &hidden, head, &targets).unwrap().as_vec()[0];
    assert!((silent - recorded).abs() < 1e-6 * recorded, "{silent} and {recorded}");
}

#[test]
fn huge_logits_do_not_overflow_and_nan_stays_visible() {
    let head = tensor(&[1.0, -1.0], (2, 1));
    let head = Linear { weight: &head, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
    let loss = |hidden: f32, target: i32| {
        let hidden = tensor(&[hidden], (1, 1));
        let mut tape = GradTape::default();
        let loss = Cpu::cross_entropy(&mut tape, &hidden, head, &[target]).unwrap();
        loss.as_vec()[0]
    };
    assert_eq!((loss(1e4, 0), loss(1e4, 1)), (0.0, 2e4));
    assert!(loss(f32::NAN, 0).is_nan());
}

#[test]
fn upstream_scale_multiplies_every_gradient() {
    let (hidden, weight) = (tensor(&random(6, 1), (3, 2)), tensor(&random(8, 2), (4, 2)));
    let run = |scale: f32| {
        let head = Linear { weight: &weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
        let mut tape = GradTape::default();
        let loss = Cpu::cross_entropy(&mut tape, &hidden, head, &[1, IGNORED, 3]).unwrap();
        let mut gradients = Gradients::leaky();
        tape.backward(&loss, scale, &mut gradients).unwrap();
        [gradients.get(&hidden).as_vec(), gradients.get(&weight).as_vec()].concat()
    };
    let (one, half) = (run(1.0), run(0.5));
    assert!(one.iter().any(|&d| d != 0.0));
    assert_eq!(one.iter().map(|d| d * 0.5).collect::<Vec<_>>(), half);
}
