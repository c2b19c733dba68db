//! Averages that follow values.

use super::{close, message, random, tensor, values, zeros};
use crate::{Cpu, Kernels, Matrix};

#[test]
fn a_moving_average_is_the_plain_rule_step_after_step() {
    let sizes = [(1, 1), (3, 5), (129, 30), (2, 0)];
    let made = |seed: u64| -> Vec<Matrix<Cpu>> {
        sizes.iter().zip(seed..).map(|(&(r, c), seed)| tensor(&random(r * c, seed), (r, c))).collect()
    };
    for decay in [0.0, 0.5, 0.9, 0.9999, 1.0] {
        let mut averages = made(1);
        let mut want: Vec<Vec<f64>> = averages.iter().map(|e| values(e).into_iter().map(f64::from).collect()).collect();
        for step in 1..=20 {
            let weights = made(100 * step);
            Cpu::moving_average(&mut averages, &weights, decay).unwrap();
            for (want, weight) in want.iter_mut().zip(&weights) {
                want.iter_mut().zip(values(weight)).for_each(|(e, w)| *e = decay * *e + (1.0 - decay) * f64::from(w));
            }
        }
        for (found, want) in averages.iter().zip(&want) {
            close(&format!("decay {decay}"), &values(found), want, 1e-6);
        }
    }
}

#[test]
fn an_average_that_is_its_value_stays_it_to_the_bit_and_values_that_share_its_memory_stay_too() {
    let values_at_first = random(300, 3);
    let weight = tensor(&values_at_first, (3, 100));
    let mut averages = [weight.clone()];
    Cpu::moving_average(&mut averages, std::slice::from_ref(&weight), 0.99).unwrap();
    assert_eq!(values(&averages[0]), values_at_first);
    Cpu::moving_average(&mut averages, &[zeros(3, 100)], 0.5).unwrap();
    assert_eq!(values(&weight), values_at_first);
    assert_eq!(values(&averages[0])[7], 0.5 * values_at_first[7]);
}

#[test]
fn averages_of_other_values_are_refused_before_anything_changes() {
    let mut averages = [tensor(&[1.0; 2], (1, 2)), zeros(2, 2)];
    let cases: [(&[Matrix<Cpu>], f64, &str); 3] = [
        (&[zeros(1, 2)], 0.5, "moving_average: number of averages is 2, expected 1"),
        (&[zeros(1, 2), zeros(1, 4)], 0.5, "moving_average: average 1 is [2, 2], expected [1, 4]"),
        (&[zeros(1, 2), zeros(2, 2)], 1.5, "moving_average: decay is 1.5, expected a number from 0 to 1"),
    ];
    for (weights, decay, expected) in cases {
        assert_eq!(message(Cpu::moving_average(&mut averages, weights, decay)), expected);
    }
    assert_eq!(values(&averages[0]), [1.0; 2]);
}
