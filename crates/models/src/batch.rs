//! What a language model is fed.

/// Token ids and targets of a batch of sequences of one length, sequence after sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenBatch {
    /// `batch_size · sequence_length` ids.
    pub input_ids: Vec<u32>,
    /// What each position should predict, or [`ligo_kernels::IGNORED`]. For a causal model this is already the next
    /// token: `targets[i] = input_ids[i + 1]`.
    pub targets: Vec<i32>,
    /// Number of sequences.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
    /// `true` for a real token, `false` for padding; none if nothing is padded.
    pub real_tokens: Option<Vec<bool>>,
}

/// Whether dropout is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout on; the key (seed and step mixed into one number) names all masks of this pass.
    Train {
        /// Mixed with the place of each mask.
        dropout_key: u64,
    },
    /// Dropout off.
    Evaluate,
}
