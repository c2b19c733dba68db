//! The sum, gains, and dropout.

use super::{Op, WithEmpty, repeated, tensor};
use crate::{Cpu, Dropout, Kernels, NoneTape};

const SIZES: [(usize, usize); 5] = [(1, 1), (1, 31), (7, 5), (13, 17), (3, 200)];

#[test]
fn add_is_the_sum() {
    for size in SIZES {
        Op::new(
            format!("add {size:?}"),
            &[size, size],
            |tape, x| Ok(vec![Cpu::add(tape, &x[0], &x[1])?]),
            |x| vec![x[0].iter().zip(&x[1]).map(|(a, b)| a + b).collect()],
        )
        .composed(|x| vec![x[0].with_empty() + x[1].with_empty()])
        .check();
    }
    Op::new(
        "add of a tensor to itself",
        &[(3, 4)],
        |tape, x| Ok(vec![Cpu::add(tape, &x[0], &x[0])?]),
        |x| vec![x[0].iter().map(|a| a + a).collect()],
    )
    .check();
}

#[test]
fn scale_multiplies_each_column_by_its_gain() {
    for (n, h) in SIZES {
        Op::new(
            format!("scale [{n}, {h}]"),
            &[(n, h), (1, h)],
            |tape, x| Ok(vec![Cpu::scale(tape, &x[0], &x[1])?]),
            |x| vec![x[0].iter().enumerate().map(|(i, v)| v * x[1][i % h]).collect()],
        )
        .composed(|x| vec![x[0].with_empty() * repeated(&x[1], n)])
        .check();
    }
    Op::new(
        "scale of a row by itself",
        &[(1, 5)],
        |tape, x| Ok(vec![Cpu::scale(tape, &x[0], &x[0])?]),
        |x| vec![x[0].iter().map(|v| v * v).collect()],
    )
    .check();
    Op::new(
        "scale of nothing",
        &[(0, 3), (1, 3)],
        |tape, x| Ok(vec![Cpu::scale(tape, &x[0], &x[1])?]),
        |_| vec![vec![]],
    )
    .check();
}

/// The mask of a dropout, as the operation applies it to ones.
fn mask(count: usize, dropout: Dropout) -> Vec<f32> {
    Cpu::dropout(&mut NoneTape, &tensor(&vec![1.0; count], (1, count)), dropout).unwrap().as_vec()
}

#[test]
fn dropout_multiplies_values_and_gradients_by_the_same_mask() {
    for (n, h) in SIZES {
        for p in [0.0, 0.1, 0.5, 0.9] {
            let dropout = Dropout { p, key: 77 };
            let mask = mask(n * h, dropout);
            Op::new(
                format!("dropout {p} [{n}, {h}]"),
                &[(n, h)],
                |tape, x| Ok(vec![Cpu::dropout(tape, &x[0], dropout)?]),
                |x| vec![x[0].iter().zip(&mask).map(|(x, &m)| x * f64::from(m)).collect()],
            )
            .composed(|x| vec![x[0].with_empty() * tensor(&mask, (n, h))])
            .check();
        }
    }
}

#[test]
fn drop_path_multiplies_whole_runs_of_rows_by_the_mask_of_as_many_elements() {
    for (runs, rows, h) in [(1, 1, 1), (7, 5, 3), (64, 1, 5), (13, 4, 40), (0, 2, 3)] {
        for p in [0.0, 0.1, 0.5, 0.9] {
            let dropout = Dropout { p, key: 77 };
            let mask: Vec<f32> = if runs == 0 { vec![] } else { mask(runs, dropout) };
            let mask: Vec<f32> = mask.iter().flat_map(|&m| vec![m; rows * h]).collect();
            Op::new(
                format!("drop_path {p} of {runs} runs of {rows} rows of {h}"),
                &[(runs * rows, h)],
                |tape, x| Ok(vec![Cpu::drop_path(tape, &x[0], rows, dropout)?]),
                |x| vec![x[0].iter().zip(&mask).map(|(x, &m)| x * f64::from(m)).collect()],
            )
            .check();
        }
    }
}

#[test]
fn dropout_drops_its_share_evenly_and_differently_for_each_key() {
    let count = 1 << 18;
    for p in [0.1_f32, 0.5, 0.8] {
        for key in [0, 1, 2, u64::MAX, 1 << 32, 0x1234_5678_9abc_def0] {
            let mask = mask(count, Dropout { p, key });
            let kept = 1.0 / (1.0 - p);
            assert!(mask.iter().all(|&m| m == 0.0 || m == kept), "p = {p}: only 0 and 1/(1 − p)");
            // Five standard deviations of a binomial, for the whole, for every stride, and for pairs of neighbours.
            let within = |found: usize, of: usize, share: f32, what: &str| {
                let (of, share) = (of as f64, f64::from(share));
                let deviation = (found as f64 - of * share).abs() / (of * share * (1.0 - share)).sqrt();
                assert!(deviation < 5.0, "p = {p}, key {key:x}: {what} is {deviation:.1} deviations off");
            };
            let dropped = |m: &&f32| **m == 0.0;
            within(mask.iter().filter(dropped).count(), count, p, "the share");
            for stride in [2, 3, 64, 128, 512, 768] {
                let column = mask.iter().step_by(stride);
                within(column.clone().filter(dropped).count(), column.len(), p, "the share of a column");
            }
            for distance in [1, 2, 16, 64, 512] {
                let pairs = mask.iter().zip(&mask[distance..]).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
                // Overlapping pairs are not independent: their variance is up to three times the binomial one.
                within(pairs / 2, (count - distance) / 2, p * p, "the share of dropped pairs");
            }
            let other = self::mask(count, Dropout { p, key: key ^ (1 << 40) });
            let both = mask.iter().zip(&other).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            within(both, count, p * p, "what two keys drop together");
        }
    }
}

#[test]
fn a_mask_goes_on_beyond_four_billion_elements_and_does_not_depend_on_where_it_is_cut() {
    let mask = super::super::dropout::Mask::new("test", Dropout { p: 0.5, key: 9 }).unwrap();
    let first = u64::from(u32::MAX) - 9;
    let run = |first: u64, count: usize| {
        let mut values = vec![f32::NAN; count];
        mask.for_each(first, count, |i, m| values[i] = m);
        values
    };
    let whole = run(first, 64);
    for cut in [1, 9, 10, 11, 40] {
        assert_eq!([run(first, cut), run(first + cut as u64, 64 - cut)].concat(), whole, "cut at {cut}");
    }
    assert_ne!(run(0, 64), run(1 << 32, 64));
}
