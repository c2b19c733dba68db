//! A corpus cut into blocks of one length, in the order of the text. Shuffling is the loaders' part.

use crate::{Corpus, DataError};
use std::sync::Arc;

/// Equal, adjoining stretches of a corpus; what is left at the end is dropped.
#[derive(Debug, Clone)]
pub struct Blocks {
    corpus: Arc<Corpus>,
    /// Tokens from the start of a block to the start of the next.
    stride: usize,
    /// Tokens in a block; those beyond the stride are the first of the next block.
    span: usize,
    len: u64,
}

impl Blocks {
    /// Blocks of `span` tokens that begin every `stride` tokens (`1 ≤ stride ≤ span`).
    ///
    /// # Errors
    /// A corpus without a single block; `sequence_length` is what the message calls the length asked for.
    pub(crate) fn new(
        corpus: Arc<Corpus>,
        stride: usize,
        span: usize,
        sequence_length: usize,
    ) -> Result<Self, DataError> {
        let (found, needed) = (corpus.tokens(), span as u64);
        if found < needed {
            return Err(DataError::TooShort { files: corpus.name().to_owned(), found, needed, sequence_length });
        }
        let len = (found - needed) / stride as u64 + 1;
        Ok(Self { corpus, stride, span, len })
    }

    /// Number of blocks; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The tokens of block `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn get(&self, index: u64) -> Vec<u32> {
        assert!(index < self.len, "block {index} of {}", self.len);
        self.corpus.range(index * self.stride as u64, self.span)
    }
}
