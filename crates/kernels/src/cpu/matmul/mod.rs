//! Matrix products of strided views, behind checked bounds: by `gemm`'s kernels ([`vectors`]), those with few rows by [`few_rows`], large ones by
//! [`tiles`] where the processor has a tile unit or AVX-512. Those of a linear map's backward pass belong together ([`backward`]).

pub(super) mod backward;
mod few_rows;
pub(super) mod rows;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod vectors;

#[cfg(target_arch = "x86_64")]
pub(super) use tiles::has_unit;

use super::activation;
use super::gradient::Mode;
use super::linear::add_to;
use super::parallel;
use crate::{Activation, Precision};
use rayon::prelude::*;
use vectors::{Place, multiply};

/// A matrix in a slice: element (i, j) is at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Contiguous rows.
    pub(super) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows of `columns` elements that begin every `stride` elements, from `offset` on.
    pub(super) fn block(data: &'a [f32], offset: usize, rows: usize, columns: usize, stride: usize) -> Self {
        Self { data: &data[offset.min(data.len())..], rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The transpose.
    pub(super) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of the rows.
    pub(super) fn row_range(self, first: usize, rows: usize) -> Self {
        let offset = (first * self.row_stride).min(self.data.len());
        Self { data: &self.data[offset..], rows, ..self }
    }

    /// Some of the columns.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn column_range(self, first: usize, columns: usize) -> Self {
        self.t().row_range(first, columns).t()
    }

    /// The transpose if `yes`.
    pub(super) fn t_if(self, yes: bool) -> Self {
        if yes { self.t() } else { self }
    }

    /// Number of an element in the slice.
    #[cfg(target_arch = "x86_64")]
    fn index(&self, (row, column): (usize, usize)) -> usize {
        row * self.row_stride + column * self.column_stride
    }

    /// From an element of it on.
    fn place(&self, row: usize, column: usize) -> Place<*const f32> {
        let first = self.data.as_ptr().wrapping_add(row * self.row_stride + column * self.column_stride);
        Place { first, row_stride: self.row_stride, column_stride: self.column_stride }
    }

    fn fits(&self) -> bool {
        fits(self.data.len(), self.rows, self.columns, self.row_stride, self.column_stride)
    }
}

fn fits(length: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * row_stride + (columns - 1) * column_stride < length
}

/// Where a product goes.
pub(super) struct Target<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Target<'a> {
    /// Contiguous rows.
    pub(super) fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows of `columns` elements that begin every `stride` elements, from `offset` on.
    pub(super) fn block(data: &'a mut [f32], offset: usize, rows: usize, columns: usize, stride: usize) -> Self {
        let offset = offset.min(data.len());
        Self { data: &mut data[offset..], rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The transpose if `yes`.
    pub(super) fn t_if(self, yes: bool) -> Self {
        if !yes {
            return self;
        }
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            data: self.data,
        }
    }

    /// Some of the rows.
    pub(super) fn row_range(self, first: usize, rows: usize) -> Self {
        let offset = (first * self.row_stride).min(self.data.len());
        Self { data: &mut self.data[offset..], rows, ..self }
    }

    fn fits(&self) -> bool {
        if self.rows == 0 || self.columns == 0 {
            return true;
        }
        let (small, large) = match self.row_stride < self.column_stride {
            true => ((self.rows, self.row_stride), (self.columns, self.column_stride)),
            false => ((self.columns, self.column_stride), (self.rows, self.row_stride)),
        };
        let distinct = small.1 >= 1 && (large.0 <= 1 || small.0 * small.1 <= large.1);
        distinct && fits(self.data.len(), self.rows, self.columns, self.row_stride, self.column_stride)
    }
}

/// Multiplications that make a task worth handing to another thread: some tenths of a millisecond.
const TASK: usize = if cfg!(test) { 500 } else { 24 << 20 };
/// Most tasks of one product.
const TASKS: usize = 16;
/// A cut lies at a multiple of this: whole tiles of `gemm`'s kernels.
const CUT: usize = if cfg!(test) { 4 } else { 64 };

/// `target = a b` or `target += a b`, over all threads.
///
/// The target is cut by its sizes alone, so that the bits do not depend on the number of threads: across its rows if `a`
/// is a transpose (each task then packs its own part of `a`), else across its columns.
pub(super) fn product(target: Target<'_>, mode: Mode, precision: Precision, a: View<'_>, b: View<'_>) {
    #[cfg(not(target_arch = "x86_64"))]
    let _ = precision; // Every product is in f32 there.
    if few_rows::fits(&target, &a, &b) {
        check(&target, &a, &b);
        return few_rows::product(target, mode, a, b);
    }
    #[cfg(target_arch = "x86_64")]
    if tiles::fits(&target, &a, &b, precision, tiles::Spread::Threads) {
        return tiles::product(target, mode, 1.0, (a, b), precision, tiles::Spread::Threads);
    }
    let by_rows = a.column_stride != 1 || target.columns < 2 * CUT;
    let side = if by_rows { target.rows } else { target.columns };
    let work = target.rows * target.columns * a.columns;
    let tasks = match target.rows <= few_rows::MOST {
        true => a.columns * target.columns / few_rows::TASK,
        false => work / TASK,
    };
    let tasks = tasks.min(side / CUT).clamp(1, TASKS);
    let product = Product::new(target, mode, 1.0, a, b);
    if tasks == 1 {
        return product.run((0, product.output.rows), (0, product.output.columns));
    }
    let units = side.div_ceil(CUT);
    let cut = |task: usize| (units * task / tasks * CUT).min(side);
    (0..tasks).into_par_iter().for_each(|task| {
        let range = (cut(task), cut(task + 1));
        if by_rows {
            product.run(range, (0, product.output.columns));
        } else {
            product.run((0, product.output.rows), range);
        }
    });
}

/// What is made of a product where it is written.
pub(super) struct Finish<'a> {
    /// Added to each row.
    pub(super) bias: Option<&'a [f32]>,
    /// A function of the product with its bias, and where that goes: rows next to each other, as many as the target has.
    pub(super) activated: Option<(Activation, &'a mut [f32])>,
}

/// `target = a [b₁ b₂ …]` with what is made of it, over all threads; rows of the target lie in one piece, and next to each other if it
/// is activated.
pub(super) fn product_finished(
    target: Target<'_>,
    finish: Finish<'_>,
    precision: Precision,
    (a, b): (View<'_>, &[View<'_>]),
) {
    let Finish { bias, activated } = finish;
    let columns = target.columns;
    let together = target.row_stride == columns && activated.as_ref().is_none_or(|(_, y)| y.len() == target.data.len());
    assert!(target.column_stride == 1, "rows lie in one piece");
    assert!(b.iter().map(|b| b.columns).sum::<usize>() == columns, "an operation sets its products' sizes");
    assert!(bias.is_none_or(|bias| bias.len() == columns), "a bias is as long as a row");
    assert!(activated.is_none() || together, "one element is made of each of the product");
    #[cfg(target_arch = "x86_64")]
    if tiles::fits_finished(&target, &a, b, precision) {
        return tiles::finished(target, Finish { bias, activated }, (a, b), precision);
    }
    let Target { data, rows, row_stride, .. } = target;
    let mut first = 0;
    for b in b {
        product(Target::block(data, first, rows, b.columns, row_stride), Mode::Set, precision, a, *b);
        first += b.columns;
    }
    if rows > 0 && columns > 0 {
        let whole = ((rows - 1) * row_stride + columns).next_multiple_of(row_stride).min(data.len());
        match (bias, activated) {
            (bias, Some((kind, y))) => parallel::rows2((y, columns), (data, columns), |_, y, data| {
                for (y, data) in y.chunks_exact_mut(columns).zip(data.chunks_exact_mut(columns)) {
                    if let Some(bias) = bias {
                        add_to(data, bias);
                    }
                    activation::forward(kind, data, y);
                }
            }),
            (Some(bias), None) => parallel::rows(&mut data[..whole], row_stride, |_, data| {
                data.chunks_mut(row_stride).for_each(|row| add_to(&mut row[..columns], bias));
            }),
            (None, None) => {}
        }
    }
}

/// `target = scale · a b` or `target += scale · a b` on this thread alone, for use inside a task.
pub(super) fn product_here(
    target: Target<'_>,
    mode: Mode,
    precision: Precision,
    scale: f32,
    (a, b): (View<'_>, View<'_>),
) {
    #[cfg(not(target_arch = "x86_64"))]
    let _ = precision;
    #[cfg(target_arch = "x86_64")]
    if tiles::fits(&target, &a, &b, precision, tiles::Spread::Here) {
        return tiles::product(target, mode, scale, (a, b), precision, tiles::Spread::Here);
    }
    let product = Product::new(target, mode, scale, a, b);
    product.run((0, product.output.rows), (0, product.output.columns));
}

fn check(target: &Target<'_>, a: &View<'_>, b: &View<'_>) {
    let sizes = a.rows == target.rows && b.columns == target.columns && b.rows == a.columns;
    assert!(sizes, "an operation sets its products' sizes");
    assert!(a.fits() && b.fits() && target.fits(), "views lie within their slices");
}

/// Where a product goes, when its bounds have been checked.
struct Output<'a> {
    target: *mut f32,
    rows: usize,
    columns: usize,
    strides: (usize, usize),
    mode: Mode,
    scale: f32,
    borrow: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: `piece` and `Product::run` give access only to the elements they are asked for, and their callers give no two threads the
// same one.
#[allow(unsafe_code)]
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    fn new(target: Target<'a>, mode: Mode, scale: f32) -> Self {
        assert!(target.fits(), "a target lies within its slice");
        let (rows, columns) = (target.rows, target.columns);
        let strides = (target.row_stride, target.column_stride);
        let borrow = std::marker::PhantomData;
        Self { target: target.data.as_mut_ptr(), rows, columns, strides, mode, scale, borrow }
    }

    /// Part of a row of a target whose rows lie in one piece.
    ///
    /// Callers give no two threads the same element.
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, clippy::mut_from_ref)]
    fn piece(&self, row: usize, column: usize, columns: usize) -> &mut [f32] {
        assert!(
            row < self.rows && column + columns <= self.columns && self.strides.1 == 1,
            "a part lies within its product"
        );
        // SAFETY: by the asserts of `new` and the one above the piece lies in the target, which is borrowed mutably for 'a; the
        // contract above keeps pieces apart.
        unsafe { std::slice::from_raw_parts_mut(self.target.add(row * self.strides.0 + column), columns) }
    }
}

/// A product whose bounds have been checked.
struct Product<'a> {
    output: Output<'a>,
    a: View<'a>,
    b: View<'a>,
}

impl<'a> Product<'a> {
    fn new(target: Target<'a>, mode: Mode, scale: f32, a: View<'a>, b: View<'a>) -> Self {
        check(&target, &a, &b);
        Self { output: Output::new(target, mode, scale), a, b }
    }

    /// Some rows and columns of the target.
    #[allow(unsafe_code)]
    fn run(&self, (row, row_end): (usize, usize), (column, column_end): (usize, usize)) {
        let Output { target, rows, columns, strides, mode, scale, .. } = self.output;
        assert!(row_end <= rows && column_end <= columns, "a part lies within its product");
        if row >= row_end || column >= column_end {
            return;
        }
        let (a, b) = (self.a, self.b);
        // SAFETY: by the asserts of `new`, every element that `multiply` addresses, (i, j) with i < rows and j < columns at
        // i · row stride + j · column stride, is inside its slice, and no two elements of the target are the same one;
        // by the one above, this part is within the whole. The target is borrowed mutably for 'a, so it overlaps
        // neither input.
        unsafe {
            let first = target.add(row * strides.0 + column * strides.1);
            multiply(
                [row_end - row, column_end - column, a.columns],
                Place { first, row_stride: strides.0, column_stride: strides.1 },
                mode == Mode::Add,
                a.place(row, 0),
                b.place(0, column),
                scale,
            );
        }
    }
}
