//! Rotary positions (Su et al. 2021): the pairs `(x_i, x_{i + E/2})` of a head's rows turned by their angles, and back.

use super::super::buffers::shape_error;
use super::super::simd::vectorised;
use crate::{Result, Rotary};
use std::ops::Range;

/// The rows of checked tables that an attention uses, kept for its backward pass.
pub(in crate::cpu) struct Turns {
    /// E/2.
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Turns {
    /// The angles of some positions.
    ///
    /// # Errors
    /// If E is odd, or a table does not reach the last position.
    pub(in crate::cpu) fn new(
        op: &'static str,
        rotary: Rotary<'_>,
        head_dim: usize,
        positions: Range<usize>,
    ) -> Result<Self> {
        let half = head_dim / 2;
        if !head_dim.is_multiple_of(2) {
            return Err(shape_error(op, "head size with rotary positions", head_dim, "an even number"));
        }
        let cut = |what: &str, table: &[f32]| {
            let rows = table.get(positions.start * half..positions.end * half);
            let expected =
                || format!("at least {}, {half} for each of {} positions", positions.end * half, positions.end);
            rows.map(<[f32]>::to_vec)
                .ok_or_else(|| shape_error(op, format!("length of the table of {what}"), table.len(), expected()))
        };
        Ok(Self { half, cosines: cut("cosines", rotary.cosines)?, sines: cut("sines", rotary.sines)? })
    }

    /// Turns contiguous rows of one head, the first of which stands `first` after the first position.
    pub(in crate::cpu) fn forward(&self, first: usize, rows: &mut [f32]) {
        let from = first * self.half;
        turn(rows, self.half, &self.cosines[from..], &self.sines[from..], 1.0);
    }

    /// Turns rows from the first position on back: the gradient of [`Self::forward`].
    pub(in crate::cpu) fn back(&self, rows: &mut [f32]) {
        turn(rows, self.half, &self.cosines, &self.sines, -1.0);
    }
}

vectorised! {
    /// `x_i cos − x_{i + E/2} sin`, `x_{i + E/2} cos + x_i sin`, with the sines times `sign`.
    fn turn(rows: &mut [f32], half: usize, cosines: &[f32], sines: &[f32], sign: f32) {
        for ((row, cosines), sines) in
            rows.chunks_exact_mut(2 * half).zip(cosines.chunks_exact(half)).zip(sines.chunks_exact(half))
        {
            let (x, partners) = row.split_at_mut(half);
            for (((x, partner), cos), sin) in x.iter_mut().zip(partners).zip(cosines).zip(sines) {
                let sin = sign * sin;
                (*x, *partner) = (x.mul_add(*cos, -*partner * sin), partner.mul_add(*cos, *x * sin));
            }
        }
    }
}
