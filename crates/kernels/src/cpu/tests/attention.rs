//! Multi-head attention: masks, windows, grouped heads, rotary positions, queries of other tokens, sizes, dropout.

use super::super::dropout::Mask;
use super::{Op, Traced, WithEmpty, random, tensor};
use crate::{
    Attention, Cpu, Dropout, GradTape, Gradients, Kernels, Matrix, NoneTape, Precision, Projections, Rotary, Visibility,
};
use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::{PermuteTo, SumTo, TryMatMul};

const CAUSAL: Visibility = Visibility::Causal { window: None };
const BOTH: [Visibility; 2] = [CAUSAL, Visibility::Bidirectional];

/// B, S, A, K, E.
type Sizes = (usize, usize, usize, usize, usize);

pub(super) fn spec(
    (batch, sequence, heads, key_value_heads, head_dim): Sizes,
    visibility: Visibility,
) -> Attention<'static> {
    Attention {
        batch,
        sequence,
        heads,
        key_value_heads,
        head_dim,
        visibility,
        real_tokens: None,
        rotary: None,
        dropout: None,
        precision: Precision::F32,
    }
}

/// Angles that differ from pair to pair and grow with the position: cosines and sines of `positions` rows of E/2.
pub(super) fn tables(positions: usize, head_dim: usize) -> (Vec<f32>, Vec<f32>) {
    let half = head_dim / 2;
    let angle = |n: usize| (n / half) as f32 * 0.7_f32.powi((n % half) as i32);
    ((0..positions * half).map(|n| angle(n).cos()).collect(), (0..positions * half).map(|n| angle(n).sin()).collect())
}

/// Whether query i of sequence b must not look at key j.
fn hidden(spec: &Attention<'_>, b: usize, i: usize, j: usize) -> bool {
    spec.real_tokens.is_some_and(|real| !real[b * spec.sequence + j])
        || match spec.visibility {
            Visibility::Bidirectional => false,
            Visibility::Causal { window } => j > i || window.is_some_and(|window| i - j >= window),
        }
}

/// What each of `count` probabilities of one head of one sequence is multiplied by.
pub(super) fn multipliers(dropout: Option<Dropout>, task: usize, count: usize) -> Vec<f32> {
    let mut values = vec![1.0; count];
    if let Some(dropout) = dropout {
        let mask = Mask::new("test", dropout).unwrap();
        mask.for_each((task * count) as u64, count, |i, m| values[i] = m);
    }
    values
}

/// Where queries, keys and values lie: which input, the columns of its rows, and the column of head 0.
fn layout(spec: &Attention<'_>, apart: bool) -> [(usize, usize, usize); 3] {
    let (width, key_width) = (spec.heads * spec.head_dim, spec.key_value_heads * spec.head_dim);
    if apart {
        return [(0, width, 0), (1, 2 * key_width, 0), (1, 2 * key_width, key_width)];
    }
    let columns = width + 2 * key_width;
    [(0, columns, 0), (0, columns, width), (0, columns, width + key_width)]
}

/// The formula in f64. `queries` is the number of queries of each sequence if they are apart from the keys.
pub(super) fn exact(inputs: &[Vec<f64>], spec: &Attention<'_>, queries: Option<usize>) -> Vec<f64> {
    let (s, e) = (spec.sequence, spec.head_dim);
    let (q, group) = (queries.unwrap_or(s), spec.heads / spec.key_value_heads);
    let parts = layout(spec, queries.is_some());
    let head = |part: usize, rows: usize, b: usize, i: usize, head: usize| -> Vec<f64> {
        let (input, columns, first) = parts[part];
        let x = &inputs[input][(b * rows + i) * columns + first + head * e..][..e];
        match spec.rotary {
            Some(rotary) if part < 2 => {
                let half = e / 2;
                let angle = |k: usize| (f64::from(rotary.cosines[i * half + k]), f64::from(rotary.sines[i * half + k]));
                let turned = |k: usize| match k < half {
                    true => x[k] * angle(k).0 - x[k + half] * angle(k).1,
                    false => x[k] * angle(k - half).0 + x[k - half] * angle(k - half).1,
                };
                (0..e).map(turned).collect()
            }
            _ => x.to_vec(),
        }
    };
    let mut y = vec![0.0; spec.batch * q * spec.heads * e];
    for b in 0..spec.batch {
        for h in 0..spec.heads {
            let m = multipliers(spec.dropout, b * spec.heads + h, q * s);
            let keys: Vec<Vec<f64>> = (0..s).map(|j| head(1, s, b, j, h / group)).collect();
            let values: Vec<Vec<f64>> = (0..s).map(|j| head(2, s, b, j, h / group)).collect();
            for i in 0..q {
                let query = head(0, q, b, i, h);
                let score = |j: usize| query.iter().zip(&keys[j]).map(|(q, k)| q * k).sum::<f64>() / (e as f64).sqrt();
                let p: Vec<(usize, f64)> =
                    (0..s).filter(|&j| !hidden(spec, b, i, j)).map(|j| (j, score(j).exp())).collect();
                let total: f64 = p.iter().map(|(_, p)| p).sum();
                let y = &mut y[((b * q + i) * spec.heads + h) * e..][..e];
                for (k, y) in y.iter_mut().enumerate() {
                    let mix: f64 = p.iter().map(|&(j, p)| p * f64::from(m[i * s + j]) * values[j][k]).sum();
                    *y = if total > 0.0 { mix / total } else { 0.0 };
                }
            }
        }
    }
    y
}

fn transposed(x: &Matrix<Cpu>) -> Matrix<Cpu> {
    x.clone().permute::<(usize, usize), Axes2<1, 0>>()
}

/// `[small, large]` with a one at (i, offset + i).
pub(super) fn select(small: usize, large: usize, offset: usize) -> Matrix<Cpu> {
    let mut picks = vec![0.0; small * large];
    (0..small).for_each(|i| picks[i * large + offset + i] = 1.0);
    tensor(&picks, (small, large))
}

/// Rows `first_row..` and columns `first_column..` of a traced matrix, by products with selection matrices.
pub(super) fn cut(x: &Traced, (first_row, rows): (usize, usize), (first_column, columns): (usize, usize)) -> Traced {
    let (all_rows, all_columns) = *x.shape();
    let picked = select(rows, all_rows, first_row).retaped::<OwnedTape<f32, Cpu>>().matmul(x.with_empty());
    picked.matmul(transposed(&select(columns, all_columns, first_column)))
}

/// A traced matrix as a block of a larger one of zeros.
pub(super) fn put(
    x: Traced,
    (first_row, all_rows): (usize, usize),
    (first_column, all_columns): (usize, usize),
) -> Traced {
    let (rows, columns) = *x.shape();
    let picks = transposed(&select(rows, all_rows, first_row)).retaped::<OwnedTape<f32, Cpu>>();
    picks.matmul(x).matmul(select(columns, all_columns, first_column))
}

pub(super) fn add(sum: Option<Traced>, x: Traced) -> Option<Traced> {
    Some(match sum {
        Some(sum) => sum + x,
        None => x,
    })
}

/// Rows turned by their positions: `x ∘ cos + (x with halves swapped, the first negated) ∘ sin`.
fn turned(x: Traced, rotary: Option<Rotary<'_>>) -> Traced {
    let Some(rotary) = rotary else { return x };
    let (rows, e) = *x.shape();
    let half = e / 2;
    let twice = |table: &[f32]| -> Matrix<Cpu> {
        let repeated: Vec<f32> = (0..rows * e).map(|n| table[n / e * half + n % e % half]).collect();
        tensor(&repeated, (rows, e))
    };
    let swap: Vec<f32> = (0..e * e)
        .map(|n| match (n / e, n % e) {
            (from, to) if from == to + half => -1.0,
            (from, to) if from + half == to => 1.0,
            _ => 0.0,
        })
        .collect();
    x.with_empty() * twice(rotary.cosines) + x.matmul(tensor(&swap, (e, e))) * twice(rotary.sines)
}

/// Of dfdx's operations, head by head.
fn composed(inputs: &[Traced], spec: &Attention<'_>, queries: Option<usize>) -> Traced {
    let (s, e, width) = (spec.sequence, spec.head_dim, spec.heads * spec.head_dim);
    let (q, group) = (queries.unwrap_or(s), spec.heads / spec.key_value_heads);
    let parts = layout(spec, queries.is_some());
    let mut y: Option<Traced> = None;
    for b in 0..spec.batch {
        for h in 0..spec.heads {
            let part = |part: usize, rows: usize, head: usize| {
                let (input, _, first) = parts[part];
                cut(&inputs[input], (b * rows, rows), (first + head * e, e))
            };
            let query = turned(part(0, q, h), spec.rotary);
            let keys = turned(part(1, s, h / group), spec.rotary).permute::<(usize, usize), Axes2<1, 0>>();
            let bias: Vec<f32> = (0..q * s).map(|k| if hidden(spec, b, k / s, k % s) { -1e30 } else { 0.0 }).collect();
            let scores = query.matmul(keys) / (e as f32).sqrt() + tensor(&bias, (q, s));
            let m = multipliers(spec.dropout, b * spec.heads + h, q * s);
            let p = scores.softmax::<Axis<1>>() * tensor(&m, (q, s));
            y = add(y, put(p.matmul(part(2, s, h / group)), (b * q, spec.batch * q), (h * e, width)));
        }
    }
    y.unwrap()
}

/// Whether every query sees some key: dfdx's softmax cannot leave a row empty.
fn all_see(spec: &Attention<'_>, queries: usize) -> bool {
    (0..spec.batch * queries).all(|n| (0..spec.sequence).any(|j| !hidden(spec, n / queries, n % queries, j)))
}

fn check(name: &str, spec: Attention<'_>) {
    let columns = (spec.heads + 2 * spec.key_value_heads) * spec.head_dim;
    let op = Op::new(
        format!("attention {name} {spec:?}"),
        &[(spec.batch * spec.sequence, columns)],
        |tape, x| Ok(vec![Cpu::attention(tape, Projections::Joined(&x[0]), spec)?]),
        |x| vec![exact(x, &spec, None)],
    );
    if all_see(&spec, spec.sequence) { op.composed(|x| vec![composed(x, &spec, None)]).check() } else { op.check() }
}

#[test]
fn attention_is_softmax_of_scores_times_values_at_any_size() {
    let sizes = [
        (1, 1, 1, 1, 1),
        (2, 1, 3, 3, 5),
        (1, 31, 1, 1, 2),
        (2, 7, 3, 3, 5),
        (3, 4, 2, 2, 16),
        (1, 17, 1, 1, 33),
        (1, 45, 1, 1, 40),
    ];
    for sizes in sizes {
        for visibility in BOTH {
            check("plain", spec(sizes, visibility));
        }
    }
}

#[test]
fn several_query_heads_look_at_one_key_head() {
    for sizes in [(2, 1, 3, 1, 5), (2, 5, 3, 1, 5), (1, 19, 3, 1, 6), (1, 4, 4, 2, 3), (1, 33, 2, 1, 33)] {
        for visibility in BOTH {
            check("grouped", spec(sizes, visibility));
        }
    }
}

#[test]
fn a_window_hides_all_but_the_last_tokens() {
    for (sizes, window) in [
        ((1, 1, 1, 1, 5), 1),
        ((1, 19, 1, 1, 5), 1),
        ((2, 19, 1, 1, 5), 3),
        ((1, 19, 3, 1, 2), 9),
        ((1, 40, 1, 1, 32), 35),
    ] {
        check("window", spec(sizes, Visibility::Causal { window: Some(window) }));
    }
    let x = tensor(&random(19 * 15, 1), (19, 15));
    let sizes = (1, 19, 1, 1, 5);
    let run =
        |visibility| Cpu::attention(&mut NoneTape, Projections::Joined(&x), spec(sizes, visibility)).unwrap().as_vec();
    // One token is its own value; more than the sequence is no window.
    let values: Vec<f32> = x.as_vec().chunks(15).flat_map(|row| row[10..].to_vec()).collect();
    assert_eq!(run(Visibility::Causal { window: Some(1) }), values);
    assert_eq!(run(Visibility::Causal { window: Some(19) }), run(CAUSAL));
    assert_eq!(run(Visibility::Causal { window: Some(usize::MAX) }), run(CAUSAL));
}

#[test]
fn queries_and_keys_are_turned_by_their_positions() {
    for (sizes, visibility) in [
        ((2, 1, 1, 1, 2), CAUSAL),
        ((2, 5, 3, 1, 6), CAUSAL),
        ((1, 19, 1, 1, 6), Visibility::Bidirectional),
        ((1, 19, 2, 1, 4), Visibility::Causal { window: Some(3) }),
        ((1, 35, 2, 1, 32), CAUSAL),
    ] {
        let (cosines, sines) = tables(sizes.1 + 3, sizes.4);
        let rotary = Some(Rotary { cosines: &cosines, sines: &sines });
        check("rotary", Attention { rotary, ..spec(sizes, visibility) });
    }
}

#[test]
fn turned_scores_depend_on_distances_alone() {
    // The same tokens further along: all positions are shifted, no distance is.
    let (cosines, sines) = tables(40, 6);
    let x = tensor(&random(9 * 18, 1), (9, 18));
    let at = |first: usize| {
        let rotary = Some(Rotary { cosines: &cosines[first * 3..], sines: &sines[first * 3..] });
        let spec = Attention { rotary, ..spec((1, 9, 1, 1, 6), CAUSAL) };
        Cpu::attention(&mut NoneTape, Projections::Joined(&x), spec).unwrap().as_vec()
    };
    let want: Vec<f64> = at(0).into_iter().map(f64::from).collect();
    super::close("shifted", &at(23), &want, 1e-5);
    let still = spec((1, 9, 1, 1, 6), CAUSAL);
    let still = Cpu::attention(&mut NoneTape, Projections::Joined(&x), still).unwrap().as_vec();
    assert!(still.iter().zip(&want).any(|(a, b)| (f64::from(*a) - b).abs() > 1e-2));
}

#[test]
fn queries_of_other_tokens_look_at_all_keys() {
    let real = [true, false, true, true, true, /* second sequence */ false, false, true, true, false];
    for (queries, sizes, padded, p) in [
        (1, (2, 5, 3, 3, 5), false, 0.0),
        (3, (2, 5, 3, 1, 5), true, 0.0),
        (1, (1, 19, 2, 2, 6), false, 0.3),
        (19, (1, 3, 2, 1, 4), false, 0.3),
        (34, (1, 67, 1, 1, 32), false, 0.0),
        (0, (2, 5, 1, 1, 4), false, 0.0),
        (2, (2, 0, 1, 1, 4), false, 0.0),
        (0, (0, 3, 1, 1, 4), false, 0.0),
    ] {
        let spec = Attention {
            real_tokens: padded.then_some(&real),
            dropout: (p > 0.0).then_some(Dropout { p, key: 3 }),
            ..spec(sizes, Visibility::Bidirectional)
        };
        let (batch, sequence, heads, key_value_heads, head_dim) = sizes;
        let op = Op::new(
            format!("{queries} queries apart, {spec:?}"),
            &[(batch * queries, heads * head_dim), (batch * sequence, 2 * key_value_heads * head_dim)],
            |tape, x| {
                let projections = Projections::Apart { queries: &x[0], keys_values: &x[1] };
                Ok(vec![Cpu::attention(tape, projections, spec)?])
            },
            |x| vec![exact(x, &spec, Some(queries))],
        );
        if queries * sequence * batch > 0 {
            op.composed(|x| vec![composed(x, &spec, Some(queries))]).check();
        } else {
            op.check();
        }
    }
}

#[test]
fn padded_keys_are_not_seen_and_a_query_without_keys_gives_zeros() {
    let real =
        [true, true, false, true, false, false, /* second sequence */ false, false, true, true, true, false];
    let window = Visibility::Causal { window: Some(2) };
    for visibility in [CAUSAL, window, Visibility::Bidirectional] {
        for key_value_heads in [1, 3] {
            check("padded", Attention { real_tokens: Some(&real), ..spec((2, 6, 3, key_value_heads, 5), visibility) });
        }
        let none = Attention { real_tokens: Some(&[false; 12]), ..spec((2, 6, 3, 3, 5), visibility) };
        let x = tensor(&random(12 * 45, 1), (12, 45));
        let y = Cpu::attention(&mut NoneTape, Projections::Joined(&x), none).unwrap();
        assert_eq!(y.as_vec(), [0.0; 12 * 15]);
    }
}

#[test]
fn dropout_on_probabilities_uses_one_mask_forward_and_backward() {
    for visibility in BOTH {
        let dropout = Some(Dropout { p: 0.3, key: 5 });
        check("dropout", Attention { dropout, ..spec((2, 9, 3, 3, 5), visibility) });
        check("dropout", Attention { dropout, ..spec((2, 9, 3, 1, 5), visibility) });
        let real: Vec<bool> = (0..18).map(|i| i % 5 != 0).collect();
        check("both", Attention { dropout, real_tokens: Some(&real), ..spec((2, 9, 3, 3, 5), visibility) });
    }
}

#[test]
fn sequences_of_several_tiles_are_summed_online() {
    let window = Visibility::Causal { window: Some(11) };
    for (sequence, e, padding) in [(17, 8, false), (40, 8, true), (97, 33, false), (100, 64, true)] {
        let real: Vec<bool> = (0..sequence).map(|i| i % 7 != 3 && i > 20).collect();
        for visibility in [CAUSAL, window, Visibility::Bidirectional] {
            let dropout = Some(Dropout { p: 0.2, key: 1 });
            let sizes = (1, sequence, 1, 1, e);
            let plan = Attention { dropout, real_tokens: padding.then_some(&real), ..spec(sizes, visibility) };
            // Scores that grow along the keys, so that every tile brings a new maximum.
            let x: Vec<f32> =
                random(sequence * 3 * e, 4)
                    .iter()
                    .enumerate()
                    .map(|(i, x)| {
                        if i % (3 * e) < 2 * e { x * (1.0 + 2.0 * (i / (3 * e)) as f32 / sequence as f32) } else { *x }
                    })
                    .collect();
            let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let name = format!("{sequence} keys of {e}, {visibility:?}");
            let input = tensor(&x, (sequence, 3 * e));
            let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
            let y = Cpu::attention(&mut tape, Projections::Joined(&input), plan).unwrap();
            super::close(&name, &y.as_vec(), &exact(&[wide], &plan, None), 1e-5);
            let loss = super::weighted_sum(&mut tape, &[y]);
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            let got = super::Slot::of(&input).take(&mut gradients).unwrap();
            // A row whose keys are all hidden is uniform in dfdx's softmax; here it gives no gradient.
            let seen = |i: usize| (0..sequence).any(|j| !hidden(&plan, 0, i, j));
            let reference = composed(&[input.retaped()], &plan, None);
            let weights: Vec<f32> = super::coefficients(sequence * e, 0)
                .iter()
                .enumerate()
                .map(|(k, c)| if seen(k / e) { *c } else { 0.0 })
                .collect();
            let weights = tensor(&weights, *reference.shape());
            let by_dfdx = dfdx::tensor_ops::Backward::backward((reference * weights).sum::<(), Axes2<0, 1>>());
            let want: Vec<f64> = by_dfdx.get(&input).as_vec().into_iter().map(f64::from).collect();
            super::close(&format!("{name}: gradient"), &got, &want, 2e-5);
        }
    }
}

#[test]
fn attention_in_bf16_is_that_in_f32_rounded() {
    let (sequence, e) = (70, 64);
    let input = tensor(&random(sequence * 3 * e, 9), (sequence, 3 * e));
    for visibility in [CAUSAL, Visibility::Causal { window: Some(40) }, Visibility::Bidirectional] {
        let run = |precision| {
            let plan = Attention { precision, ..spec((1, sequence, 1, 1, e), visibility) };
            let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
            let y = Cpu::attention(&mut tape, Projections::Joined(&input), plan).unwrap();
            let values = y.as_vec();
            let loss = super::weighted_sum(&mut tape, &[y]);
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            [values, super::Slot::of(&input).take(&mut gradients).unwrap()]
        };
        let (exact, rounded) = (run(Precision::F32), run(Precision::Bf16));
        for (exact, rounded) in exact.into_iter().zip(rounded) {
            let exact: Vec<f64> = exact.into_iter().map(f64::from).collect();
            super::close(&format!("{visibility:?}"), &rounded, &exact, 2e-2);
        }
    }
}
