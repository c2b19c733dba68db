//! Products by themselves: few rows and many, every layout, against sums in f64.

use super::super::gradient::Mode;
use super::super::matmul::{Target, View, product, product_here};
use super::{close, multiply, random, transpose};

/// How `b`, `[I, O]`, lies in memory: as its rows or as its columns.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Rows,
    Columns,
}

/// `scale · a b` (added to what is there) as columns 3.. of rows that are 5 longer.
fn run((n, i, o): (usize, usize, usize), stored: Stored, mode: Mode, here: bool) -> (Vec<f32>, Vec<f64>) {
    let (a, b, mut y) = (random(n * i, 1), random(i * o, 2), random(n * (o + 5), 3));
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&v| f64::from(v)).collect() };
    let b_rows = match stored {
        Stored::Rows => wide(&b),
        Stored::Columns => transpose(&wide(&b), (o, i)),
    };
    let mut want = wide(&y);
    for (k, sum) in multiply(&wide(&a), &b_rows, (n, i, o)).into_iter().enumerate() {
        let y = &mut want[k / o * (o + 5) + 3 + k % o];
        *y = 0.5 * sum + if mode == Mode::Add { *y } else { 0.0 };
    }
    let view = match stored {
        Stored::Rows => View::new(&b, i, o),
        Stored::Columns => View::new(&b, o, i).t(),
    };
    let (target, a) = (Target::block(&mut y, 3, n, o, o + 5), View::new(&a, n, i));
    if here {
        product_here(target, mode, 0.5, a, view)
    } else {
        product(target, mode, 0.5, a, view)
    }
    (y, want)
}

#[test]
fn products_of_any_size_and_layout_are_right_and_have_the_same_bits_on_any_number_of_threads() {
    let mut sizes = vec![(9, 33, 70), (40, 3, 5), (2, 0, 3), (3, 5, 0), (0, 3, 2)];
    for rows in 1..=9 {
        sizes.extend([(rows, 1, 1), (rows, 31, 3), (rows, 64, 33), (rows, 97, 130)]);
    }
    for size in sizes {
        for stored in [Stored::Rows, Stored::Columns] {
            for mode in [Mode::Set, Mode::Add] {
                let name = format!("{size:?}, b by {stored:?}, {mode:?}");
                let (y, want) = run(size, stored, mode, false);
                close(&name, &y, &want, 1e-5);
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    assert_eq!(y, pool.install(|| run(size, stored, mode, false)).0, "{name} on {threads} threads");
                }
                let (y, want) = run(size, stored, mode, true);
                close(&format!("{name} here"), &y, &want, 1e-5);
            }
        }
    }
}

#[test]
#[should_panic(expected = "views lie within their slices")]
fn a_view_beyond_its_slice_is_caught_with_few_rows_too() {
    let (a, b, mut y) = ([1.0; 4], [1.0; 7], [0.0; 2]);
    product(Target::new(&mut y, 1, 2), Mode::Set, 1.0, View::new(&a, 1, 4), View::new(&b, 2, 4).t());
}
