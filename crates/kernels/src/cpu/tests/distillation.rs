//! The loss of a student that hears labels and a teacher.

use super::{Op, Traced, WithEmpty, as_matrix, random, tensor};
use crate::{Cpu, GradTape, Gradients, IGNORED, Kernels, Labels, NoneTape};
use dfdx::shapes::Axis;
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

fn log_softmax(z: &[f64], temperature: f64) -> Vec<f64> {
    let sum = z.iter().map(|z| (z / temperature).exp()).sum::<f64>().ln();
    z.iter().map(|z| z / temperature - sum).collect()
}

fn exact((z, teacher): (&[f64], &[f64]), targets: &[i32], share: f64, temperature: f64) -> f64 {
    let v = z.len() / targets.len();
    let labelled = targets.iter().filter(|&&t| t != IGNORED).count().max(1) as f64;
    let rows = z.chunks(v).zip(teacher.chunks(v)).zip(targets).filter(|(_, target)| **target != IGNORED);
    let loss = rows.map(|((z, teacher), &target)| {
        let (q, p) = (log_softmax(z, temperature), log_softmax(teacher, temperature));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
        (1.0 - share) * -log_softmax(z, 1.0)[target as usize] + share * temperature.powi(2) * divergence
    });
    loss.sum::<f64>() / labelled
}

/// `Σ_n ⟨weights_n, log softmax(z_n / T)⟩`.
fn picked(z: &Traced, weights: &[f32], temperature: f32, (n, v): (usize, usize)) -> Traced {
    let ones = |r: usize, c: usize| tensor(&vec![1.0; r * c], (r, c)).retaped::<OwnedTape<f32, Cpu>>();
    let weighted = (z.with_empty() / temperature).log_softmax::<Axis<1>>() * tensor(weights, (n, v));
    ones(1, n).matmul(weighted).matmul(ones(v, 1))
}

fn check(name: &str, v: usize, targets: &[i32], share: f32, temperature: f32) {
    let n = targets.len();
    let teacher = random(n * v, 77);
    let wide: Vec<f64> = teacher.iter().map(|&t| f64::from(t)).collect();
    let op = Op::new(
        format!("distillation {name} [{n}, {v}], share {share}, temperature {temperature}"),
        &[(n, v)],
        |tape, x| {
            let teacher = tensor(&teacher, (n, v));
            let loss = Cpu::distillation(tape, &x[0], &teacher, Labels::Classes(targets), share, temperature)?;
            Ok(vec![as_matrix(tape, &loss)])
        },
        |x| vec![vec![exact((&x[0], &wide), targets, f64::from(share), f64::from(temperature))]],
    );
    op.composed(|x| {
        let labelled = targets.iter().filter(|&&t| t != IGNORED).count().max(1) as f32;
        let (mut picks, mut soft, mut entropy) = (vec![0.0; n * v], vec![0.0; n * v], 0.0);
        for (row, &target) in targets.iter().enumerate().filter(|(_, t)| **t != IGNORED) {
            picks[row * v + target as usize] = -(1.0 - share) / labelled;
            for (i, log_p) in log_softmax(&wide[row * v..][..v], f64::from(temperature)).into_iter().enumerate() {
                let weight = share * temperature * temperature / labelled;
                soft[row * v + i] = -weight * log_p.exp() as f32;
                entropy += weight * (log_p.exp() * log_p) as f32;
            }
        }
        vec![picked(&x[0], &picks, 1.0, (n, v)) + picked(&x[0], &soft, temperature, (n, v)) + entropy]
    })
    .check();
}

#[test]
fn distillation_is_its_formula() {
    let i = IGNORED;
    for (share, temperature) in [(0.0, 2.0), (0.3, 1.0), (0.5, 2.0), (1.0, 0.5), (1.0, 4.0)] {
        check("all labelled", 7, &[3, 0, 6, 6, 2], share, temperature);
        check("gaps", 33, &[i, 3, i, i, 32, 0, i], share, temperature);
        check("one of one", 1, &[0], share, temperature);
        check("31 rows", 65, &(0..31).map(|k| k * 7 % 65).collect::<Vec<_>>(), share, temperature);
        check("no label", 5, &[i; 3], share, temperature);
    }
}

#[test]
fn distillation_under_a_label_that_is_shared_is_its_formula() {
    for (n, v, share, temperature) in [(5, 7, 0.3, 2.0), (11, 33, 1.0, 4.0), (4, 65, 0.0, 1.0)] {
        let teacher = random(n * v, 77);
        let shares: Vec<f32> = random(n * v, 78).iter().map(|p| p.abs()).collect();
        let wide: Vec<f64> = teacher.iter().map(|&t| f64::from(t)).collect();
        let (r, t) = (f64::from(share), f64::from(temperature));
        Op::new(
            format!("distillation of shares [{n}, {v}], share {share}, temperature {temperature}"),
            &[(n, v)],
            |tape, x| {
                let teacher = tensor(&teacher, (n, v));
                let labels = Labels::Shares(&shares);
                let loss = Cpu::distillation(tape, &x[0], &teacher, labels, share, temperature)?;
                Ok(vec![as_matrix(tape, &loss)])
            },
            |x| {
                let taught = exact((&x[0], &wide), &vec![0; n], r, t);
                // The formula under classes, its own part taken out and the shares' put in.
                let own = x[0].chunks(v).zip(shares.chunks(v)).map(|(z, p)| {
                    let log_softmax = log_softmax(z, 1.0);
                    let soft: f64 = p.iter().zip(&log_softmax).map(|(&p, log)| f64::from(p) * -log).sum();
                    soft + log_softmax[0]
                });
                vec![vec![taught + (1.0 - r) * own.sum::<f64>() / n as f64]]
            },
        )
        .check();
    }
}

#[test]
fn a_teacher_without_a_share_leaves_the_cross_entropy_bit_for_bit() {
    let (n, v) = (9, 37);
    let (z, teacher) = (tensor(&random(n * v, 1), (n, v)), tensor(&random(n * v, 2), (n, v)));
    let targets: Vec<i32> = (0..n as i32).map(|k| if k % 4 == 1 { IGNORED } else { k * 4 }).collect();
    let labelled = targets.iter().filter(|&&t| t != IGNORED).count();
    let run = |taught: bool| {
        let mut tape = GradTape::default();
        let loss = match taught {
            true => Cpu::distillation(&mut tape, &z, &teacher, Labels::Classes(&targets), 0.0, 2.0),
            false => Cpu::softmax_cross_entropy(&mut tape, &z, &targets, &vec![1.0 / labelled as f32; n]),
        };
        let (loss, mut gradients) = (loss.unwrap(), Gradients::leaky());
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        (loss.as_vec(), gradients.get(&z).as_vec())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_student_that_says_what_its_teacher_says_has_nothing_to_learn() {
    let z: Vec<f32> = random(40, 3).iter().map(|z| 30.0 * z).collect();
    let z = tensor(&z, (4, 10));
    let mut tape = GradTape::default();
    let loss = Cpu::distillation(&mut tape, &z, &z, Labels::Classes(&[1, 2, 3, 4]), 1.0, 2.0).unwrap();
    let mut gradients = Gradients::leaky();
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    assert_eq!(loss.as_vec(), [0.0]);
    assert_eq!(gradients.get(&z).as_vec(), [0.0; 40]);
}

#[test]
fn huge_logits_do_not_overflow_and_a_teacher_may_rule_tokens_out() {
    let loss = |z: [f32; 2], teacher: [f32; 2]| {
        let (z, teacher) = (tensor(&z, (1, 2)), tensor(&teacher, (1, 2)));
        Cpu::distillation(&mut NoneTape, &z, &teacher, Labels::Classes(&[0]), 1.0, 1.0).unwrap().as_vec()[0]
    };
    assert_eq!(loss([1e4, -1e4], [1e4, -1e4]), 0.0);
    assert_eq!(loss([-1e4, 1e4], [1e4, -1e4]), 2e4);
    assert_eq!(loss([0.0, 0.0], [0.0, f32::NEG_INFINITY]), 2.0_f32.ln());
    assert!(loss([f32::NAN, 0.0], [0.0, 0.0]).is_nan());
}
