//! Images, from Parquet files to the batches that ViT, DeiT and CaiT learn from.
//!
//! | step | type | what it does |
//! |---|---|---|
//! | read | [`ImageSource`] | the columns of images and of labels of one or many Parquet files, row group by row group |
//! | keep | [`EncodedImages`] | the images as they were encoded (PNG or JPEG) and their labels, in memory |
//! | prepare | [`Preprocessing`] | decoded, turned, coloured, resized as Pillow does it, cropped, normalised |
//! | batch | [`ImageBatches`] | shuffled, with classes |
//! | augment | [`augment::AugmentedBatches`] | the same with images that differ each time, and soft targets |
//! | prefetch | [`Ahead`] | the batches of either, made while a model computes |
//!
//! As with text, this crate knows nothing of models: an [`ImageBatch`] is plain data, its pixels in the order
//! `[batch, channel, row, column]` that a model reads, its classes from 0.
//!
//! **What depends on what.** An [`ImageBatch`] is a function of the files, the plan's seed and the numbers of step and
//! micro-batch, whatever the number of threads. Each image is met as it is, once in an epoch; [`augment`] makes batches in
//! which it is met cropped, mirrored, coloured, mixed.
//!
//! **Broken images.** One that does not decode is an error that names its file and row, met at the step that it belongs to.
//! Where [`ImageSource::skip_broken`] is set all are tried when they are read, and broken ones left out.
//!
//! [`digits`] is a set that needs no download.
//!
//! **Memory.** The encoded bytes and 16 bytes an image, beside what is decoded for the batch in hand: 56 MB for the 60,000
//! images of CIFAR-10. A data set that is larger than memory is not for this module.
//!
//! ```
//! use ligo_data::BatchPlan;
//! use ligo_data::images::{ImageBatches, ImageSource, Preprocessing, write_image_parquet};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut png = Vec::new();
//! # image::RgbImage::new(5, 4).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)?;
//! let directory = tempfile::tempdir()?;
//! let file = directory.path().join("train.parquet");
//! write_image_parquet(&file, &[(png.clone(), 7), (png, 2)])?;
//!
//! let images = Arc::new(ImageSource::new([file]).read()?);
//! assert_eq!(images.labels(), [7, 2]);
//!
//! let (channels, side, classes) = (3, 16, 10);
//! let plan = BatchPlan { seed: 1, batch_size: 2, micro_batches: 1 };
//! let batches = ImageBatches::new(images, Preprocessing::new(channels, side)?, classes, plan)?;
//! let batch = batches.batch(1000, 0)?;
//! assert_eq!(batch.pixels.len(), 2 * 3 * 16 * 16);
//! assert_eq!(batch, batches.batch(1000, 0)?);
//! # Ok(())
//! # }
//! ```

mod ahead;
pub mod augment;
mod batches;
mod chosen;
mod columns;
mod decode;
pub mod digits;
mod encoded;
#[cfg(test)]
mod pillow;
mod preprocessing;
mod resample;
mod settings;
mod source;
mod write;

pub use ahead::{Ahead, NumberedBatches};
pub use batches::{ImageBatch, ImageBatches};
pub use encoded::{EncodedImages, Skipped};
pub use preprocessing::Preprocessing;
pub use resample::Filter;
pub use source::ImageSource;
pub use write::write_image_parquet;
