//! A gradient packed for both products of a backward pass while it goes by once, with what else is made of it then.

#![allow(unsafe_code)]

use super::super::super::linear::add_to;
use super::super::super::simd::ask_for;
use super::super::super::{activation, parallel};
use super::super::View;
use super::pack::{Cells, Packed, STEP, STRIP, Side, has_instructions, load, pack_step};
use crate::Activation;
use std::arch::x86_64::*;

/// What goes through a gradient as it is packed.
pub(super) struct GradientPass<'a> {
    /// `[N, O]`.
    pub(super) gradient: View<'a>,
    /// An activation's arguments, as large: the gradient is multiplied by its slope first.
    pub(super) activated: Option<(Activation, View<'a>)>,
    /// On which side its transpose stands in the product over rows.
    pub(super) side: Side,
    /// Whether the sum over its rows is wanted.
    pub(super) is_summed: bool,
}

/// Rows and columns of a task, and columns that are multiplied by the slope at a time.
const TASK: (usize, usize) = if cfg!(test) { (32, 64) } else { (64, 1024) };
const WIDTH: usize = if cfg!(test) { 64 } else { 128 };

impl GradientPass<'_> {
    /// The gradient as a left matrix, its transpose on its side, and the sum over its rows if it is wanted: by groups of rows, in one
    /// order.
    pub(super) fn pack<const P: usize>(&self, at_once: usize) -> (Packed, Packed, Vec<f32>) {
        assert!(has_instructions(P), "what decides for tiles asks for what the processor has");
        let (rows, columns) = (self.gradient.rows, self.gradient.columns);
        let (strips, steps) = (rows.div_ceil(STRIP), columns.div_ceil(STEP));
        let mut by_rows = Packed::unwritten(strips, steps, at_once, P);
        let mut by_columns = Packed::unwritten(steps, strips, at_once, P);
        let cells = (by_rows.cells(), by_columns.cells());
        let (down, across) = (rows.div_ceil(TASK.0), columns.div_ceil(TASK.1));
        let sums = parallel::collect(down * across, |task| {
            let (row, column) = (task % down * TASK.0, task / down * TASK.1);
            let (row_end, column_end) = ((row + TASK.0).min(rows), (column + TASK.1).min(columns));
            // SAFETY: by the assert the processor has the instructions; the tasks' parts, and so their cells, are apart.
            unsafe { self.part::<P>((row, row_end), (column, column_end), (&cells.0, &cells.1)) }
        });
        let mut sum = Vec::with_capacity(if self.is_summed { columns } else { 0 });
        for groups in sums.chunks(down).filter(|_| self.is_summed) {
            let begin = sum.len();
            sum.extend_from_slice(&groups[0]);
            groups[1..].iter().for_each(|group| add_to(&mut sum[begin..], group));
        }
        (by_rows, by_columns, sum)
    }

    /// Some rows and columns; the sum over these rows if it is wanted.
    ///
    /// # Safety
    /// This processor has the instructions, and nobody else packs these rows and columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn part<const P: usize>(
        &self,
        (row, row_end): (usize, usize),
        (column, column_end): (usize, usize),
        cells: (&Cells<'_>, &Cells<'_>),
    ) -> Vec<f32> {
        let mut sum = vec![0.0; if self.is_summed { column_end - column } else { 0 }];
        let mut product = [0.0; STRIP * WIDTH];
        for row in (row..row_end).step_by(STRIP) {
            for first in (column..column_end).step_by(WIDTH) {
                let width = WIDTH.min(column_end - first);
                let rows = STRIP.min(row_end - row);
                let part = self.gradient.row_range(row, rows).column_range(first, width);
                let part = match self.activated {
                    None => part,
                    Some((kind, z)) => {
                        let z = z.row_range(row, rows).column_range(first, width);
                        with_slope(kind, part, z, &mut product);
                        View::block(&product, 0, rows, width, WIDTH)
                    }
                };
                // What is not yet in a near cache is asked for; the product with a slope is there.
                let ahead = if self.activated.is_none() { WIDTH } else { 0 };
                for step in (0..width).step_by(STEP) {
                    let (strip, at) = (row / STRIP, (first + step) / STEP);
                    // SAFETY: as this function says.
                    let (by_rows, by_columns) = unsafe { (cells.0.get(strip, at), cells.1.get(at, strip)) };
                    pack_step::<P>(part, (0, step), Side::Left, by_rows, ahead);
                    pack_step::<P>(part.t(), (step, 0), self.side, by_columns, 0);
                }
                if self.is_summed {
                    add_rows(part, &mut sum[first - column..][..width]);
                }
            }
        }
        sum
    }
}

/// `product = gradient · f'(z)`, rows of WIDTH.
fn with_slope(kind: Activation, gradient: View<'_>, z: View<'_>, product: &mut [f32]) {
    for (row, product) in product.chunks_exact_mut(WIDTH).take(gradient.rows).enumerate() {
        let (begin, columns) = (gradient.index((row, 0)), gradient.columns);
        for (view, begin) in [(&gradient, begin), (&z, z.index((row, 0)))] {
            (begin + WIDTH..begin + WIDTH + columns).step_by(16).for_each(|next| ask_for(view.data, next));
        }
        product[..columns].copy_from_slice(&gradient.data[begin..][..columns]);
        activation::backward_in_place(kind, &z.data[z.index((row, 0))..][..columns], &mut product[..columns]);
    }
}

/// `sum += Σ_n rows`, one row after the other.
#[target_feature(enable = "avx512f")]
fn add_rows(rows: View<'_>, sum: &mut [f32]) {
    for (i, sum) in sum.chunks_mut(16).enumerate() {
        let mut lanes = load(sum, 0, sum.len());
        for row in 0..rows.rows {
            lanes = _mm512_add_ps(lanes, load(rows.data, rows.index((row, 16 * i)), sum.len()));
        }
        let mask = if sum.len() == 16 { u16::MAX } else { (1 << sum.len()) - 1 };
        // SAFETY: the mask lets through what lies in the sum.
        unsafe { _mm512_mask_storeu_ps(sum.as_mut_ptr(), mask, lanes) };
    }
}
