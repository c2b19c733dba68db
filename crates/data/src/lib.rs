//! Text (and [`images`]), from Parquet files to the batches that a language model trains on.
//!
//! | step | type | what it does |
//! |---|---|---|
//! | read | [`TextSource`] | one column of one or many Parquet files, row group by row group |
//! | tokenise | [`Tokenizer`] | a byte-level BPE trained on the text, or a `tokenizer.json` that is given |
//! | pack | [`Corpus`] | all tokens in order, each text followed by the end-of-text token, in a memory-mapped file |
//! | cut | [`Blocks`] | stretches of one length |
//! | batch | [`CausalBatches`], [`MaskedBatches`] | shuffled, with targets; both are [`Batches`] |
//!
//! [`crate_docs`] makes a corpus that needs no download. [`images`] does for images what this does for text,
//! [`tasks`] for labelled text and questions. This crate knows nothing of models: a [`Batch`] is plain data.
//!
//! **What depends on what.** Tokeniser and token file are kept in a cache directory under names that are hashes of what
//! they were made from (the bytes of the Parquet files, the column, the options, the tokeniser), so nothing stale is ever
//! read; a damaged file is noticed and made again, and tokenising that was stopped goes on where it was. The order of the
//! blocks is a function of seed and epoch, the hidden tokens of a masked model are one of seed, epoch and block. A batch is
//! therefore a function of seed and step number: whoever resumes a run needs to know nothing else. Validation batches are
//! always the same.
//!
//! **Bad input** ends in a [`DataError`] that names the file, the place, what was found and what was expected. Files are
//! written under a temporary name, synced and renamed.
//!
//! ```
//! use ligo_data::{BatchPlan, Batches, BpeOptions, CausalBatches, Corpus, SpecialTokens, TextSource, Tokenizer};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let file = directory.path().join("train.parquet");
//! ligo_data::write_text_parquet(&file, "text", &["The small model grows.", "The large one goes on from there."])?;
//!
//! let source = TextSource::new([file], "text");
//! let cache = directory.path().join("cache");
//! let tokenizer = Tokenizer::trained(&source, &BpeOptions::new(270, SpecialTokens::Causal), &cache)?;
//! let corpus = Arc::new(Corpus::prepare(&source, &tokenizer, &cache)?);
//! assert_eq!(corpus.texts(), 2);
//!
//! let plan = BatchPlan { seed: 1, batch_size: 2, micro_batches: 1 };
//! let batches = CausalBatches::new(corpus, 8, plan)?;
//! let batch = batches.batch(1000, 0);
//! assert_eq!(batch.input_ids.len(), 2 * 8);
//! assert_eq!(batch.targets[0], batch.input_ids[1] as i32);
//! assert_eq!(batch, batches.batch(1000, 0));
//! # Ok(())
//! # }
//! ```

mod batch;
mod blocks;
mod bpe;
mod causal;
mod corpus;
pub mod crate_docs;
mod error;
pub mod images;
mod integers;
mod masked;
mod parquet_file;
mod parquet_write;
mod permutation;
mod random;
mod source;
pub mod tasks;
mod text_file;
mod texts;
mod token_file;
mod token_writer;
mod tokenizer;

pub use batch::{Batch, BatchPlan, Batches, IGNORED};
pub use blocks::Blocks;
pub use bpe::{BpeOptions, SMALLEST_VOCABULARY, SpecialTokens};
pub use causal::CausalBatches;
pub use corpus::Corpus;
pub use error::DataError;
pub use masked::{MaskedBatches, Masking};
pub use parquet_file::parquet_rows;
pub use parquet_write::write_text_parquet;
pub use source::TextSource;
pub use texts::Texts;
pub use tokenizer::Tokenizer;
