//! wip

mod batch;
mod blocks;
mod bpe;
mod causal;
mod corpus;
pub mod crate_docs;
mod error;
mod masked;
mod parquet_file;
mod parquet_write;
mod permutation;
mod random;
mod replace;
mod source;
mod texts;
mod token_file;
mod tokenizer;

pub use batch::{Batch, BatchPlan, Batches, IGNORED};
pub use blocks::Blocks;
pub use bpe::{BpeOptions, SMALLEST_VOCABULARY, SpecialTokens};
pub use causal::CausalBatches;
pub use corpus::Corpus;
pub use error::DataError;
pub use masked::{MaskedBatches, Masking};
pub use parquet_write::write_text_parquet;
pub use source::TextSource;
pub use texts::Texts;
pub use tokenizer::Tokenizer;
