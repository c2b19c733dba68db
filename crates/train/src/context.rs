//! Which micro-batch of a stage is computed: all that its random choices depend on.

use crate::random::mix;

/// A micro-batch of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepContext {
    /// Steps that the stage has done before this one.
    pub step: u64,
    /// The same, counted over the whole schedule.
    pub schedule_step: u64,
    /// Which micro-batch of the step, from 0.
    pub micro: usize,
    /// The stage's own seed, see [`stage_seed`].
    pub seed: u64,
}

impl StepContext {
    /// Names the random choices that all micro-batches of this step share.
    pub fn step_key(&self) -> u64 {
        mix(self.seed ^ self.step)
    }

    /// Names the random choices of this micro-batch: dropout, and whatever else is drawn for it alone.
    pub fn key(&self) -> u64 {
        mix(self.step_key() ^ self.micro as u64)
    }
}

/// The seed of a stage's random choices: every stage of a run has choices of its own.
pub fn stage_seed(seed: u64, stage: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(stage.as_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
