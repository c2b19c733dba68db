//! Batches for a causal language model: every position predicts the token after it.

use crate::batch::validation_blocks;
use crate::{Batch, BatchPlan, Batches, Blocks, Corpus, DataError};
use std::sync::Arc;

/// Batches for a causal language model.
///
/// A block is `S + 1` tokens, blocks begin every `S` tokens: the inputs are the first `S`, the target of each is the token
/// that follows it. So every token of the text is predicted once in an epoch, and no position goes without a target. (The
/// models of the Hub take `S` tokens as inputs and labels alike and shift inside, where the last position predicts
/// nothing; the loss of a position is the same.)
#[derive(Debug, Clone)]
pub struct CausalBatches {
    blocks: Blocks,
    plan: BatchPlan,
    sequence_length: usize,
}

impl CausalBatches {
    /// # Errors
    /// Sizes of zero, a corpus of less than `sequence_length + 1` tokens.
    pub fn new(corpus: Arc<Corpus>, sequence_length: usize, plan: BatchPlan) -> Result<Self, DataError> {
        if sequence_length == 0 {
            let (option, expected) = ("sequence_length", "1 or more".to_owned());
            return Err(DataError::Option { option, found: "0".to_owned(), expected });
        }
        let blocks = Blocks::new(corpus, sequence_length, sequence_length + 1, sequence_length)?;
        Ok(Self { blocks, plan: plan.check()?, sequence_length })
    }

    fn of_blocks(&self, blocks: impl ExactSizeIterator<Item = u64>) -> Batch {
        let mut batch = Batch::empty(blocks.len(), self.sequence_length);
        for block in blocks {
            let tokens = self.blocks.get(block);
            batch.input_ids.extend_from_slice(&tokens[..self.sequence_length]);
            batch.targets.extend(tokens[1..].iter().map(|&token| token as i32));
        }
        batch
    }
}

impl Batches for CausalBatches {
    fn sequence_length(&self) -> usize {
        self.sequence_length
    }

    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    fn plan(&self) -> BatchPlan {
        self.plan
    }

    fn batch(&self, step: u64, micro: usize) -> Batch {
        let places: Vec<u64> = self.plan.blocks(self.blocks.len(), step, micro).map(|place| place.block).collect();
        self.of_blocks(places.into_iter())
    }

    fn validation_batches(&self, batch_size: usize, max_batches: usize) -> Vec<Batch> {
        validation_blocks(self.blocks.len(), batch_size, max_batches)
            .into_iter()
            .map(|blocks| self.of_blocks(blocks.into_iter()))
            .collect()
    }
}
