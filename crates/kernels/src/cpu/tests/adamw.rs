//! The optimiser against a plain loop in f64.

use super::{Slot, close, random, tensor, values};
use crate::{AdamW, AdamWParameter, Cpu, Gradients, Kernels, Matrix};

const CONFIG: AdamW = AdamW {
    learning_rate: 1e-2,
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-6,
    weight_decay: 0.1,
    max_grad_norm: Some(1.0),
    step: 1,
};

/// Weight, first and second moment, decay, rate.
struct Parameter(Matrix<Cpu>, Matrix<Cpu>, Matrix<Cpu>, bool, f32);

fn parameters(sizes: &[(usize, usize)]) -> Vec<Parameter> {
    let make = |(i, &(rows, columns)): (usize, &(usize, usize))| {
        let zeros = || tensor(&vec![0.0; rows * columns], (rows, columns));
        Parameter(
            tensor(&random(rows * columns, i as u64), (rows, columns)),
            zeros(),
            zeros(),
            i % 2 == 0,
            [1.0, 0.5, 3.0][i % 3],
        )
    };
    sizes.iter().enumerate().map(make).collect()
}

fn step(parameters: &mut [Parameter], gradients: &[Vec<f32>], config: &AdamW) -> (f32, Gradients<f32, Cpu>) {
    let mut map = Gradients::leaky();
    for (p, g) in parameters.iter().zip(gradients) {
        Slot::of(&p.0).add(&mut map, g.clone()).unwrap();
    }
    let mut handles: Vec<AdamWParameter<'_, Cpu>> = parameters
        .iter_mut()
        .map(|p| AdamWParameter { weight: &mut p.0, first: &mut p.1, second: &mut p.2, decay: p.3, rate: p.4 })
        .collect();
    let norm = Cpu::adamw(&mut handles, &mut map, config).unwrap();
    (norm, map)
}

/// Algorithm 2 of Loshchilov & Hutter (2019) on one parameter's (w, m, v).
fn plain(state: &mut [Vec<f64>; 3], g: &[f32], clip: f64, (decay, rate): (bool, f32), c: &AdamW) {
    let (b1, b2) = (f64::from(c.beta1), f64::from(c.beta2));
    let rate = f64::from(c.learning_rate) * f64::from(rate);
    for i in 0..g.len() {
        let g = f64::from(g[i]) * clip;
        state[1][i] = b1 * state[1][i] + (1.0 - b1) * g;
        state[2][i] = b2 * state[2][i] + (1.0 - b2) * g * g;
        let m = state[1][i] / (1.0 - b1.powi(c.step as i32));
        let v = state[2][i] / (1.0 - b2.powi(c.step as i32));
        let lambda = if decay { f64::from(c.weight_decay) } else { 0.0 };
        state[0][i] -= rate * (lambda * state[0][i] + m / (v.sqrt() + f64::from(c.eps)));
    }
}

#[test]
fn adamw_is_the_plain_loop_with_decay_clipping_and_bias_correction() {
    let sizes = [(1, 1), (3, 5), (1, 31), (129, 300), (2, 0)];
    for max_grad_norm in [Some(1.0), Some(1e9), None] {
        let mut ours = parameters(&sizes);
        let wide = |x: &Matrix<Cpu>| -> Vec<f64> { values(x).into_iter().map(f64::from).collect() };
        let mut want: Vec<[Vec<f64>; 3]> = ours.iter().map(|p| [wide(&p.0), wide(&p.1), wide(&p.2)]).collect();
        for t in 1..=5 {
            let config = AdamW { max_grad_norm, step: t, ..CONFIG };
            let gradients: Vec<Vec<f32>> =
                sizes.iter().enumerate().map(|(i, s)| random(s.0 * s.1, 50 * t + i as u64)).collect();
            let norm = gradients.iter().flatten().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            let clip = max_grad_norm.map_or(1.0, |limit| (f64::from(limit) / norm).min(1.0));
            let (found, _) = step(&mut ours, &gradients, &config);
            assert!((f64::from(found) / norm - 1.0).abs() < 1e-6, "norm {found}, not {norm}");
            for ((state, g), p) in want.iter_mut().zip(&gradients).zip(&ours) {
                plain(state, g, clip, (p.3, p.4), &config);
            }
        }
        for (i, (p, want)) in ours.iter().zip(&want).enumerate() {
            for (what, got, want) in [("w", &p.0, &want[0]), ("m", &p.1, &want[1]), ("v", &p.2, &want[2])] {
                close(&format!("{what} of parameter {i}, clipped at {max_grad_norm:?}"), &values(got), want, 1e-5);
            }
        }
    }
}

#[test]
fn gradients_are_zero_afterwards() {
    let mut p = parameters(&[(2, 3)]);
    let (_, mut gradients) = step(&mut p, &[vec![1.0; 6]], &CONFIG);
    assert_eq!(Slot::of(&p[0].0).take(&mut gradients).unwrap(), [0.0; 6]);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut p = parameters(&[(2, 3), (1, 4)]);
        let before: Vec<Vec<f32>> = p.iter().flat_map(|p| [&p.0, &p.1, &p.2]).map(Matrix::as_vec).collect();
        let (norm, mut gradients) = step(&mut p, &[vec![1.0; 6], vec![0.0, bad, 0.0, 0.0]], &CONFIG);
        assert!(!norm.is_finite());
        let after: Vec<Vec<f32>> = p.iter().flat_map(|p| [&p.0, &p.1, &p.2]).map(Matrix::as_vec).collect();
        assert_eq!(before, after);
        assert_eq!(Slot::of(&p[0].0).take(&mut gradients).unwrap(), [1.0; 6], "nor the gradients");
    }
}

#[test]
fn a_step_has_the_same_bits_on_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut p = parameters(&[(300, 311), (1, 7)]);
            let (norm, _) = step(&mut p, &[random(93_300, 1), random(7, 2)], &CONFIG);
            (norm.to_bits(), p.iter().flat_map(|p| p.0.as_vec()).map(f32::to_bits).collect::<Vec<_>>())
        })
    };
    assert!(run(1) == run(2) && run(2) == run(3));
}

#[test]
fn a_weight_that_is_also_held_elsewhere_keeps_its_old_value_there() {
    let mut p = parameters(&[(1, 4)]);
    let held = p[0].0.clone();
    let before = held.as_vec();
    step(&mut p, &[vec![1.0; 4]], &CONFIG);
    assert_eq!(held.as_vec(), before);
    assert_ne!(p[0].0.as_vec(), before);
}

#[test]
fn a_parameter_of_rate_0_is_left_alone_and_counts_nothing_in_the_norm() {
    let sizes = [(2, 3), (30, 50), (1, 4)];
    let gradients = |resting: f32| vec![random(6, 7), vec![resting; 1500], random(4, 8)];
    for resting in [0.0, 1e6, f32::NAN] {
        let mut p = parameters(&sizes);
        p[1].4 = 0.0;
        let state = |p: &Parameter| [&p.0, &p.1, &p.2].map(Matrix::as_vec);
        let before = state(&p[1]);
        let (norm, mut map) = step(&mut p, &gradients(resting), &CONFIG);
        assert_eq!(state(&p[1]), before);
        assert_eq!(Slot::of(&p[1].0).take(&mut map).unwrap(), [0.0; 1500], "its gradient is taken all the same");

        let mut alone = parameters(&sizes);
        alone.remove(1);
        let mut gradients = gradients(resting);
        gradients.remove(1);
        let (norm_alone, _) = step(&mut alone, &gradients, &CONFIG);
        assert_eq!(norm, norm_alone);
        for (p, alone) in [(&p[0], &alone[0]), (&p[2], &alone[1])] {
            assert_eq!(state(p), state(alone));
        }
    }
}
