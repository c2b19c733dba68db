//! Matrix products of strided views by the `gemm` crate, behind checked bounds.

use super::gradient::Mode;
use gemm::Parallelism;

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

    /// The transpose if `yes`.
    pub(super) fn t_if(self, yes: bool) -> Self {
        if yes { self.t() } else { self }
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
        let (small, large) = match self.row_stride < self.column_stride {
            true => ((self.rows, self.row_stride), (self.columns, self.column_stride)),
            false => ((self.columns, self.column_stride), (self.rows, self.row_stride)),
        };
        let distinct = small.1 >= 1 && (large.0 <= 1 || small.0 * small.1 <= large.1);
        distinct && fits(self.data.len(), self.rows, self.columns, self.row_stride, self.column_stride)
    }
}

/// `target = scale · a b` or `target += scale · a b`, over all threads.
pub(super) fn product(target: Target<'_>, mode: Mode, scale: f32, a: View<'_>, b: View<'_>) {
    run(target, mode, scale, a, b, Parallelism::Rayon(0));
}

/// The same on this thread alone, for use inside a task.
pub(super) fn product_here(target: Target<'_>, mode: Mode, scale: f32, a: View<'_>, b: View<'_>) {
    run(target, mode, scale, a, b, Parallelism::None);
}

#[allow(unsafe_code)]
fn run(target: Target<'_>, mode: Mode, scale: f32, a: View<'_>, b: View<'_>, parallelism: Parallelism) {
    let (m, n, k) = (target.rows, target.columns, a.columns);
    assert!(a.rows == m && b.columns == n && b.rows == k, "sizes of a product are set by its operation");
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.fits() && b.fits() && target.fits(), "views lie within their slices");
    // SAFETY: the asserts above: every element that `gemm` addresses, (i, j) with i < rows and j < columns at
    // i · row stride + j · column stride, is inside its slice, and no two of `target` are the same one; `target` is
    // borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            target.data.as_mut_ptr(),
            target.column_stride as isize,
            target.row_stride as isize,
            mode == Mode::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}
