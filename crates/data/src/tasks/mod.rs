//! Labelled text, from Parquet files to the batches that a model is fine-tuned on and evaluated with (PAPER.md 3.4).
//!
//! | step | type | what it does |
//! |---|---|---|
//! | read | [`TaskSource`] | one or two columns of text and one of classes or numbers, as GLUE has them |
//! | encode | [`Encoder`] | special tokens, token types and truncation as the checkpoint's tokeniser has them |
//! | batch | [`TaskBatches`] | shuffled, or in order; padded to the longest of the batch |
//!
//! [`squad`] does the same for questions whose answers are parts of a text, and comes back from a model's logits to answers.
//! As elsewhere in this crate a [`TaskBatch`] is plain data, and a training batch a function of the files, the tokeniser,
//! the plan's seed and the numbers of step and micro-batch. All text and its tokens are kept in memory.
//!
//! ```
//! use ligo_data::BatchPlan;
//! use ligo_data::tasks::{Encoder, LabelKind, Labels, TaskBatches, TaskSource, write_task_parquet};
//! # use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let file = directory.path().join("train.parquet");
//! let premises = ["The small model grows.", "The large one is trained."];
//! let hypotheses = ["It grows.", "It is not trained at all."];
//! let columns: [(&str, &[&str]); 2] = [("premise", &premises), ("hypothesis", &hypotheses)];
//! write_task_parquet(&file, &columns, &Labels::Classes(vec![0, 2]))?;
//! # let text = TextSource::new([&file], "premise");
//! # let tokenizer = Tokenizer::train(&text, &BpeOptions::new(300, SpecialTokens::Masked))?;
//!
//! let texts = TaskSource::new([file], "premise", LabelKind::Classes(3)).with_pair("hypothesis").read()?;
//! let plan = BatchPlan { seed: 1, batch_size: 2, micro_batches: 1 };
//! let batches = TaskBatches::of_texts(&texts, &Encoder::new(&tokenizer, 128)?, plan)?;
//! let batch = batches.batch(0, 0);
//! assert_eq!(batch.input_ids.len(), 2 * batch.sequence_length);
//! assert_eq!(batches.in_order(32).next().unwrap().labels, Labels::Classes(vec![0, 2]));
//! assert_eq!(batches.steps(3), 3);
//! # Ok(())
//! # }
//! ```

mod batches;
mod encoder;
mod labels;
mod sequences;
mod source;
pub mod squad;
mod table;
mod write;

pub use batches::{TaskBatch, TaskBatches};
pub use encoder::Encoder;
pub use labels::{LabelKind, Labels};
pub use sequences::Sequences;
pub use source::{LabelledTexts, TaskSource};
pub use write::write_task_parquet;
