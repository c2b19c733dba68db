//! A checkpoint as its users see it: found by name, inspected, spoken to.
//!
//! - [`resolve`] turns what a user writes, a directory or a name on the Hugging Face Hub, into a directory on this machine.
//! - [`inspect()`] says what lies there without reading a weight: sizes, parameters by module, FLOPs, types, growth spaces, what is
//!   missing.
//! - [`Loaded`] is a language model with its tokenizer; it [continues](Loaded::generate) a text or
//!   [fills in](Loaded::fill_mask) what is masked in one.
//!
//! ```
//! use ligo_checkpoints::{Loaded, Settings, Wishes, inspect, resolve};
//! # use ligo_kernels::Cpu;
//! # use ligo_models::hub::{self, ExportOptions, LoadOptions};
//! # use ligo_models::{Family, Model, ModelConfig};
//! # use std::ops::ControlFlow;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (scratch, device) = (tempfile::tempdir()?, Cpu::default());
//! # let config = ModelConfig { vocab_size: 4, max_position_embeddings: 8, ..ModelConfig::new(Family::Gpt2, 4, 1, 2) };
//! # let model = Model::new(config)?;
//! # hub::export(scratch.path(), &model, &model.fresh(&device, 1)?, &ExportOptions::default())?;
//! # std::fs::write(scratch.path().join("tokenizer.json"), r#"{ "version": "1.0", "added_tokens": [],
//! #     "pre_tokenizer": { "type": "Whitespace" },
//! #     "model": { "type": "WordLevel", "vocab": { "a": 0, "small": 1, "model": 2, "[UNK]": 3 }, "unk_token": "[UNK]" } }"#)?;
//! # let reference = scratch.path().to_str().ok_or("a path that is text")?;
//! let directory = resolve(reference)?; // or "hf://owner/name@revision"
//!
//! let inspection = inspect(&directory, None)?;
//! assert_eq!((inspection.family.name(), inspection.parameters), ("gpt2", 300));
//!
//! let loaded = Loaded::open(&directory, &device, &LoadOptions::default())?;
//! let settings = Settings::new(&loaded, &Wishes { max_new_tokens: Some(3), greedy: true, ..Wishes::default() })?;
//! let mut text = String::new();
//! let generated = loaded.generate("a small", &settings, 0, &mut |piece| {
//!     text.push_str(piece);
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(generated.new_tokens, 3);
//! # Ok(())
//! # }
//! ```
//!
//! What is not here: reading and writing weights, which is `ligo_models::hub`; growing; anything that prints.

mod error;
mod fill_mask;
mod generate;
mod inspect;
mod loaded;
mod read;
mod resolve;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use error::CheckpointError;
pub use fill_mask::{Candidate, FilledMask};
pub use generate::{End, Generated, Generation, Length, Settings, Wishes};
pub use inspect::{Files, FlopsPer, Inspection, ModuleKind, SpaceUse, TokenizerCheck, inspect};
pub use loaded::Loaded;
pub use resolve::{Event, Hub, resolve};
pub use tokenizer::{SpecialTokens, Tokenizer};

/// The result of looking for, at, or into a checkpoint.
pub type Result<T> = std::result::Result<T, CheckpointError>;
