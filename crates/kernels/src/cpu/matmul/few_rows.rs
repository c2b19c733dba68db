//! Products of few rows with a transpose, as when text is generated token by token with weights `[O, I]`: every weight is read
//! once for a handful of multiplications, so that the memory's speed is the limit. `gemm` would first bring such weights into
//! another order; here they are read where they lie. For weights `[I, O]` it does as well.
//!
//! Each element of the result is one sum in one fixed order, so that the bits depend neither on the threads nor on the cuts.

use super::super::gradient::Mode;
use super::super::simd::{LANES, fold, vectorised};
use super::{Target, View};
use rayon::prelude::*;

/// Most rows that go this way.
pub(super) const MOST: usize = 8;
/// Elements of `b` that make a task worth handing to another thread: some hundredths of a millisecond.
pub(super) const TASK: usize = if cfg!(test) { 100 } else { 128 << 10 };
/// Columns of a task are a multiple of this: whole cache lines of the target.
const CUT: usize = if cfg!(test) { 4 } else { 16 };

/// Whether `target = a b` can go this way: rows of `a` and of the target lie in one piece each, and so do columns of `b`.
pub(super) fn fits(target: &Target<'_>, a: &View<'_>, b: &View<'_>) -> bool {
    (1..=MOST).contains(&target.rows)
        && target.columns > 0
        && a.columns > 0
        && target.column_stride == 1
        && a.column_stride == 1
        && b.row_stride == 1
}

/// `target = a b` or `target += a b` for views that have been checked, and that [`fits`] has accepted.
pub(super) fn product(target: Target<'_>, mode: Mode, a: View<'_>, b: View<'_>) {
    let (rows, columns) = (target.rows, target.columns);
    // A single row may say anything about where the next one would begin.
    let stride = if rows == 1 { columns } else { target.row_stride };
    let tasks = (b.rows * columns / TASK).max(1);
    let width = columns.div_ceil(tasks).next_multiple_of(CUT);
    // The target's rows are cut into the columns of each task.
    let mut parts: Vec<Part<'_>> = Vec::new();
    parts.resize_with(columns.div_ceil(width), Part::default);
    for (row, data) in target.data.chunks_mut(stride).take(rows).enumerate() {
        for (part, columns) in parts.iter_mut().zip(data[..columns].chunks_mut(width)) {
            part[row] = columns;
        }
    }
    let work = |(task, part): (usize, &mut Part<'_>)| {
        columns_of(&mut part[..rows], mode, a, b, task * width);
    };
    if parts.len() == 1 {
        parts.iter_mut().enumerate().for_each(work);
    } else {
        parts.par_iter_mut().enumerate().for_each(work);
    }
}

/// The same columns of each row of the target.
type Part<'a> = [&'a mut [f32]; MOST];

/// Sums of R rows of `a` times one column of `b`, all in one piece.
#[inline(always)]
fn dots<const R: usize>(a: [&[f32]; R], b: &[f32]) -> [f32; R] {
    let (chunks, rest) = b.as_chunks::<LANES>();
    let a = a.map(|a| a[..b.len()].as_chunks::<LANES>());
    let mut lanes = [[0.0; LANES]; R];
    for (n, b) in chunks.iter().enumerate() {
        let a = a.map(|(chunks, _)| &chunks[n]);
        for i in 0..LANES {
            for r in 0..R {
                lanes[r][i] = a[r][i].mul_add(b[i], lanes[r][i]);
            }
        }
    }
    // The rest by itself: an index into `lanes` that is not known beforehand would keep them out of the registers.
    let mut sums = lanes.map(|lanes| fold(lanes, |a, b| a + b));
    for (i, b) in rest.iter().enumerate() {
        for r in 0..R {
            sums[r] = a[r].1[i].mul_add(*b, sums[r]);
        }
    }
    sums
}

/// R rows, from `first` on, of one column of a part.
#[inline(always)]
fn some_rows<const R: usize>(
    part: &mut [&mut [f32]],
    mode: Mode,
    (first, column): (usize, usize),
    a: View<'_>,
    b: &[f32],
) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &a.data[(first + r) * a.row_stride..][..b.len()]);
    for (y, sum) in part[first..].iter_mut().zip(dots(rows, b)) {
        let y = &mut y[column];
        *y = if mode == Mode::Add { *y + sum } else { sum };
    }
}

vectorised! {
    /// The columns of the target from `first` on that are in `part`: a dot product for each element.
    fn columns_of(part: &mut [&mut [f32]], mode: Mode, a: View<'_>, b: View<'_>, first: usize) {
        let rows = part.len();
        for column in 0..part[0].len() {
            let b = &b.data[(first + column) * b.column_stride..][..b.rows];
            for row in (0..rows).step_by(4) {
                match rows - row {
                    4.. => some_rows::<4>(part, mode, (row, column), a, b),
                    3 => some_rows::<3>(part, mode, (row, column), a, b),
                    2 => some_rows::<2>(part, mode, (row, column), a, b),
                    _ => some_rows::<1>(part, mode, (row, column), a, b),
                }
            }
        }
    }
}
