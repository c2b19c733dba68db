//! Models as the Hub has them: a directory with `config.json`, `model.safetensors` (or shards of it with an index), and what
//! belongs to the tokenizer.
//!
//! - [`open`] looks: the configuration and the names, shapes and types of all tensors, whatever their size.
//! - [`Checkpoint::load`] reads the weights; [`import`] is both in one.
//! - [`export()`] writes a directory that `transformers` (for models with `timm`'s names, `timm`) loads; [`Export`] does so weight by
//!   weight, as they are made.
//!
//! Nothing in a checkpoint is ever executed: weights in formats that hold code are refused, whoever made them.

mod config;
mod directory;
mod early_sync;
mod export;
mod index;
mod load;
mod matching;
mod names;
mod open;
mod resize;
mod sizes;
mod weights;

pub use directory::travels_along;
pub use export::{Export, ExportOptions, export};
pub use load::LoadOptions;
pub use matching::Remark;
pub use open::{Checkpoint, Stored, open};

use crate::{Model, Parameters, Result};
use ligo_kernels::Kernels;
use std::path::Path;

/// The architecture's file.
const CONFIG: &str = "config.json";
/// The weights' file.
const WEIGHTS: &str = "model.safetensors";

/// Reads a model: [`open`] and [`Checkpoint::load`] with the usual options.
///
/// # Errors
/// As those two.
pub fn import<D: Kernels>(directory: &Path, device: &D) -> Result<(Model, Parameters<D>)> {
    open(directory)?.load(device, &LoadOptions::default())
}
