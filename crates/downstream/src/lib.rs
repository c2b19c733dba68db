//! What a pretrained model is worth on other tasks: fine-tuned on GLUE, SQuAD and image sets as the paper does it (PAPER.md 3.4),
//! whole or by adapters (its Table 6), and features for probes.
//!
//! - A task ([`TextTask`], [`SquadTask`], [`ImageTask`]) is read from files, with its training set and its validation splits.
//! - [`Tuning`] says how it is learnt; [`Tuning::glue`] and [`Tuning::squad`] are the paper's.
//! - [`fine_tune`] puts the task's head on a pretrained model ([`transfer`]), trains it, resumably, and gives [`Scores`]: the task's
//!   own metrics and what the paper's heading means.
//! - [`image_features`] and [`text_features`] are what a k-NN or a linear probe looks at.
//!
//! Several seeds and their spread, tables and files are whoever runs an experiment's.
//!
//! GPT-2 and Llama's kind are refused: their sequence classifiers of `transformers` are not among the heads. Image transfer is trained
//! with AdamW like all else here, where DeiT's used SGD: the paper's rate of 0.01 is not for it.
//!
//! ```
//! use ligo_data::tasks::{LabelKind, Labels, TaskSource, write_task_parquet};
//! use ligo_downstream::{FineTuning, Outcome, Task, TextTask, Tuning, fine_tune};
//! use ligo_kernels::Cpu;
//! use ligo_models::{Family, Model, ModelConfig};
//! use ligo_train::{Silent, StopFlag};
//! # use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let file = directory.path().join("reviews.parquet");
//! let texts = ["a fine film", "a dull film", "fine", "dull, dull"];
//! write_task_parquet(&file, &[("sentence", &texts)], &Labels::Classes(vec![1, 0, 1, 0]))?;
//! # let tokenizer =
//! #     Tokenizer::train(&TextSource::new([&file], "sentence"), &BpeOptions::new(270, SpecialTokens::Masked))?;
//! let source = TaskSource::new([&file], "sentence", LabelKind::Classes(2));
//! let task = TextTask::labelled("reviews", &source, source.clone())?;
//!
//! // A model as it was pretrained, with the head of its pretraining.
//! let sizes = ModelConfig::new(Family::Bert, 16, 1, 2);
//! let model = Model::new(ModelConfig { vocab_size: 270, max_position_embeddings: 32, ..sizes })?;
//! let device = Cpu::default();
//! let parameters = model.fresh(&device, 1)?;
//!
//! let tuning = Tuning { max_sequence_length: Some(16), ..Tuning::new(2, 2, 1e-3) };
//! let setting = FineTuning {
//!     device: &device,
//!     model: &model,
//!     parameters: &parameters,
//!     task: Task::Texts(&task, &tokenizer),
//!     tuning: &tuning,
//!     seed: 1,
//!     directory: &directory.path().join("checkpoints"),
//!     checkpoint_every: std::time::Duration::from_secs(20),
//! };
//! let Outcome::Finished(tuned) = fine_tune(&setting, &Silent, &StopFlag::default())? else { unreachable!() };
//! assert_eq!(tuned.scores.metrics[0].name, "accuracy");
//! assert_eq!((tuned.scores.cost.steps, tuned.scores.examples), (4, 4));
//! # Ok(())
//! # }
//! ```

mod batch;
mod error;
mod features;
mod fine_tune;
mod flops;
mod objective;
mod prepared;
mod scores;
mod task;
mod transfer;
mod tuning;

pub use error::DownstreamError;
pub use features::{Features, image_features, text_features};
pub use fine_tune::{FineTuned, FineTuning, Outcome, fine_tune};
pub use flops::tuning_flops;
pub use scores::{Measured, Scores};
pub use task::{ImageTask, SquadTask, Task, TextKind, TextTask};
pub use transfer::{Transferred, transfer};
pub use tuning::{Kind, Tuning, Way};

/// The result of an operation of this crate.
pub type Result<T> = std::result::Result<T, DownstreamError>;
