//! A width factor as a whole matrix on the host, while its start is being made.

use crate::plan::WidthFactor;
use ligo_growth::Expansion;
use ligo_models::SpaceSize;

/// B `[D, d]`, row by row, the identity on top included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) values: Vec<f32>,
    /// d.
    pub(super) small: usize,
}

impl Whole {
    /// `[I; C]` of what is learnt of a factor.
    pub(super) fn of(plan: &WidthFactor, learnt: &[f32]) -> Self {
        let small = plan.size().0;
        let mut values = identity(plan.identity_rows(), small);
        values.extend_from_slice(learnt);
        Self { values, small }
    }

    /// What of it is learnt by a factor of that form.
    pub(super) fn learnt(mut self, plan: &WidthFactor) -> Vec<f32> {
        self.values.split_off(plan.identity_rows() * self.small)
    }

    /// The sums of its columns: how often each small coordinate has been copied, for a selection.
    pub(super) fn copies(&self) -> Vec<f32> {
        let mut copies = vec![0.0; self.small];
        for row in self.values.chunks_exact(self.small) {
            copies.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        copies
    }

    /// `B diag(1/c)`.
    pub(super) fn divided(mut self) -> Self {
        let copies = self.copies();
        for row in self.values.chunks_exact_mut(self.small) {
            row.iter_mut().zip(&copies).for_each(|(value, copies)| *value /= copies);
        }
        self
    }

    /// Each unit's part repeated for the `times` that stand side by side in its place.
    pub(super) fn repeated(self, small: SpaceSize, large: SpaceSize, times: usize) -> Self {
        let dense = Expansion::Dense { matrix: self.values, small: self.small };
        match dense.repeated(small, large, times) {
            Expansion::Dense { matrix, small } => Self { values: matrix, small },
            _ => unreachable!("a dense map stays dense"),
        }
    }
}

/// The first `rows` rows of the identity of that width.
pub(super) fn identity(rows: usize, width: usize) -> Vec<f32> {
    (0..rows).flat_map(|i| (0..width).map(move |j| if i == j { 1.0 } else { 0.0 })).collect()
}
