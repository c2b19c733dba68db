//! Encoded sequences of different lengths, one after the other, and some of them padded to one length.

use super::{Labels, TaskBatch};

/// Ids and types of the tokens of many sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    ids: Vec<u32>,
    types: Vec<u32>,
    /// One past the last token of each.
    ends: Vec<usize>,
}

impl Sequences {
    /// Adds one sequence; ids and types are equally many.
    pub(super) fn push(&mut self, ids: &[u32], types: &[u32]) {
        debug_assert_eq!(ids.len(), types.len());
        self.ids.extend_from_slice(ids);
        self.types.extend_from_slice(types);
        self.ends.push(self.ids.len());
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Ids and types of the tokens of one sequence, special ones among them.
    ///
    /// # Panics
    /// If there is no such sequence.
    pub fn get(&self, index: usize) -> (&[u32], &[u32]) {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let tokens = start..self.ends[index];
        (&self.ids[tokens.clone()], &self.types[tokens])
    }

    /// Some of them as a batch, padded on the right to the longest.
    pub(super) fn padded(&self, picked: &[usize], filling: u32, labels: Labels) -> TaskBatch {
        let lengths = picked.iter().map(|&index| self.get(index).0.len());
        let (longest, shortest) = (lengths.clone().max().unwrap_or(0), lengths.min().unwrap_or(0));
        let tokens = picked.len() * longest;
        let (mut input_ids, mut token_types) = (Vec::with_capacity(tokens), Vec::with_capacity(tokens));
        let mut real_tokens = Vec::with_capacity(tokens);
        for &index in picked {
            let (ids, types) = self.get(index);
            let end = input_ids.len() + longest;
            real_tokens.resize(input_ids.len() + ids.len(), true);
            input_ids.extend_from_slice(ids);
            token_types.extend_from_slice(types);
            real_tokens.resize(end, false);
            input_ids.resize(end, filling);
            token_types.resize(end, 0);
        }
        TaskBatch {
            input_ids,
            token_types,
            real_tokens: (shortest < longest).then_some(real_tokens),
            labels,
            batch_size: picked.len(),
            sequence_length: longest,
        }
    }
}
