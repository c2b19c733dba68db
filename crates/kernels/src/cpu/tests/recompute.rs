//! Operations that are run again in backward, and what they stand on.

use super::tensor;
use crate::{Cpu, Factor, GradTape, Input, KernelError, Kernels, Matrix, NoneTape, Norm, NormKind, gradients_for};

fn values(rows: usize, columns: usize, seed: f64) -> Matrix<Cpu> {
    let data: Vec<f32> = (0..rows * columns).map(|i| (i as f64 * 0.7 + seed).sin() as f32).collect();
    tensor(&data, (rows, columns))
}

/// `F x`, then `w` mixes it with itself: recorded step by step, or run again in backward.
fn factor_gradient(factor: &Matrix<Cpu>, again: bool) -> Vec<f32> {
    let (x, weights) = (values(3, 4, 0.1), values(2, 1, 2.0));
    let mut tape = GradTape::default();
    let mixed = if again {
        let wide = Cpu::expand_rows(&mut NoneTape, &x, Input::Frozen, &[Factor::Free(factor)]).unwrap();
        let mixed = Cpu::mix_layers(&mut NoneTape, &[wide], Input::Frozen, &weights).unwrap();
        let taken: Vec<_> = mixed.iter().map(Cpu::gradient_of_output).collect();
        let (factor, weights) = (factor.clone(), weights.as_vec());
        tape.record(move |gradients| {
            let mut inner = GradTape::default();
            let wide = Cpu::expand_rows(&mut inner, &x, Input::Frozen, &[Factor::Free(&factor)])?;
            for (take, w) in taken.into_iter().zip(&weights) {
                let d: Vec<f32> = take(gradients)?.as_vec().iter().map(|d| d * w).collect();
                Cpu::add_gradient(&wide, &tensor(&d, (5, 4)), gradients)?;
            }
            inner.replay(gradients)
        });
        mixed
    } else {
        let wide = Cpu::expand_rows(&mut tape, &x, Input::Frozen, &[Factor::Free(factor)]).unwrap();
        Cpu::mix_layers(&mut tape, &[wide], Input::Differentiable, &weights).unwrap()
    };
    let sum = Cpu::add(&mut tape, &mixed[0], &mixed[1]).unwrap();
    let loss = Cpu::mean_squared_error(&mut tape, &sum, &[0.5; 20]).unwrap();
    let mut gradients = gradients_for([factor]);
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    gradients.get(factor).as_vec()
}

#[test]
fn an_operation_that_runs_again_in_backward_leaves_the_gradient_of_the_one_that_kept_everything() {
    let factor = values(5, 3, 1.0);
    let (kept, again) = (factor_gradient(&factor, false), factor_gradient(&factor, true));
    assert!(kept.iter().any(|d| d.abs() > 1e-3));
    for (kept, again) in kept.iter().zip(&again) {
        assert!((kept - again).abs() < 1e-6, "{kept} {again}");
    }
}

#[test]
fn a_gradient_that_is_taken_is_gone() {
    let x = values(2, 3, 0.0);
    let mut gradients = gradients_for([&x]);
    Cpu::add_gradient(&x, &values(2, 3, 1.0), &mut gradients).unwrap();
    Cpu::add_gradient(&x, &values(2, 3, 1.0), &mut gradients).unwrap();
    let twice: Vec<f32> = values(2, 3, 1.0).as_vec().iter().map(|v| v + v).collect();
    assert_eq!(Cpu::gradient_of(&x)(&mut gradients).unwrap().as_vec(), twice);
    assert_eq!(Cpu::gradient_of(&x)(&mut gradients).unwrap().as_vec(), [0.0; 6]);
}

#[test]
fn inner_products_are_the_sums_of_the_products_of_all_pairs() {
    let (a, b) = ([values(3, 50, 0.0), values(3, 50, 1.0)], [values(3, 50, 2.0)]);
    let found = Cpu::inner_products(&a, &b).unwrap();
    for (a, found) in a.iter().zip(&found) {
        let expected: f64 = a.as_vec().iter().zip(b[0].as_vec()).map(|(x, y)| f64::from(*x) * f64::from(y)).sum();
        assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} {expected}");
    }
    assert_eq!(Cpu::inner_products(&a, &[]).unwrap(), []);
}

#[test]
fn matrices_of_other_shapes_are_refused() {
    let (x, other) = (values(2, 3, 0.0), values(3, 2, 0.0));
    let refused = |error: KernelError| matches!(error, KernelError::Shape { .. });
    assert!(refused(Cpu::add_gradient(&x, &other, &mut gradients_for([&x])).unwrap_err()));
    assert!(refused(Cpu::inner_products(&[x], &[other]).unwrap_err()));
}

#[test]
fn terms_of_a_sum_share_its_gradient_until_one_of_them_changes_it() {
    let (x, z, gain) = (values(3, 4, 0.3), values(3, 4, 1.7), values(1, 4, 0.9));
    let norm = Norm { kind: NormKind::Layer, gain: &gain, bias: None, eps: 1e-5 };
    let (mut tape, mut gradients) = (GradTape::default(), gradients_for([&x, &z]));
    let (u, v) = (Cpu::norm(&mut tape, &x, norm).unwrap(), Cpu::norm(&mut tape, &z, norm).unwrap());
    // u is read twice, and the gradient of the sum is that of v and half of that of u.
    let sum = Cpu::add(&mut tape, &u, &v).unwrap();
    let y = Cpu::add(&mut tape, &sum, &u).unwrap();
    let d = values(3, 4, 2.5);
    Cpu::add_gradient(&y, &d, &mut gradients).unwrap();
    tape.replay(&mut gradients).unwrap();

    let alone = |input: &Matrix<Cpu>, times: usize| {
        let (mut tape, mut gradients) = (GradTape::default(), gradients_for([input]));
        let y = Cpu::norm(&mut tape, input, norm).unwrap();
        (0..times).for_each(|_| Cpu::add_gradient(&y, &d, &mut gradients).unwrap());
        tape.replay(&mut gradients).unwrap();
        gradients.get(input).as_vec()
    };
    assert_eq!(gradients.get(&x).as_vec(), alone(&x, 2));
    assert_eq!(gradients.get(&z).as_vec(), alone(&z, 1));
}

#[test]
#[should_panic(expected = "an output comes from one operation")]
fn the_gradient_of_a_recorded_output_is_not_taken_by_another() {
    let (x, mut tape) = (values(2, 3, 0.0), GradTape::default());
    let y = Cpu::add(&mut tape, &x, &x).unwrap();
    let _ = Cpu::gradient_of_output(&y);
}
