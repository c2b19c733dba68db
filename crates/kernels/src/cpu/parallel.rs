//! Cutting work into tasks for rayon.
//!
//! The cuts depend on sizes alone, never on the number of threads, and partial sums are added in the order of the
//! cuts; so do the bits of every result.

use rayon::prelude::*;

/// Elements that make a task worth handing to another thread; few in the tests, so that they see many tasks.
const GRAIN: usize = if cfg!(test) { 100 } else { 16 * 1024 };

/// How many rows of `width` elements make one task.
pub(super) fn rows_per_task(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Calls `work(first row, rows)` for groups of whole rows of `out`.
pub(super) fn rows(out: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let group = rows_per_task(width);
    if out.len() <= group * width {
        if !out.is_empty() {
            work(0, out);
        }
        return;
    }
    out.par_chunks_mut(group * width).enumerate().for_each(|(i, rows)| work(i * group, rows));
}

/// Calls `work(first row, rows of a, rows of b)`; the rows of `a` and `b` may have different widths.
pub(super) fn rows2(
    (a, a_width): (&mut [f32], usize),
    (b, b_width): (&mut [f32], usize),
    work: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) {
    let group = rows_per_task(a_width.max(b_width));
    if a.len() <= group * a_width {
        if !a.is_empty() {
            work(0, a, b);
        }
        return;
    }
    a.par_chunks_mut(group * a_width)
        .zip(b.par_chunks_mut(group * b_width))
        .enumerate()
        .for_each(|(i, (a, b))| work(i * group, a, b));
}

/// Calls `work` on matching pieces of two equally long slices.
pub(super) fn zip(out: &mut [f32], input: &[f32], work: impl Fn(&mut [f32], &[f32]) + Sync) {
    if out.len() <= GRAIN {
        work(out, input);
    } else {
        out.par_chunks_mut(GRAIN).zip(input.par_chunks(GRAIN)).for_each(|(out, input)| work(out, input));
    }
}

/// `work` for each of `0..count` pieces, the results in order.
pub(super) fn collect<R: Send>(count: usize, work: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if count == 1 {
        return vec![work(0)];
    }
    (0..count).into_par_iter().map(work).collect()
}

type Rows<'a> = (&'a mut [f32], usize);

/// Like [`rows2`], for three.
pub(super) fn rows3(
    (a, a_width): Rows<'_>,
    (b, b_width): Rows<'_>,
    (c, c_width): Rows<'_>,
    work: impl Fn(usize, &mut [f32], &mut [f32], &mut [f32]) + Sync,
) {
    let group = rows_per_task(a_width.max(b_width).max(c_width));
    if a.len() <= group * a_width {
        if !a.is_empty() {
            work(0, a, b, c);
        }
        return;
    }
    a.par_chunks_mut(group * a_width)
        .zip(b.par_chunks_mut(group * b_width))
        .zip(c.par_chunks_mut(group * c_width))
        .enumerate()
        .for_each(|(i, ((a, b), c))| work(i * group, a, b, c));
}

/// Runs `work` on one of the threads that the operations are spread over.
///
/// Called from outside, every operation would wake a thread, wait for it and be woken in turn; a training step does
/// that some hundred times. From inside, the first part of every operation simply goes on where it is.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
