//! Batches of images: decoded and prepared when they are asked for, on all threads.

use super::decode::decode;
use super::{EncodedImages, Preprocessing};
use crate::batch::validation_blocks;
use crate::{BatchPlan, DataError};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Images as a model reads them, and their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBatch {
    /// `batch_size · channels · side · side` numbers: image after image, in each channel after channel, in each row
    /// after row.
    pub pixels: Vec<f32>,
    /// The class of each image.
    pub classes: Vec<i32>,
    /// Images.
    pub batch_size: usize,
}

/// Makes batches of images. A batch is a function of seed and number alone: resuming needs no more than the number of the
/// step.
#[derive(Debug, Clone)]
pub struct ImageBatches {
    images: Arc<EncodedImages>,
    preprocessing: Preprocessing,
    plan: BatchPlan,
    /// The images that batches are made of; never empty.
    pub(super) within: Range<u64>,
}

impl ImageBatches {
    /// # Errors
    /// Sizes of zero, a label that is not below `num_labels`.
    pub fn new(
        images: Arc<EncodedImages>,
        preprocessing: Preprocessing,
        num_labels: usize,
        plan: BatchPlan,
    ) -> Result<Self, DataError> {
        images.check_labels(num_labels)?;
        Ok(Self { within: 0..images.len(), images, preprocessing, plan: plan.check()? })
    }

    /// The same of a part of the images alone, as where some are held out.
    ///
    /// # Errors
    /// A range that is empty or goes beyond the images.
    pub fn within(self, range: Range<u64>) -> Result<Self, DataError> {
        if range.is_empty() || range.end > self.images.len() {
            let (option, found) = ("range of images", format!("{range:?}"));
            return Err(DataError::Option { option, found, expected: format!("1 or more of {}", self.images.len()) });
        }
        Ok(Self { within: range, ..self })
    }

    /// What the batches are made of.
    pub fn images(&self) -> &EncodedImages {
        &self.images
    }

    /// How images are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The order in which training meets them.
    pub fn plan(&self) -> BatchPlan {
        self.plan
    }

    /// Batch `micro` of training step `step`. Goes on into the next epoch, newly shuffled, wherever one ends.
    ///
    /// # Errors
    /// An image that does not decode.
    ///
    /// # Panics
    /// If `micro` is not below the plan's `micro_batches`.
    pub fn batch(&self, step: u64, micro: usize) -> Result<ImageBatch, DataError> {
        let Range { start, end } = self.within;
        let places = self.plan.blocks(end - start, step, micro);
        self.of_images(&places.map(|place| start + place.block).collect::<Vec<_>>())
    }

    /// At most `max_batches` batches for validation, at least one: images evenly spread over the files, the same at every
    /// call and for every seed. For a loader of the validation images.
    ///
    /// # Errors
    /// An image that does not decode.
    pub fn validation_batches(&self, batch_size: usize, max_batches: usize) -> Result<Vec<ImageBatch>, DataError> {
        let Range { start, end } = self.within;
        let batches = validation_blocks(end - start, batch_size, max_batches).into_iter();
        batches.map(|images| self.of_images(&images.iter().map(|image| start + image).collect::<Vec<_>>())).collect()
    }

    /// Passes over the images that are complete before step `step`.
    pub fn epoch(&self, step: u64) -> u64 {
        step * (self.plan.micro_batches * self.plan.batch_size) as u64 / (self.within.end - self.within.start)
    }

    fn of_images(&self, images: &[u64]) -> Result<ImageBatch, DataError> {
        let mut pixels = vec![0.0; images.len() * self.preprocessing.numbers()];
        let places: Vec<(&u64, &mut [f32])> =
            images.iter().zip(pixels.chunks_exact_mut(self.preprocessing.numbers())).collect();
        let prepared: Vec<Result<(), DataError>> =
            places.into_par_iter().map(|(&image, numbers)| self.prepare(image, numbers)).collect();
        // The first error by place, whichever thread met one first.
        prepared.into_iter().collect::<Result<(), DataError>>()?;
        let classes = images.iter().map(|&image| self.images.labels()[image as usize]).collect();
        Ok(ImageBatch { pixels, classes, batch_size: images.len() })
    }

    fn prepare(&self, image: u64, numbers: &mut [f32]) -> Result<(), DataError> {
        let encoded = self.images.get(image);
        let image = decode(encoded.bytes, self.preprocessing.channels())
            .and_then(|image| self.preprocessing.fit(image))
            .map_err(|why| encoded.unusable(why))?;
        self.preprocessing.normalise(&image, numbers);
        Ok(())
    }
}
