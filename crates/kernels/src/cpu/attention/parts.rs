//! One head's rows in a matrix that holds many heads side by side: gathered for a task, and stored again by many tasks at once.

use super::super::simd::ask_for;

/// How far ahead of a row the next ones are asked for.
const ROWS_AHEAD: usize = 8;

/// Where the rows of one kind (queries, keys, values, outputs) lie: head h of row i of sequence b is the E elements from
/// `(b · rows + i) · stride + offset + h · E` on.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Part<D> {
    /// The whole matrix.
    pub(in crate::cpu) data: D,
    /// Elements of a row of it.
    pub(in crate::cpu) stride: usize,
    /// Where head 0 begins in a row.
    pub(in crate::cpu) offset: usize,
    /// Rows of each sequence.
    pub(in crate::cpu) rows: usize,
}

impl<D> Part<D> {
    fn start(&self, sequence: usize, row: usize, head: usize, head_dim: usize) -> usize {
        (sequence * self.rows + row) * self.stride + self.offset + head * head_dim
    }
}

impl<'a> Part<&'a [f32]> {
    /// One head of one row.
    #[inline(always)]
    pub(in crate::cpu) fn row(&self, (sequence, row): (usize, usize), head: usize, head_dim: usize) -> &'a [f32] {
        &self.data[self.start(sequence, row, head, head_dim)..][..head_dim]
    }

    /// One head of that row and all that follows; rows are `stride` apart.
    pub(in crate::cpu) fn rows_from(&self, (sequence, row): (usize, usize), head: usize, head_dim: usize) -> &'a [f32] {
        &self.data[self.start(sequence, row, head, head_dim)..]
    }

    /// Asks the memory for a row after this one: each is a few cache lines, far from the one before.
    #[inline(always)]
    pub(in crate::cpu) fn ask_for(&self, (sequence, row): (usize, usize), head: usize, head_dim: usize) {
        let ahead = self.start(sequence, row + ROWS_AHEAD, head, head_dim);
        (ahead..ahead + head_dim).step_by(16).for_each(|start| ask_for(self.data, start));
    }

    /// A copy of one head of the first `count` rows of a sequence.
    pub(in crate::cpu) fn gather(&self, sequence: usize, head: usize, count: usize, head_dim: usize) -> Vec<f32> {
        let mut rows = Vec::with_capacity(count * head_dim);
        for i in 0..count {
            self.ask_for((sequence, i), head, head_dim);
            rows.extend_from_slice(self.row((sequence, i), head, head_dim));
        }
        rows
    }
}

/// A buffer that several tasks write, each its own elements.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct SharedMut<'a> {
    first: *mut f32,
    length: usize,
    borrow: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: it stands for an exclusive borrow of floats; `Part::store` says who may write what.
#[allow(unsafe_code)]
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(in crate::cpu) fn new(data: &'a mut [f32]) -> Self {
        Self { first: data.as_mut_ptr(), length: data.len(), borrow: std::marker::PhantomData }
    }
}

impl Part<SharedMut<'_>> {
    /// Stores contiguous `rows` of one head as the rows of a sequence from `first` on.
    ///
    /// # Safety
    /// No other thread may store to this head of these rows during this call.
    #[allow(unsafe_code)]
    pub(in crate::cpu) unsafe fn store(
        &self,
        (sequence, first): (usize, usize),
        head: usize,
        head_dim: usize,
        rows: &[f32],
    ) {
        for (i, row) in rows.chunks_exact(head_dim).enumerate() {
            let start = self.start(sequence, first + i, head, head_dim);
            assert!(start + head_dim <= self.data.length, "a row lies in its matrix");
            // SAFETY: within the buffer by the assert, not written by another thread by this function's contract, and
            // not read by anyone while the buffer is borrowed.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.data.first.add(start), head_dim) };
        }
    }
}
