//! Images and their classes: two columns of Parquet, prepared as the checkpoint says. The last ones are held out.

use super::HELD_OUT;
use crate::{GrowError, Result};
use ligo_data::BatchPlan;
use ligo_data::images::{EncodedImages, ImageBatch, ImageBatches, ImageSource, Preprocessing};
use ligo_models::hub::Checkpoint;
use ligo_models::{Batch, Images, Inputs, Targets};
use ligo_train::BatchSource;
use std::sync::Arc;

/// Images as they were encoded, and how they are prepared.
#[derive(Debug)]
pub(crate) struct ImageData {
    images: Arc<EncodedImages>,
    preprocessing: Preprocessing,
    num_labels: usize,
    /// The first that is held out.
    first_held_out: u64,
}

/// How a checkpoint's images are prepared.
pub(super) fn preprocessing(checkpoint: &Checkpoint) -> Result<Preprocessing> {
    let config = checkpoint.config();
    Ok(Preprocessing::of_checkpoint(checkpoint.directory(), config.num_channels(), config.image_size())?)
}

impl ImageData {
    pub(super) fn read(source: &ImageSource, checkpoint: &Checkpoint) -> Result<Self> {
        let images = Arc::new(source.read()?);
        let count = images.len();
        if count < 2 {
            return Err(GrowError::asked("--data", "one image", "two or more: the last one is held out"));
        }
        let data = Self {
            first_held_out: count - (count / HELD_OUT).max(1),
            preprocessing: preprocessing(checkpoint)?,
            num_labels: checkpoint.config().num_labels(),
            images,
        };
        // Labels beyond the model's are better found now.
        data.batches(BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 })?;
        Ok(data)
    }

    pub(super) fn training(&self, plan: BatchPlan) -> Result<Box<dyn BatchSource + '_>> {
        let batches = self.batches(plan)?.within(0..self.first_held_out)?;
        Ok(Box::new(move |step: u64, micro: usize| anyhow::Ok(labelled_images(batches.batch(step, micro)?))))
    }

    pub(super) fn held_out(&self, images: usize, count: usize) -> Result<Vec<Batch>> {
        let plan = BatchPlan { seed: 0, batch_size: images, micro_batches: 1 };
        let batches = self.batches(plan)?.within(self.first_held_out..self.images.len())?;
        Ok(batches.validation_batches(images, count)?.into_iter().map(labelled_images).collect())
    }

    fn batches(&self, plan: BatchPlan) -> Result<ImageBatches> {
        Ok(ImageBatches::new(Arc::clone(&self.images), self.preprocessing.clone(), self.num_labels, plan)?)
    }
}

/// A batch of images as the models want it.
fn labelled_images(batch: ImageBatch) -> Batch {
    let ImageBatch { pixels, classes, batch_size } = batch;
    Batch { inputs: Inputs::Images(Images { pixels, batch_size }), targets: Targets::Classes(classes) }
}
