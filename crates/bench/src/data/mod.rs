//! Preparing data, beside the libraries that others prepare it with: text to tokens, JPEGs to batches of pixels.
//!
//! All contenders read the same files, which [`write_text`] and [`write_images`] fill with what is random but has the statistics that
//! cost depends on.

mod image_files;
mod images;
mod text;
mod text_files;

use crate::task::Task;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use image_files::write_images;
pub use text_files::write_text;

/// Images in a batch.
const BATCH_SIZE: usize = 64;
/// Width and height of the images that a model reads.
const SIDE: usize = 224;
/// Classes of the images.
const CLASSES: usize = 10;

/// Files of random data, and what is done with them again and again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataJob {
    /// What is done.
    pub work: DataWork,
    /// Threads, or processes, to work with.
    pub threads: usize,
    /// Where the files are.
    pub directory: PathBuf,
    batch_size: usize,
    side: usize,
}

impl DataJob {
    /// A job on the files that [`write_text`] or [`write_images`] left in a directory.
    pub fn new(work: DataWork, threads: usize, directory: PathBuf) -> Self {
        Self { work, threads, directory, batch_size: BATCH_SIZE, side: SIDE }
    }
}

/// What is done with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataWork {
    /// Text, from Parquet files to the file of tokens that training reads: hashed, read, tokenised, written, synced.
    PrepareText,
    /// The same texts tokenised and nothing else, out of memory and the ids dropped: what `tokenizers` alone takes.
    Tokenize,
    /// An epoch of JPEGs: decoded, randomly cropped and resized to 224 × 224 (bicubic), mirrored, normalised, in batches of 64
    /// that are made ahead.
    Images,
    /// The same by what the peer has beside its first way: tensors in place of Pillow's images.
    ImagesAsTensors,
}

/// Reads what the work needs to have in memory.
pub(crate) fn prepare(job: &DataJob) -> Result<Box<dyn Task>> {
    Ok(match job.work {
        DataWork::PrepareText => Box::new(text::Preparation::new(job)?),
        DataWork::Tokenize => Box::new(text::Tokenizing::new(job)?),
        DataWork::Images | DataWork::ImagesAsTensors => Box::new(images::Epoch::new(job)?),
    })
}
