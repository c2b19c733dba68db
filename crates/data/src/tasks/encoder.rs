//! Texts and pairs of texts as a checkpoint's tokeniser has them.

use super::{LabelledTexts, Sequences};
use crate::{DataError, Tokenizer};
use rayon::prelude::*;
use tokenizers::{EncodeInput, TruncationDirection, TruncationParams, TruncationStrategy};

/// Encodes texts and pairs, none longer than a number of tokens.
///
/// Special tokens and token types are those of the tokeniser's post-processor: `[CLS] text [SEP]` and
/// `[CLS] first [SEP] second [SEP]` with types 0 and 1 for BERT, `<s> first </s></s> second </s>` with 0 throughout for
/// RoBERTa. What is too long is cut at its end, of a pair the longer text, as `truncation="longest_first"` of
/// transformers; special tokens are never cut off. Unlike there, text never turns into a special token.
#[derive(Debug, Clone)]
pub struct Encoder {
    inner: tokenizers::Tokenizer,
    filling: u32,
}

impl Encoder {
    /// # Errors
    /// A length that leaves no room for a token of each text of a pair beside the special ones.
    pub fn new(tokenizer: &Tokenizer, max_length: usize) -> Result<Self, DataError> {
        let smallest = tokenizer.added_tokens(true) + 2;
        if max_length < smallest {
            let expected = format!("{smallest} or more: the special tokens of a pair and a token of each text");
            return Err(DataError::Option { option: "max_length", found: max_length.to_string(), expected });
        }
        let mut inner = tokenizer.inner().clone();
        let truncation = TruncationParams {
            max_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        inner.with_truncation(Some(truncation)).map_err(|error| failed("max_length".to_owned(), &error))?;
        Ok(Self { inner, filling: tokenizer.filling_id() })
    }

    /// Ids and types of the tokens of a text or a pair.
    ///
    /// # Errors
    /// What the tokeniser reports, as for a word that a vocabulary without `[UNK]` lacks.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<(Vec<u32>, Vec<u32>), DataError> {
        self.encode_at("encoding a text", text, pair)
    }

    /// All texts in their order, on all threads.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode), with the number of the row.
    pub fn encode_all(&self, texts: &LabelledTexts) -> Result<Sequences, DataError> {
        let encode = |row: usize| {
            let (text, pair) = texts.get(row);
            self.encode_at(&format!("encoding row {row}"), text, pair)
        };
        // Collected before the first error is looked for, so that it is that of the first row.
        let encoded: Vec<_> = (0..texts.len()).into_par_iter().map(encode).collect();
        let mut sequences = Sequences::default();
        for sequence in encoded {
            let (ids, types) = sequence?;
            sequences.push(&ids, &types);
        }
        Ok(sequences)
    }

    /// What the shorter sequences of a batch are filled up with.
    pub(super) fn filling(&self) -> u32 {
        self.filling
    }

    fn encode_at(&self, place: &str, text: &str, pair: Option<&str>) -> Result<(Vec<u32>, Vec<u32>), DataError> {
        let input: EncodeInput<'_> = match pair {
            Some(pair) => (text, pair).into(),
            None => text.into(),
        };
        let encoding = self.inner.encode_fast(input, true).map_err(|error| failed(place.to_owned(), &error))?;
        Ok((encoding.get_ids().to_vec(), encoding.get_type_ids().to_vec()))
    }
}

/// The error for a text that cannot be encoded.
pub(super) fn failed(place: String, error: &tokenizers::Error) -> DataError {
    DataError::Tokenizer { place, reason: error.to_string() }
}
