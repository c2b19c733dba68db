//! The products of a linear map's backward pass together, and the product of one matrix with several: past a strip, a step, a slab and
//! a block on each side, against sums in f64.

use super::super::activation;
use super::super::gradient::Mode;
use super::super::matmul::backward::{Backward, Map, OfOutputs};
use super::super::matmul::{Finish, Target, View, product_finished};
use super::{close, multiply, random, transpose};
use crate::{Activation, Layout, Precision};

struct Case {
    tokens: usize,
    inputs: usize,
    outputs: &'static [usize],
    layout: Layout,
    mode: Mode,
    activated: Option<Activation>,
    precision: Precision,
}

/// Numbers that bf16 holds, so that sums of their products are as exact as in f32.
fn short(count: usize, seed: u64) -> Vec<f32> {
    random(count, seed).into_iter().map(|x| f32::from_bits(x.to_bits() & 0xffff_0000)).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

/// `columns` of rows that are `stride` long, from `offset` on.
fn columns(x: &[f32], (offset, columns, stride): (usize, usize, usize)) -> Vec<f32> {
    x.chunks_exact(stride).flat_map(|row| &row[offset..offset + columns]).copied().collect()
}

impl Case {
    fn name(&self) -> String {
        let Self { tokens, inputs, outputs, layout, mode, activated, precision } = self;
        format!("[{tokens}, {inputs}] to {outputs:?}, {layout:?}, {mode:?}, {activated:?}, {precision:?}")
    }

    fn begun(&self, length: usize, seed: u64) -> Vec<f32> {
        if self.mode == Mode::Set { vec![f32::NAN; length] } else { random(length, seed) }
    }

    /// dx, then dW and db of each map: as it is, and as it should be. The last of several maps has no bias.
    fn run(&self) -> Vec<(Vec<f32>, Vec<f64>)> {
        let Self { tokens, inputs, outputs, layout, mode, activated, precision } = *self;
        let width: usize = outputs.iter().sum();
        let (x, dy, z) = (short(tokens * inputs, 1), short(tokens * width, 2), random(tokens * width, 3));
        let mut dz = dy.clone();
        if let Some(kind) = activated {
            activation::backward_in_place(kind, &z, &mut dz);
        }
        let has_bias = |map: usize| map == 0 || map + 1 < outputs.len();
        let seed = |map: usize, what: u64| 10 * map as u64 + what;
        let weights: Vec<_> = (0..outputs.len()).map(|i| short(inputs * outputs[i], seed(i, 4))).collect();
        let begun = |length, map, what| self.begun(length, seed(map, what));
        let mut sums: Vec<_> =
            (0..outputs.len()).map(|i| (begun(inputs * outputs[i], i, 5), begun(outputs[i], i, 6))).collect();
        let mut dx = self.begun(tokens * inputs, 7);

        let mut wanted = vec![if mode == Mode::Set { vec![0.0; dx.len()] } else { wide(&dx) }];
        let mut offset = 0;
        for (i, &outputs) in outputs.iter().enumerate() {
            let dy = wide(&columns(&dz, (offset, outputs, width)));
            let in_out = match layout {
                Layout::OutIn => transpose(&wide(&weights[i]), (outputs, inputs)),
                Layout::InOut => wide(&weights[i]),
            };
            let dx = multiply(&dy, &transpose(&in_out, (inputs, outputs)), (tokens, outputs, inputs));
            wanted[0].iter_mut().zip(dx).for_each(|(sum, dx)| *sum += dx);
            let dw = match layout {
                Layout::OutIn => multiply(&transpose(&dy, (tokens, outputs)), &wide(&x), (outputs, tokens, inputs)),
                Layout::InOut => multiply(&transpose(&wide(&x), (tokens, inputs)), &dy, (inputs, tokens, outputs)),
            };
            let db = multiply(&vec![1.0; tokens], &dy, (1, tokens, outputs));
            for (sum, begun) in [(dw, &sums[i].0), (db, &sums[i].1)] {
                let begun = begun.iter().map(|&b| if mode == Mode::Set { 0.0 } else { f64::from(b) });
                wanted.push(sum.into_iter().zip(begun).map(|(sum, begun)| sum + begun).collect());
            }
            offset += outputs;
        }

        let maps = weights.iter().zip(&mut sums).enumerate().map(|(i, (weight, (dw, db)))| Map {
            weight,
            layout,
            outputs: outputs[i],
            d_weight: (dw, mode),
            d_bias: has_bias(i).then_some((&mut db[..], mode)),
        });
        let mut given = dy.clone();
        let dy = match activated {
            Some(kind) => OfOutputs::Activated(&mut given, kind, &z),
            None => OfOutputs::Linear(&dy),
        };
        Backward { dy, x: &x, tokens, inputs, maps: maps.collect(), dx: (&mut dx, mode), precision }.run();

        let mut wanted = wanted.into_iter();
        let mut results = vec![(dx, wanted.next().unwrap())];
        for (i, (dw, db)) in sums.into_iter().enumerate() {
            results.push((dw, wanted.next().unwrap()));
            let want = wanted.next().unwrap();
            if has_bias(i) {
                results.push((db, want));
            }
        }
        results
    }
}

#[test]
fn gradients_of_maps_side_by_side_are_right_and_have_the_same_bits_on_any_number_of_threads() {
    // Past a slab of tokens and of outputs; maps that end with a strip, and some that do not; too small for tiles.
    let sizes: [(usize, usize, &[usize]); 5] =
        [(197, 100, &[130]), (100, 70, &[64, 96, 40]), (97, 33, &[33, 50]), (64, 32, &[32, 32]), (5, 3, &[4, 2])];
    for (tokens, inputs, outputs) in sizes {
        for layout in [Layout::OutIn, Layout::InOut] {
            for mode in [Mode::Set, Mode::Add] {
                for (precision, activated) in [
                    (Precision::F32, None),
                    (Precision::F32, Some(Activation::Gelu)),
                    (Precision::F32, Some(Activation::Silu)),
                    (Precision::Bf16, None),
                ] {
                    let case = Case { tokens, inputs, outputs, layout, mode, activated, precision };
                    let name = case.name();
                    let results = case.run();
                    for (i, (got, want)) in results.iter().enumerate() {
                        close(&format!("{name}, result {i}"), got, want, 1e-5);
                    }
                    for threads in [1, 3] {
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        assert_eq!(pool.install(|| case.run()), results, "{name} on {threads} threads");
                    }
                }
            }
        }
    }
}

#[test]
fn a_slope_is_taken_before_a_gradient_is_rounded_to_bf16() {
    let (layout, mode, activated) = (Layout::InOut, Mode::Set, Some(Activation::Gelu));
    let case = Case { tokens: 150, inputs: 64, outputs: &[100], layout, mode, activated, precision: Precision::Bf16 };
    for (got, want) in case.run() {
        close("in bf16", &got, &want, 1e-2);
    }
}

#[test]
fn a_product_with_matrices_side_by_side_is_the_products_with_each() {
    let (rows, inner) = (130, 70);
    for widths in [&[64, 96, 40][..], &[32, 32], &[33, 50], &[100]] {
        for precision in [Precision::F32, Precision::Bf16] {
            let width: usize = widths.iter().sum();
            let (a, bias) = (short(rows * inner, 1), random(width, 2));
            let parts: Vec<_> = widths.iter().map(|&width| short(inner * width, width as u64)).collect();
            let (mut y, mut want) = (vec![f32::NAN; rows * width], vec![0.0; rows * width]);
            let mut offset = 0;
            for (part, &columns) in parts.iter().zip(widths) {
                let product = multiply(&wide(&a), &wide(part), (rows, inner, columns));
                for (k, v) in product.into_iter().enumerate() {
                    let column = offset + k % columns;
                    want[k / columns * width + column] = v + f64::from(bias[column]);
                }
                offset += columns;
            }
            let views: Vec<_> = parts.iter().zip(widths).map(|(part, &width)| View::new(part, inner, width)).collect();
            let finish = Finish { bias: Some(&bias), activated: None };
            product_finished(Target::new(&mut y, rows, width), finish, precision, (View::new(&a, rows, inner), &views));
            close(&format!("{widths:?}, {precision:?}"), &y, &want, 1e-5);
        }
    }
}
