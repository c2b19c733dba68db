//! Lookups and their scatter-add.

use super::{Op, WithEmpty, multiply, tensor};
use crate::{Cpu, Kernels, NO_ROW, NoneTape};
use dfdx::tensor::OwnedTape;
use dfdx::tensor_ops::TryMatMul;

/// The ids as rows of a `[N, V]` selection matrix; that of no row is zero.
fn one_hot(ids: &[u32], rows: usize) -> Vec<f32> {
    let mut picks = vec![0.0; ids.len() * rows];
    let named = ids.iter().enumerate().filter(|(_, id)| **id != NO_ROW);
    named.for_each(|(n, &id)| picks[n * rows + id as usize] = 1.0);
    picks
}

#[test]
fn embedding_is_the_sum_of_the_rows_and_scatters_back_however_often_an_id_comes() {
    const NO: u32 = NO_ROW;
    let cases: [(usize, usize, Vec<u32>); 8] = [
        (1, 1, vec![0]),
        (3, 5, vec![2, 2, 2, 0, 2]),
        (7, 17, vec![6, 1, 5, 1, 0, 6, 6, 3]),
        (5, 64, (0..31).map(|i| i * i % 5).collect()),
        (2, 3, vec![]),
        (3, 5, vec![NO, 2, NO, NO, 0, 2, NO]),
        (4, 37, vec![NO; 6]),
        (400, 3, vec![NO, NO, 399, NO, 7]),
    ];
    for (rows, width, ids) in cases {
        // The second table, of four rows, is missed by every fifth position.
        let positions: Vec<u32> = (0..ids.len() as u32).map(|i| if i % 5 == 4 { NO } else { i % 4 }).collect();
        let n = ids.len();
        let pick = |x: &[f64], ids: &[u32], rows: usize| {
            let picks: Vec<f64> = one_hot(ids, rows).iter().map(|&v| f64::from(v)).collect();
            multiply(&picks, x, (ids.len(), rows, width))
        };
        let op = Op::new(
            format!("embedding of {n} ids in {rows}×{width}"),
            &[(rows, width), (4, width)],
            |tape, x| Ok(vec![Cpu::embedding(tape, &[(&x[0], &ids), (&x[1], &positions)])?]),
            |x| {
                let second = pick(&x[1], &positions, 4);
                vec![pick(&x[0], &ids, rows).iter().zip(&second).map(|(a, b)| a + b).collect()]
            },
        );
        if n == 0 {
            op.check();
            continue;
        }
        op.composed(|x| {
            let of = |ids: &[u32], k: usize, rows: usize| {
                let picks = tensor(&one_hot(ids, rows), (n, rows)).retaped::<OwnedTape<f32, Cpu>>();
                picks.matmul(x[k].with_empty())
            };
            vec![of(&ids, 0, rows) + of(&positions, 1, 4)]
        })
        .check();
    }
}

#[test]
fn a_table_used_twice_gets_the_sum_of_both_gradients() {
    Op::new(
        "embedding with one table twice",
        &[(3, 2)],
        |tape, x| Ok(vec![Cpu::embedding(tape, &[(&x[0], &[0, 2]), (&x[0], &[2, 1])])?]),
        |x| {
            let row = |id: usize, k: usize| x[0][id * 2 + k];
            vec![vec![row(0, 0) + row(2, 0), row(0, 1) + row(2, 1), row(2, 0) + row(1, 0), row(2, 1) + row(1, 1)]]
        },
    )
    .check();
}

#[test]
fn rows_of_two_tables_interleave_and_what_neither_gives_is_zero() {
    // A class token before the two patches of each of three sequences, and a gap after them.
    let sequence = |s: u32| [NO_ROW, 2 * s, 2 * s + 1, NO_ROW];
    let patches: Vec<u32> = (0..3).flat_map(sequence).collect();
    let class: Vec<u32> = (0..3).flat_map(|_| [0, NO_ROW, NO_ROW, NO_ROW]).collect();
    Op::new(
        "a class token and patches",
        &[(1, 3), (6, 3)],
        |tape, x| Ok(vec![Cpu::embedding(tape, &[(&x[0], &class), (&x[1], &patches)])?]),
        |x| {
            let rows = x[1].chunks(6).flat_map(|pair| [&x[0][..], pair, &[0.0; 3]].concat());
            vec![rows.collect()]
        },
    )
    .check();
    let x = tensor(&[f32::NAN; 4], (2, 2));
    let y = Cpu::embedding(&mut NoneTape, &[(&x, &[NO_ROW, NO_ROW])]).unwrap();
    assert_eq!(y.as_vec(), [0.0; 4]);
}
