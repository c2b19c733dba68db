//! Talking-heads attention: sizes, layouts of the maps across the heads, dropout.

use super::attention::{add, cut, multipliers, put, spec};
use super::{Op, Traced, random, tensor};
use crate::{Attention, Cpu, Dropout, Kernels, Layout, Linear, NoneTape, Precision, Visibility};
use dfdx::shapes::{Axes2, Axis};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::{PermuteTo, TryMatMul};

/// Element of a map that belongs to output o and input i.
fn place(layout: Layout, o: usize, i: usize) -> (usize, usize) {
    if layout == Layout::OutIn { (o, i) } else { (i, o) }
}

/// Inputs: packed queries, keys and values, both weights, then the biases that there are.
fn exact(inputs: &[Vec<f64>], spec: &Attention<'_>, layout: Layout, biased: bool) -> Vec<f64> {
    let (s, a, e) = (spec.sequence, spec.heads, spec.head_dim);
    let at =
        |b: usize, i: usize, part: usize, h: usize, k: usize| inputs[0][((b * s + i) * 3 + part) * a * e + h * e + k];
    // [A, S, S] → [A, S, S]
    let mix = |x: &[f64], map: usize| -> Vec<f64> {
        let value = |n: usize| {
            let (o, at) = (n / (s * s), n % (s * s));
            let sum: f64 = (0..a)
                .map(|i| {
                    let (row, column) = place(layout, o, i);
                    inputs[1 + map][row * a + column] * x[i * s * s + at]
                })
                .sum();
            sum + if biased { inputs[3 + map][o] } else { 0.0 }
        };
        (0..a * s * s).map(value).collect()
    };
    let mut y = vec![0.0; spec.batch * s * a * e];
    for b in 0..spec.batch {
        let score = |n: usize| {
            let (h, i, j) = (n / (s * s), n / s % s, n % s);
            (0..e).map(|k| at(b, i, 0, h, k) * at(b, j, 1, h, k)).sum::<f64>() / (e as f64).sqrt()
        };
        let scores: Vec<f64> = (0..a * s * s).map(score).collect();
        let mut p: Vec<f64> = mix(&scores, 0).iter().map(|z| z.exp()).collect();
        for row in p.chunks_mut(s.max(1)) {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= total);
        }
        let t = mix(&p, 1);
        for h in 0..a {
            let m = multipliers(spec.dropout, b * a + h, s * s);
            for i in 0..s {
                for k in 0..e {
                    let term = |j: usize| t[(h * s + i) * s + j] * f64::from(m[i * s + j]) * at(b, j, 2, h, k);
                    y[((b * s + i) * a + h) * e + k] = (0..s).map(term).sum();
                }
            }
        }
    }
    y
}

/// One element of a traced matrix as a matrix of `side` equal rows and columns.
fn spread(x: &Traced, (row, column): (usize, usize), side: usize) -> Traced {
    let ones = tensor(&vec![1.0; side], (side, 1)).retaped::<OwnedTape<f32, Cpu>>();
    ones.matmul(cut(x, (row, 1), (column, 1))).matmul(tensor(&vec![1.0; side], (1, side)))
}

/// Of dfdx's operations; what is used several times is made each time, so that no part of its tape is lost.
fn composed(inputs: &[Traced], spec: &Attention<'_>, layout: Layout, biased: bool) -> Traced {
    let (s, a, e) = (spec.sequence, spec.heads, spec.head_dim);
    let mix = |x: &dyn Fn(usize) -> Traced, map: usize, o: usize| -> Traced {
        // The first bias gets no gradient; in a sum that cancels, dfdx would leave what it rounds off.
        let mut sum = biased.then(|| spread(&inputs[3 + map], (0, o), s) * map as f32);
        for i in 0..a {
            sum = add(sum, spread(&inputs[1 + map], place(layout, o, i), s) * x(i));
        }
        sum.unwrap()
    };
    let mut y: Option<Traced> = None;
    for b in 0..spec.batch {
        let part = |part: usize, h: usize| cut(&inputs[0], (b * s, s), ((part * a + h) * e, e));
        let score =
            |h: usize| part(0, h).matmul(part(1, h).permute::<(usize, usize), Axes2<1, 0>>()) / (e as f32).sqrt();
        let p = |h: usize| mix(&score, 0, h).softmax::<Axis<1>>();
        for h in 0..a {
            let t = mix(&p, 1, h) * tensor(&multipliers(spec.dropout, b * a + h, s * s), (s, s));
            y = add(y, put(t.matmul(part(2, h)), (b * s, spec.batch * s), (h * e, a * e)));
        }
    }
    y.unwrap()
}

fn check(spec: Attention<'_>, layout: Layout, biased: bool) {
    let (rows, a) = (spec.batch * spec.sequence, spec.heads);
    let mut shapes = vec![(rows, 3 * a * spec.head_dim), (a, a), (a, a)];
    if biased {
        shapes.extend([(1, a), (1, a)]);
    }
    let op = Op::new(
        format!("talking attention {layout:?}, biased {biased}, {spec:?}"),
        &shapes,
        |tape, x| {
            let map = |i: usize| Linear {
                weight: &x[1 + i],
                bias: biased.then(|| &x[3 + i]),
                layout,
                precision: Precision::F32,
            };
            Ok(vec![Cpu::talking_attention(tape, &x[0], map(0), map(1), spec)?])
        },
        |x| vec![exact(x, &spec, layout, biased)],
    );
    if rows > 0 && a < 4 { op.composed(|x| vec![composed(x, &spec, layout, biased)]).check() } else { op.check() }
}

#[test]
fn scores_are_mixed_across_the_heads_before_and_after_the_softmax() {
    for (sizes, layout, biased) in [
        ((1, 1, 1, 1, 1), Layout::OutIn, true),
        ((2, 1, 3, 3, 5), Layout::OutIn, true),
        ((2, 7, 3, 3, 5), Layout::OutIn, true),
        ((2, 7, 3, 3, 5), Layout::InOut, true),
        ((1, 19, 2, 2, 6), Layout::OutIn, false),
        ((1, 5, 6, 6, 2), Layout::InOut, true),
        ((1, 3, 5, 5, 2), Layout::OutIn, true),
        ((0, 3, 2, 2, 2), Layout::OutIn, true),
        ((2, 0, 2, 2, 2), Layout::OutIn, true),
    ] {
        check(spec(sizes, Visibility::Bidirectional), layout, biased);
    }
}

#[test]
fn dropout_falls_on_the_mixed_probabilities_with_one_mask_forward_and_backward() {
    for sizes in [(2, 6, 3, 3, 5), (1, 19, 2, 2, 3)] {
        let dropout = Some(Dropout { p: 0.3, key: 5 });
        check(Attention { dropout, ..spec(sizes, Visibility::Bidirectional) }, Layout::OutIn, true);
    }
}

#[test]
fn a_bias_before_the_softmax_changes_nothing() {
    let (x, weight) = (tensor(&random(7 * 18, 1), (7, 18)), tensor(&random(9, 2), (3, 3)));
    let run = |bias: &[f32]| {
        let bias = tensor(bias, (1, 3));
        let map = Linear { weight: &weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
        let before = Linear { bias: Some(&bias), ..map };
        let spec = spec((1, 7, 3, 3, 2), Visibility::Bidirectional);
        Cpu::talking_attention(&mut NoneTape, &x, before, map, spec).unwrap().as_vec()
    };
    assert_eq!(run(&[0.0; 3]), run(&[1.0, -5.0, 100.0]));
}
