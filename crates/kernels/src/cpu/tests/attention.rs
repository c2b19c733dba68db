//! Multi-head attention: masks, sizes, dropout.

use super::super::dropout::Mask;
use super::{Op, Traced, WithEmpty, random, tensor};
use crate::{Attention, Cpu, Dropout, GradTape, Gradients, Kernels, NoneTape, Visibility};
use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::{PermuteTo, SumTo, TryMatMul};

const BOTH: [Visibility; 2] = [Visibility::Causal, Visibility::Bidirectional];

fn spec(sizes: (usize, usize, usize, usize), visibility: Visibility) -> Attention<'static> {
    let (batch, sequence, heads, head_dim) = sizes;
    Attention { batch, sequence, heads, head_dim, visibility, real_tokens: None, dropout: None }
}

/// What each probability of head `h` of sequence `b` is multiplied by: 0 where hidden, dropout's multiplier else.
fn hidden(spec: &Attention<'_>, b: usize, i: usize, j: usize) -> bool {
    let padded = spec.real_tokens.is_some_and(|real| !real[b * spec.sequence + j]);
    padded || spec.visibility == Visibility::Causal && j > i
}

fn multipliers(spec: &Attention<'_>, task: usize) -> Vec<f32> {
    let count = spec.sequence * spec.sequence;
    let mut values = vec![1.0; count];
    if let Some(dropout) = spec.dropout {
        let mask = Mask::new("test", dropout).unwrap();
        mask.for_each((task * count) as u64, count, |i, m| values[i] = m);
    }
    values
}

fn exact(qkv: &[f64], spec: &Attention<'_>) -> Vec<f64> {
    let (s, e, width) = (spec.sequence, spec.head_dim, spec.heads * spec.head_dim);
    let mut y = vec![0.0; spec.batch * s * width];
    for b in 0..spec.batch {
        for h in 0..spec.heads {
            let m = multipliers(spec, b * spec.heads + h);
            let at = |part: usize, i: usize, k: usize| qkv[((b * s + i) * 3 + part) * width + h * e + k];
            for i in 0..s {
                let visible: Vec<usize> = (0..s).filter(|&j| !hidden(spec, b, i, j)).collect();
                let score = |j: usize| (0..e).map(|k| at(0, i, k) * at(1, j, k)).sum::<f64>() / (e as f64).sqrt();
                let p: Vec<f64> = visible.iter().map(|&j| score(j).exp()).collect();
                let total: f64 = p.iter().sum();
                for k in 0..e {
                    let mix = visible.iter().zip(&p).map(|(&j, p)| p * f64::from(m[i * s + j]) * at(2, j, k));
                    let mix: f64 = mix.sum();
                    y[(b * s + i) * width + h * e + k] = if total > 0.0 { mix / total } else { 0.0 };
                }
            }
        }
    }
    y
}

/// Head by head; each is cut out of the input, and put into the output, by products with selection matrices.
fn composed(qkv: &Traced, spec: &Attention<'_>) -> Traced {
    let (s, e, width) = (spec.sequence, spec.head_dim, spec.heads * spec.head_dim);
    let rows = spec.batch * s;
    let select = |small: usize, large: usize, offset: usize| {
        let mut picks = vec![0.0; small * large];
        (0..small).for_each(|i| picks[i * large + offset + i] = 1.0);
        tensor(&picks, (small, large))
    };
    let mut y: Option<Traced> = None;
    for b in 0..spec.batch {
        for h in 0..spec.heads {
            let rows_of = select(s, rows, b * s);
            let part = |part: usize| {
                let columns = select(e, 3 * width, part * width + h * e).permute::<(usize, usize), Axes2<1, 0>>();
                let x = rows_of.retaped::<OwnedTape<f32, Cpu>>().matmul(qkv.with_empty());
                x.matmul(columns)
            };
            let mut scores = part(0).matmul(part(1).permute::<(usize, usize), Axes2<1, 0>>()) / (e as f32).sqrt();
            let bias: Vec<f32> = (0..s * s).map(|k| if hidden(spec, b, k / s, k % s) { -1e30 } else { 0.0 }).collect();
            scores = scores + tensor(&bias, (s, s));
            let p = scores.softmax::<Axis<1>>() * tensor(&multipliers(spec, b * spec.heads + h), (s, s));
            let o = rows_of
                .clone()
                .permute::<(usize, usize), Axes2<1, 0>>()
                .retaped::<OwnedTape<f32, Cpu>>()
                .matmul(p.matmul(part(2)));
            let o = o.matmul(select(e, width, h * e));
            y = Some(match y {
                Some(y) => y + o,
                None => o,
            });
        }
    }
    y.unwrap()
}

fn check(name: &str, spec: Attention<'_>, by_dfdx: bool) {
    let width = spec.heads * spec.head_dim;
    let op = Op::new(
        format!("attention {name} {spec:?}"),
        &[(spec.batch * spec.sequence, 3 * width)],
        |tape, x| Ok(vec![Cpu::attention(tape, &x[0], spec)?]),
        |x| vec![exact(&x[0], &spec)],
    );
    if by_dfdx { op.composed(|x| vec![composed(&x[0], &spec)]).check() } else { op.check() }
}

#[test]
fn attention_is_softmax_of_scores_times_values_at_any_size() {
    for sizes in [(1, 1, 1, 1), (2, 1, 3, 5), (1, 31, 1, 2), (2, 7, 3, 5), (3, 4, 2, 16), (1, 17, 1, 33)] {
        for visibility in BOTH {
            check("plain", spec(sizes, visibility), true);
        }
    }
}

#[test]
fn padded_keys_are_not_seen_and_a_query_without_keys_gives_zeros() {
    let real =
        [true, true, false, true, false, false, /* second sequence */ false, false, true, true, true, false];
    for visibility in BOTH {
        let padded = Attention { real_tokens: Some(&real), ..spec((2, 6, 3, 5), visibility) };
        // dfdx's softmax cannot leave a row empty, as the first queries of the second sequence do when causal.
        check("padded", padded, visibility == Visibility::Bidirectional);
        let none = Attention { real_tokens: Some(&[false; 12]), ..spec((2, 6, 3, 5), visibility) };
        let x = tensor(&random(12 * 45, 1), (12, 45));
        assert_eq!(Cpu::attention(&mut NoneTape, &x, none).unwrap().as_vec(), [0.0; 12 * 15]);
    }
}

#[test]
fn dropout_on_probabilities_uses_one_mask_forward_and_backward() {
    for visibility in BOTH {
        let dropout = Some(Dropout { p: 0.3, key: 5 });
        check("dropout", Attention { dropout, ..spec((2, 9, 3, 5), visibility) }, true);
        let real: Vec<bool> = (0..18).map(|i| i % 5 != 0).collect();
        let both = Attention { dropout, real_tokens: Some(&real), ..spec((2, 9, 3, 5), visibility) };
        check("dropout and padding", both, false);
    }
}

#[test]
fn sequences_of_several_tiles_are_summed_online() {
    for (sequence, padding) in [(17, false), (40, true)] {
        let real: Vec<bool> = (0..sequence).map(|i| i % 7 != 3 && i > 20).collect();
        for visibility in BOTH {
            let dropout = Some(Dropout { p: 0.2, key: 1 });
            let plan =
                Attention { dropout, real_tokens: padding.then_some(&real), ..spec((1, sequence, 1, 8), visibility) };
            // Scores that grow along the keys, so that every tile brings a new maximum.
            let x: Vec<f32> = random(sequence * 24, 4)
                .iter()
                .enumerate()
                .map(|(i, x)| if i % 24 < 16 { x * (1.0 + (i / 24) as f32 / 10.0) } else { *x })
                .collect();
            let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let name = format!("{sequence} keys, {visibility:?}");
            let input = tensor(&x, (sequence, 24));
            let (mut tape, mut gradients) = (GradTape::default(), Gradients::leaky());
            let y = Cpu::attention(&mut tape, &input, plan).unwrap();
            super::close(&name, &y.as_vec(), &exact(&wide, &plan), 1e-5);
            let loss = super::weighted_sum(&mut tape, &[y]);
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            let got = super::Slot::of(&input).take(&mut gradients).unwrap();
            // A row whose keys are all hidden is uniform in dfdx's softmax; here it gives no gradient.
            let seen = |i: usize| (0..sequence).any(|j| !hidden(&plan, 0, i, j));
            let reference = composed(&input.retaped(), &plan);
            let weights: Vec<f32> = super::coefficients(sequence * 8, 0)
                .iter()
                .enumerate()
                .map(|(k, c)| if seen(k / 8) { *c } else { 0.0 })
                .collect();
            let weights = tensor(&weights, *reference.shape());
            let by_dfdx = dfdx::tensor_ops::Backward::backward((reference * weights).sum::<(), Axes2<0, 1>>());
            let want: Vec<f64> = by_dfdx.get(&input).as_vec().into_iter().map(f64::from).collect();
            super::close(&format!("{name}: gradient"), &got, &want, 2e-5);
        }
    }
}
