//! Seeds of the random choices in a run, each a function of the experiment's seed and of what it is for.
//!
//! Methods of one seed share the order of the batches, so that they differ by the method alone. The validation set and its
//! masks depend on no seed: all seeds measure the same.

/// What a seed is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of the batches of the large model's training, of masks and dropout with it.
    Training,
    /// The same for the small model.
    SmallTraining,
    /// The same for the learning of operators.
    OperatorTraining,
    /// Fresh weights.
    Weights,
    /// The small model's fresh weights.
    SmallWeights,
    /// The choices of growth operators.
    Growth,
}

/// The seed for a purpose.
pub(crate) fn seed(experiment: u64, purpose: Purpose) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{purpose:?}").as_bytes());
    hasher.update(&experiment.to_le_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
