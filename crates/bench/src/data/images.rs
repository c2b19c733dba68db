//! JPEGs to batches of pixels, as training reads them.

use super::image_files::PARQUET;
use super::{CLASSES, DataJob};
use crate::protocol::Answer;
use crate::task::Task;
use anyhow::Result;
use ligo_data::BatchPlan;
use ligo_data::images::augment::{Augmentation, AugmentedBatches, Crop};
use ligo_data::images::{Ahead, ImageBatches, ImageSource, Preprocessing};
use std::sync::Arc;

/// Batches that are made before they are asked for: as torch's loader, two for each of its workers.
const AHEAD_PER_THREAD: usize = 2;
/// ImageNet's.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

/// All images once, in a new order each time.
pub(super) struct Epoch {
    batches: AugmentedBatches,
    ahead: usize,
    steps: u64,
    epoch: u64,
    images: u64,
}

impl Epoch {
    pub(super) fn new(job: &DataJob) -> Result<Self> {
        let images = Arc::new(ImageSource::new([job.directory.join(PARQUET)]).read()?);
        let steps = images.len() / job.batch_size as u64;
        let preprocessing = Preprocessing::new(3, job.side)?.normalised(&MEAN, &STD)?;
        let plan = BatchPlan { seed: 1, batch_size: job.batch_size, micro_batches: 1 };
        let plain = ImageBatches::new(images, preprocessing, CLASSES, plan)?;
        let augmentation = Augmentation { crop: Some(Crop::default()), flip: 0.5, ..Augmentation::default() };
        let batches = AugmentedBatches::new(plain, CLASSES, &augmentation)?;
        Ok(Self { batches, ahead: AHEAD_PER_THREAD * job.threads, steps, epoch: 0, images: 0 })
    }
}

impl Task for Epoch {
    fn work(&mut self) -> Result<()> {
        // Made anew: what was made ahead while others had their turn would cost this one nothing.
        let ahead = Ahead::new(self.batches.clone(), self.ahead);
        self.images = 0;
        for step in 0..self.steps {
            let batch = ahead.batch(self.epoch * self.steps + step, 0)?;
            self.images += batch.images.batch_size as u64;
        }
        self.epoch += 1;
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { prepared: Some(self.images), ..Answer::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataWork, prepare, write_images};
    use super::*;

    #[test]
    fn an_epoch_is_all_images_once() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        write_images(directory.path(), 6).expect("they can be written");
        let job = DataJob { batch_size: 2, side: 16, ..DataJob::new(DataWork::Images, 1, directory.path().to_owned()) };
        let mut task = prepare(&job).expect("the files are there");
        for _ in 0..2 {
            task.work().expect("the images are sound");
            assert_eq!(task.answer().prepared, Some(6));
        }
    }
}
