//! Products by themselves: few rows and many, every layout, against sums in f64.

use super::super::activation;
use super::super::gradient::Mode;
use super::super::matmul::{Finish, Target, View, product, product_finished, product_here};
use super::{close, multiply, random, transpose};
use crate::{Activation, Precision};

/// How `b`, `[I, O]`, lies in memory: as its rows or as its columns.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Rows,
    Columns,
}

/// `scale · a b` (added to what is there) as columns 3.. of rows that are 5 longer.
fn run((n, i, o): (usize, usize, usize), stored: Stored, mode: Mode, here: bool) -> (Vec<f32>, Vec<f64>) {
    let scale = if here { 0.5 } else { 1.0 };
    let (a, b, mut y) = (random(n * i, 1), random(i * o, 2), random(n * (o + 5), 3));
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&v| f64::from(v)).collect() };
    let b_rows = match stored {
        Stored::Rows => wide(&b),
        Stored::Columns => transpose(&wide(&b), (o, i)),
    };
    let mut want = wide(&y);
    for (k, sum) in multiply(&wide(&a), &b_rows, (n, i, o)).into_iter().enumerate() {
        let y = &mut want[k / o * (o + 5) + 3 + k % o];
        *y = scale * sum + if mode == Mode::Add { *y } else { 0.0 };
    }
    let view = match stored {
        Stored::Rows => View::new(&b, i, o),
        Stored::Columns => View::new(&b, o, i).t(),
    };
    let (target, a) = (Target::block(&mut y, 3, n, o, o + 5), View::new(&a, n, i));
    if here {
        product_here(target, mode, Precision::F32, scale as f32, (a, view))
    } else {
        product(target, mode, Precision::F32, a, view)
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
    product(Target::new(&mut y, 1, 2), Mode::Set, Precision::F32, View::new(&a, 1, 4), View::new(&b, 2, 4).t());
}

/// Which of the functions computes a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Product(Mode),
    Biased,
    /// Half of it, added.
    Here,
}

/// Matrices for `[N, O] = [N, I] [I, O]`, each by rows or by columns; the target too, inside rows (or columns) that are 5 longer.
fn large(
    (n, i, o): (usize, usize, usize),
    stored: [Stored; 3],
    way: Way,
    precision: Precision,
) -> (Vec<f32>, Vec<f64>) {
    let (mut a, mut b, mut y) = (random(n * i, 4), random(i * o, 5), random((n + 5) * (o + 5), 6));
    let bias = random(o, 7);
    if precision == Precision::Bf16 {
        // Numbers that bf16 holds: what is rounded is known, and the sums are as exact as in f32.
        a.iter_mut().chain(&mut b).for_each(|x| *x = f32::from_bits(x.to_bits() & 0xffff_0000));
    }
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&v| f64::from(v)).collect() };
    let by_rows = |x: &[f32], (rows, columns), stored| match stored {
        Stored::Rows => wide(x),
        Stored::Columns => transpose(&wide(x), (columns, rows)),
    };
    let sums = multiply(&by_rows(&a, (n, i), stored[0]), &by_rows(&b, (i, o), stored[1]), (n, i, o));
    let view = |x, rows, columns, stored| match stored {
        Stored::Rows => View::new(x, rows, columns),
        Stored::Columns => View::new(x, columns, rows).t(),
    };
    let mut want = wide(&y);
    for (k, sum) in sums.into_iter().enumerate() {
        let at = match stored[2] {
            Stored::Rows => k / o * (o + 5) + 3 + k % o,
            Stored::Columns => k % o * (n + 5) + 3 + k / o,
        };
        want[at] = match way {
            Way::Product(Mode::Set) => sum,
            Way::Product(Mode::Add) => want[at] + sum,
            Way::Biased => sum + f64::from(bias[k % o]),
            Way::Here => want[at] + 0.5 * sum,
        };
    }
    let target = match stored[2] {
        Stored::Rows => Target::block(&mut y, 3, n, o, o + 5),
        Stored::Columns => Target::block(&mut y, 3, o, n, n + 5).t_if(true),
    };
    let (a, b) = (view(&a, n, i, stored[0]), view(&b, i, o, stored[1]));
    match way {
        Way::Product(mode) => product(target, mode, precision, a, b),
        Way::Biased => product_finished(target, Finish { bias: Some(&bias), activated: None }, precision, (a, &[b])),
        Way::Here => product_here(target, Mode::Add, precision, 0.5, (a, b)),
    }
    (y, want)
}

#[test]
fn large_products_are_right_in_every_layout_and_have_the_same_bits_on_any_number_of_threads() {
    // Past a strip, a step, a slab and a block on each side, and whole numbers of them; an odd inner axis ends in half a pair.
    let sizes = [(0, 40, 0), (33, 32, 33), (64, 64, 96), (97, 131, 40), (130, 33, 200), (40, 200, 131), (17, 47, 100)];
    for size in sizes {
        for layouts in 0..8 {
            let stored = [1, 2, 4].map(|bit| if layouts & bit == 0 { Stored::Rows } else { Stored::Columns });
            for (way, precision) in [
                (Way::Product(Mode::Set), Precision::F32),
                (Way::Product(Mode::Add), Precision::F32),
                (Way::Product(Mode::Add), Precision::Bf16),
                (Way::Biased, Precision::F32),
                (Way::Biased, Precision::Bf16),
                (Way::Here, Precision::F32),
                (Way::Here, Precision::Bf16),
            ] {
                if way == Way::Biased && matches!(stored[2], Stored::Columns) {
                    continue;
                }
                let name = format!("{size:?}, {stored:?}, {way:?}, {precision:?}");
                let (y, want) = large(size, stored, way, precision);
                close(&name, &y, &want, 1e-6);
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let again = pool.install(|| large(size, stored, way, precision)).0;
                    assert_eq!(y, again, "{name} on {threads} threads");
                }
            }
        }
    }
}

#[test]
fn a_product_is_activated_element_by_element_with_and_without_a_bias() {
    // Through tiles and not, with one slab along the inner axis and with several.
    for (n, i, o) in [(3, 5, 7), (64, 64, 96), (97, 131, 40), (40, 40, 131)] {
        for (precision, has_bias) in [(Precision::F32, true), (Precision::F32, false), (Precision::Bf16, true)] {
            let (a, b, bias) = (random(n * i, 1), random(i * o, 2), random(o, 3));
            let (bias, a, b) = (has_bias.then_some(&bias[..]), View::new(&a, n, i), View::new(&b, i, o));
            let [mut plain, mut before, mut after, mut want] = [(); 4].map(|()| vec![f32::NAN; n * o]);
            product_finished(Target::new(&mut plain, n, o), Finish { bias, activated: None }, precision, (a, &[b]));
            let activated = Some((Activation::Gelu, &mut after[..]));
            product_finished(Target::new(&mut before, n, o), Finish { bias, activated }, precision, (a, &[b]));
            activation::forward(Activation::Gelu, &plain, &mut want);
            assert_eq!((before, after), (plain, want), "{n} × {i} × {o}, {precision:?}, bias: {has_bias}");
        }
    }
}
