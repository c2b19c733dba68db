//! Batches for fine-tuning and for evaluation.

use super::{Encoder, LabelledTexts, Labels, Sequences};
use crate::{BatchPlan, DataError};
use std::sync::Arc;

/// Sequences padded to the longest of them, sequence after sequence, with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskBatch {
    /// `batch_size · sequence_length` ids.
    pub input_ids: Vec<u32>,
    /// A type (BERT's segment) for each token, 0 of padding. A model without token types is given none of them.
    pub token_types: Vec<u32>,
    /// `true` for a real token, `false` for padding; none if nothing is padded.
    pub real_tokens: Option<Vec<bool>>,
    /// A label for each sequence.
    pub labels: Labels,
    /// Sequences.
    pub batch_size: usize,
    /// Tokens in each, padding counted.
    pub sequence_length: usize,
}

/// Makes batches of encoded sequences. A training batch is a function of seed and number alone: resuming needs no more
/// than the number of the step.
#[derive(Debug, Clone)]
pub struct TaskBatches {
    sequences: Arc<Sequences>,
    labels: Labels,
    filling: u32,
    plan: BatchPlan,
}

impl TaskBatches {
    /// Encodes all texts.
    ///
    /// # Errors
    /// A text that the tokeniser refuses, sizes of zero.
    pub fn of_texts(texts: &LabelledTexts, encoder: &Encoder, plan: BatchPlan) -> Result<Self, DataError> {
        let sequences = Arc::new(encoder.encode_all(texts)?);
        Self::new(sequences, texts.labels().clone(), encoder.filling(), plan)
    }

    /// Of as many labels as sequences, of which there is at least one.
    pub(super) fn new(
        sequences: Arc<Sequences>,
        labels: Labels,
        filling: u32,
        plan: BatchPlan,
    ) -> Result<Self, DataError> {
        debug_assert!(!sequences.is_empty() && sequences.len() == labels.len());
        Ok(Self { sequences, labels, filling, plan: plan.check()? })
    }

    /// What batches are made of.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The labels of all sequences.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The order in which training meets them.
    pub fn plan(&self) -> BatchPlan {
        self.plan
    }

    /// Batch `micro` of training step `step`. Goes on into the next epoch, newly shuffled, wherever one ends.
    ///
    /// # Panics
    /// If `micro` is not below the plan's `micro_batches`.
    pub fn batch(&self, step: u64, micro: usize) -> TaskBatch {
        let places = self.plan.blocks(self.sequences.len() as u64, step, micro);
        self.of_sequences(&places.map(|place| place.block as usize).collect::<Vec<_>>())
    }

    /// All sequences once, in their order; the last batch may be smaller.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn in_order(&self, batch_size: usize) -> impl Iterator<Item = TaskBatch> {
        let starts = (0..self.sequences.len()).step_by(batch_size);
        starts.map(move |start| {
            let end = (start + batch_size).min(self.sequences.len());
            self.of_sequences(&(start..end).collect::<Vec<_>>())
        })
    }

    /// Training steps in which every sequence is met `epochs` times; the last step may begin one more epoch.
    pub fn steps(&self, epochs: u64) -> u64 {
        let in_step = (self.plan.micro_batches * self.plan.batch_size) as u64;
        (epochs * self.sequences.len() as u64).div_ceil(in_step)
    }

    fn of_sequences(&self, picked: &[usize]) -> TaskBatch {
        self.sequences.padded(picked, self.filling, self.labels.pick(picked))
    }
}
