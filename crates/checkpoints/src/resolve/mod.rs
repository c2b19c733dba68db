//! From what a user writes to a directory: a path, or the name of a model on the Hugging Face Hub.
//!
//! - [`reference`]: what is a path and what is a name.
//! - [`environment`]: where the Hub, its cache and the token are, by the variables that its users know.
//! - [`cache`]: what is there without a network.
//! - [`download`]: what is not, through `hf-hub`.
//! - [`failure`]: what a refusal means.

mod cache;
mod download;
mod environment;
mod failure;
mod reference;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

pub use environment::Hub;

use crate::Result;
use reference::Reference;
use std::path::PathBuf;

/// What happens while a checkpoint is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file begins, or begins again where it was cut.
    File {
        /// Its name in the repository.
        name: &'a str,
        /// Its number, from 1.
        number: usize,
        /// How many there are to fetch or to find in the cache.
        of: usize,
        /// Its size.
        bytes: u64,
    },
    /// So many more bytes of it are there.
    Bytes(u64),
    /// It is complete.
    Done,
    /// The Hub could not be asked; what the cache holds is taken instead.
    FromCache {
        /// Why.
        reason: &'a str,
    },
}

/// The directory that `reference` means, in the environment of this process.
///
/// An existing path is taken as it is. `hf://owner/name`, `hf://owner/name@revision` and a plain `owner/name` that is no path are
/// looked for on the Hugging Face Hub and in its cache, which is shared with Python's `huggingface_hub`. See [`Hub`].
///
/// # Errors
/// [`crate::CheckpointError::Reference`] that says what was looked for where, and what else would do.
pub fn resolve(reference: &str) -> Result<PathBuf> {
    match Reference::parse(reference)? {
        Reference::Local(path) => Ok(path),
        Reference::Remote(_) => Hub::from_environment()?.resolve(reference, &|_| {}),
    }
}

impl Hub {
    /// As [`resolve`], with settings of its own; `report` is told what happens.
    ///
    /// What is fetched: `config.json`, the weights in safetensors (one file, or an index and its shards), and what belongs to
    /// tokenizer, image processor and generation, and the card with the licence; never a format that can hold code. A file that was
    /// cut is fetched from there on.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn resolve(&self, reference: &str, report: &dyn Fn(Event<'_>)) -> Result<PathBuf> {
        let name = match Reference::parse(reference)? {
            Reference::Local(path) => return Ok(path),
            Reference::Remote(name) => name,
        };
        if self.environment.offline {
            return self.cached(&name).map_err(|found| {
                name.refuse(format!(
                    "HF_HUB_OFFLINE is set, and {found} in the cache {}; {}",
                    self.cache.display(),
                    self.instead(&name)
                ))
            });
        }
        self.fetch(&name, report)
    }
}
