//! Batches: what they hold, which blocks go into which, and the interface of the loaders that make them.

use crate::permutation::Permutation;
use crate::{Blocks, DataError};
use std::ops::Range;

/// The target of a position that is not to be predicted, as in the Hub's models.
pub const IGNORED: i32 = -100;

/// Token ids and targets of sequences of one length, sequence after sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `batch_size · sequence_length` ids.
    pub input_ids: Vec<u32>,
    /// What each position is to predict, or [`IGNORED`]. Already shifted: a causal model's target is the next token.
    pub targets: Vec<i32>,
    /// Sequences.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
    /// `true` for a real token, `false` for padding; none if nothing is padded, as always with packed text.
    pub real_tokens: Option<Vec<bool>>,
}

impl Batch {
    pub(crate) fn empty(batch_size: usize, sequence_length: usize) -> Self {
        let tokens = batch_size * sequence_length;
        let (input_ids, targets) = (Vec::with_capacity(tokens), Vec::with_capacity(tokens));
        Self { input_ids, targets, batch_size, sequence_length, real_tokens: None }
    }
}

/// How training goes through the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlan {
    /// Order of the blocks and choice of the masks.
    pub seed: u64,
    /// Sequences in one batch, the part of a step that is computed at once.
    pub batch_size: usize,
    /// Batches whose gradients are added up for one step.
    pub micro_batches: usize,
}

impl BatchPlan {
    /// # Errors
    /// A size of zero.
    pub(crate) fn check(self) -> Result<Self, DataError> {
        for (option, size) in [("batch_size", self.batch_size), ("micro_batches", self.micro_batches)] {
            if size == 0 {
                return Err(DataError::Option { option, found: "0".into(), expected: "1 or more".into() });
            }
        }
        Ok(self)
    }

    /// The blocks of one batch, each with its epoch: sample number n of the whole training is block
    /// `permutation(seed, n / len)[n % len]`, and step and micro-batch number the samples one after the other.
    pub(crate) fn blocks(self, len: u64, step: u64, micro: usize) -> impl Iterator<Item = Place> {
        let mut permutation: Option<(u64, Permutation)> = None;
        self.samples(step, micro).map(move |sample| {
            let (epoch, position) = (sample / len, sample % len);
            let order = match permutation.take() {
                Some((of, order)) if of == epoch => order,
                _ => Permutation::new(len, self.seed, epoch),
            };
            let block = order.get(position);
            permutation = Some((epoch, order));
            Place { epoch, block }
        })
    }

    /// The numbers of the samples of one batch, counted from the beginning of the training.
    pub(crate) fn samples(self, step: u64, micro: usize) -> Range<u64> {
        assert!(micro < self.micro_batches, "micro-batch {micro} of {}", self.micro_batches);
        let size = self.batch_size as u64;
        let first = (step * self.micro_batches as u64 + micro as u64) * size;
        first..first + size
    }
}

/// A block and the epoch in which it is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) epoch: u64,
    pub(crate) block: u64,
}

/// The validation batches' blocks: evenly spread over the text, in its order, always the same. A rest that does not fill
/// a batch is left out, unless there is nothing else.
pub(crate) fn validation_blocks(len: u64, batch_size: usize, max_batches: usize) -> Vec<Vec<u64>> {
    let size = batch_size.max(1) as u64;
    let batches = (len / size).clamp(1, max_batches.max(1) as u64);
    let wanted = (batches * size).min(len);
    let blocks: Vec<u64> = (0..wanted).map(|i| (u128::from(i) * u128::from(len) / u128::from(wanted)) as u64).collect();
    blocks.chunks(size as usize).map(<[u64]>::to_vec).collect()
}

/// Makes batches of a tokenised text. A batch is a function of seed and number alone: resuming needs no more than the
/// number of the step.
pub trait Batches: Send + Sync {
    /// Tokens in a sequence.
    fn sequence_length(&self) -> usize;

    /// The blocks that the batches are made of.
    fn blocks(&self) -> &Blocks;

    /// The order in which training meets them.
    fn plan(&self) -> BatchPlan;

    /// Batch `micro` of training step `step`. Goes on into the next epoch, newly shuffled, wherever one ends.
    ///
    /// # Panics
    /// If `micro` is not below the plan's `micro_batches`.
    fn batch(&self, step: u64, micro: usize) -> Batch;

    /// At most `max_batches` batches for validation, at least one: blocks evenly spread over the text, the same at every
    /// call and for every seed. For a loader of the validation text.
    fn validation_batches(&self, batch_size: usize, max_batches: usize) -> Vec<Batch>;

    /// Passes over the text that are complete before step `step`.
    fn epoch(&self, step: u64) -> u64 {
        let plan = self.plan();
        step * (plan.micro_batches * plan.batch_size) as u64 / self.blocks().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_epoch_meets_every_block_once(len in 1u64..300, batch_size in 1usize..20, micro in 1usize..4, seed: u64) {
            let plan = BatchPlan { seed, batch_size, micro_batches: micro };
            let steps = 2 * len.div_ceil((batch_size * micro) as u64);
            let met: Vec<Place> = (0..steps)
                .flat_map(|step| (0..micro).flat_map(move |m| plan.blocks(len, step, m)))
                .collect();
            for epoch in 0..2 {
                let mut blocks: Vec<u64> =
                    met.iter().filter(|place| place.epoch == epoch).map(|place| place.block).collect();
                blocks.sort_unstable();
                prop_assert!(blocks.into_iter().eq(0..len));
            }
        }

        #[test]
        fn micro_batches_are_the_parts_of_one_large_batch(len in 1u64..300, step in 0u64..50, seed: u64) {
            let large = BatchPlan { seed, batch_size: 12, micro_batches: 1 };
            let parts = BatchPlan { seed, batch_size: 4, micro_batches: 3 };
            let together: Vec<Place> = (0..3).flat_map(|micro| parts.blocks(len, step, micro)).collect();
            prop_assert_eq!(large.blocks(len, step, 0).collect::<Vec<_>>(), together);
        }
    }

    #[test]
    fn validation_spreads_over_the_text_and_drops_the_rest() {
        let cases: [(u64, usize, usize, Vec<Vec<u64>>); 6] = [
            (8, 2, 10, vec![vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7]]),
            (8, 2, 2, vec![vec![0, 2], vec![4, 6]]),
            (9, 4, 10, vec![vec![0, 1, 2, 3], vec![4, 5, 6, 7]]),
            (10, 2, 2, vec![vec![0, 2], vec![5, 7]]),
            (3, 8, 10, vec![vec![0, 1, 2]]),
            (3, 1, 0, vec![vec![0]]),
        ];
        for (len, batch_size, max_batches, expected) in cases {
            let found = validation_blocks(len, batch_size, max_batches);
            assert_eq!(found, expected, "{len} blocks, {max_batches} batches of {batch_size}");
        }
    }

    #[test]
    fn sizes_of_zero_are_refused() {
        for (batch_size, micro_batches, option) in [(0, 1, "batch_size"), (1, 0, "micro_batches")] {
            let error = BatchPlan { seed: 0, batch_size, micro_batches }.check().unwrap_err();
            assert_eq!(error.to_string(), format!("{option} = 0, expected 1 or more"));
        }
    }
}
