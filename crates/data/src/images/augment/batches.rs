//! Batches of augmented images with soft targets.

use super::image::prepare;
use super::mixing::Mix;
use super::targets::soft_targets;
use super::{Augmentation, RepeatedOrder, Showing};
use crate::DataError;
use crate::images::decode::decode;
use crate::images::{ImageBatch, ImageBatches};
use crate::random::{Purpose, Stream};
use rayon::prelude::*;

/// Images as a model reads them, and what it is to say of each.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentedBatch {
    /// The images, each with the class that it had before images were mixed.
    pub images: ImageBatch,
    /// `batch_size · num_labels` shares, image after image; those of an image sum to 1.
    pub targets: Vec<f32>,
}

/// Makes batches of augmented images. A batch is a function of the plan's seed and its numbers alone, as with
/// [`ImageBatches`], whatever the number of threads.
#[derive(Debug, Clone)]
pub struct AugmentedBatches {
    plain: ImageBatches,
    augmentation: Augmentation,
    order: RepeatedOrder,
    num_labels: usize,
}

impl AugmentedBatches {
    /// The images of `plain`, in the order of its seed, and prepared as it says but for what `augmentation` changes.
    ///
    /// # Errors
    /// An option out of its range, a label that is not below `num_labels`.
    pub fn new(plain: ImageBatches, num_labels: usize, augmentation: &Augmentation) -> Result<Self, DataError> {
        augmentation.check()?;
        plain.images().check_labels(num_labels)?;
        let images = plain.within.end - plain.within.start;
        let order = RepeatedOrder::new(images, augmentation.repeats, plain.plan().seed);
        Ok(Self { plain, augmentation: augmentation.clone(), order, num_labels })
    }

    /// The batches without augmentation, as for validation.
    pub fn plain(&self) -> &ImageBatches {
        &self.plain
    }

    /// What is done to the images.
    pub fn augmentation(&self) -> &Augmentation {
        &self.augmentation
    }

    /// Batch `micro` of training step `step`. Images are mixed within it.
    ///
    /// # Errors
    /// An image that does not decode.
    ///
    /// # Panics
    /// If `micro` is not below the plan's `micro_batches`.
    pub fn batch(&self, step: u64, micro: usize) -> Result<AugmentedBatch, DataError> {
        let (plan, numbers) = (self.plain.plan(), self.plain.preprocessing().numbers());
        let showings: Vec<Showing> = plan.samples(step, micro).map(|sample| self.showing(sample)).collect();
        let mut pixels = vec![0.0; showings.len() * numbers];
        let prepared: Vec<Result<(), DataError>> = showings
            .par_iter()
            .zip(pixels.par_chunks_exact_mut(numbers))
            .map(|(&showing, numbers)| self.prepare(showing, numbers))
            .collect();
        // The first error by place, whichever thread met one first.
        prepared.into_iter().collect::<Result<(), DataError>>()?;
        let mix = self.mix(plan.seed, step, micro);
        mix.apply(&mut pixels, numbers);
        let labels = self.plain.images().labels();
        let classes: Vec<i32> = showings.iter().map(|showing| labels[showing.image as usize]).collect();
        let targets = soft_targets(&classes, self.num_labels, self.augmentation.label_smoothing, mix.share());
        Ok(AugmentedBatch { images: ImageBatch { pixels, classes, batch_size: showings.len() }, targets })
    }

    /// What a sample shows, its image counted in all images.
    fn showing(&self, sample: u64) -> Showing {
        let showing = self.order.showing(sample);
        Showing { image: self.plain.within.start + showing.image, ..showing }
    }

    fn prepare(&self, showing: Showing, numbers: &mut [f32]) -> Result<(), DataError> {
        let (preprocessing, seed) = (self.plain.preprocessing(), self.plain.plan().seed);
        let encoded = self.plain.images().get(showing.image);
        decode(encoded.bytes, preprocessing.channels())
            .and_then(|image| prepare(image, &self.augmentation, preprocessing, seed, showing, numbers))
            .map_err(|why| encoded.unusable(why))
    }

    fn mix(&self, seed: u64, step: u64, micro: usize) -> Mix {
        let mut stream = Stream::new(Purpose::Mixing, &[seed, step, micro as u64]);
        let side = self.plain.preprocessing().side();
        self.augmentation.mixing.map_or(Mix::Nothing, |mixing| mixing.draw(side, &mut stream))
    }
}
