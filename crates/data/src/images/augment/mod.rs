//! Training images made anew each time they are met, as torchvision and timm do it for DeiT and CaiT.
//!
//! In this order, each an option of [`Augmentation`] and none on by default:
//!
//! | option | what it does | on | source |
//! |---|---|---|---|
//! | `repeats` | shows each image several times in a row | the order of the images | DeiT `samplers.py` |
//! | `crop` | a random part, resized | 8-bit pixels | torchvision `RandomResizedCrop` |
//! | `flip` | left for right | 8-bit pixels | torchvision `RandomHorizontalFlip` |
//! | `rand_augment` | random operations on colours and place | 8-bit pixels | timm `auto_augment.py` |
//! | `erasing` | noise in a rectangle | normalised numbers | timm `random_erasing.py` |
//! | `mixing` | Mixup or CutMix of pairs of images, and of their targets | the batch | timm `mixup.py` |
//! | `label_smoothing` | a share of the target for every label | the targets | timm `mixup.py` |
//!
//! The definitions are those of the sources, the arithmetic of 8-bit pixels is that of Pillow, to the last bit but for turns;
//! the random numbers are our own.
//!
//! **What depends on what.** Everything that is drawn for an image is a function of seed, pass over the images, image and
//! repeat, and for each transform of numbers of its own; how a batch is mixed is one of seed, step and micro-batch. So a
//! training that is resumed meets the same images, and switching one option leaves the choices of the others as they are.
//!
//! ```
//! use ligo_data::BatchPlan;
//! use ligo_data::images::augment::{AugmentedBatches, Augmentation};
//! use ligo_data::images::{ImageBatches, ImageSource, Preprocessing, write_image_parquet};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut png = Vec::new();
//! # image::RgbImage::new(40, 30).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)?;
//! # let directory = tempfile::tempdir()?;
//! # let file = directory.path().join("train.parquet");
//! # write_image_parquet(&file, &[(png.clone(), 7), (png, 2)])?;
//! let images = Arc::new(ImageSource::new([file]).read()?);
//! let plan = BatchPlan { seed: 1, batch_size: 6, micro_batches: 1 };
//! let plain = ImageBatches::new(images, Preprocessing::new(3, 16)?, 10, plan)?;
//!
//! let batches = AugmentedBatches::new(plain, 10, &Augmentation::deit())?;
//! let batch = batches.batch(1000, 0)?;
//! assert_eq!(batch.images.pixels.len(), 6 * 3 * 16 * 16);
//! assert_eq!(batch.targets.len(), 6 * 10);
//! assert_eq!(batch, batches.batch(1000, 0)?);
//! # Ok(())
//! # }
//! ```

mod affine;
mod batches;
mod beta;
mod crop;
mod enhance;
mod erasing;
mod flip;
mod image;
mod mixing;
mod options;
#[cfg(test)]
mod pillow;
mod rand_augment;
mod repeated;
mod targets;
mod tones;

pub use batches::{AugmentedBatch, AugmentedBatches};
pub use crop::Crop;
pub use erasing::Erasing;
pub use mixing::Mixing;
pub use options::Augmentation;
pub use rand_augment::RandAugment;
pub use repeated::{RepeatedOrder, Showing};
