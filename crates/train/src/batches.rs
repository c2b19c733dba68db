//! Where a stage's batches come from.

use anyhow::Result;
use ligo_models::Batch;

/// Gives the batch of any step at any time, as a pure function, so that a stage can be resumed at any step.
pub trait BatchSource {
    /// Micro-batch `micro` of step `step` of the schedule (a stage that begins at `schedule_from` first asks for that step).
    ///
    /// # Errors
    /// If the data cannot be read.
    fn batch(&self, step: u64, micro: usize) -> Result<Batch>;
}

impl<F: Fn(u64, usize) -> Result<Batch>> BatchSource for F {
    fn batch(&self, step: u64, micro: usize) -> Result<Batch> {
        self(step, micro)
    }
}
