//! Images: decoded and augmented ahead of the training, accuracy over the whole validation split, decoded batch by batch.

use super::Prepared;
use crate::Result;
use crate::batch;
use crate::error::{data_of, metric_of};
use crate::scores::{Evaluation, Measured};
use crate::task::ImageTask;
use ligo_data::BatchPlan;
use ligo_data::images::augment::{AugmentedBatch, AugmentedBatches};
use ligo_data::images::{Ahead, EncodedImages, ImageBatch, ImageBatches};
use ligo_eval::metrics::accuracy;
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, Parameters, Targets};
use ligo_train::{BatchSource, StopFlag};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Batches that are decoded while the model computes.
const BATCHES_AHEAD: usize = 4;
/// Batches, evenly spread over the split, that the loss after an epoch is computed on: they stay decoded in memory.
const LOSS_BATCHES: usize = 16;

pub(super) struct Pictures<'a> {
    task: &'a ImageTask,
    train: Ahead<AugmentedBatches>,
    /// Whether a target is spread over classes.
    shared: bool,
    validation: ImageBatches,
}

impl<'a> Pictures<'a> {
    pub(super) fn prepare(task: &'a ImageTask, plan: BatchPlan) -> Result<Self> {
        let batches = |images: &Arc<EncodedImages>| {
            ImageBatches::new(images.clone(), task.preprocessing().clone(), task.num_labels(), plan)
        };
        let prepare = || {
            let train = AugmentedBatches::new(batches(task.train())?, task.num_labels(), task.augmentation())?;
            let shared = task.augmentation().mixing.is_some() || task.augmentation().label_smoothing > 0.0;
            Ok(Self { task, train: Ahead::new(train, BATCHES_AHEAD), shared, validation: batches(task.validation())? })
        };
        prepare().map_err(data_of(task.name()))
    }
}

/// All images once, in their order, so many at a time; the last batch may be smaller.
pub(crate) fn in_order(
    batches: &ImageBatches,
    batch_size: usize,
) -> impl Iterator<Item = std::result::Result<ImageBatch, ligo_data::DataError>> {
    let images = batches.images().len();
    (0..images).step_by(batch_size).map(move |start| {
        let end = (start + batch_size as u64).min(images);
        let found = batches.clone().within(start..end)?.validation_batches((end - start) as usize, 1)?;
        // A range that one batch holds gives that one.
        Ok(found.into_iter().next().unwrap_or(ImageBatch { pixels: Vec::new(), classes: Vec::new(), batch_size: 0 }))
    })
}

impl BatchSource for Pictures<'_> {
    fn batch(&self, step: u64, micro: usize) -> anyhow::Result<Batch> {
        let AugmentedBatch { images, targets } = self.train.batch(step, micro)?;
        let batch = batch::of_images(images);
        Ok(if self.shared { Batch { targets: Targets::Shares(targets), ..batch } } else { batch })
    }
}

impl<D: Kernels> Prepared<D> for Pictures<'_> {
    fn samples(&self) -> u64 {
        self.task.train().len()
    }

    fn examples(&self) -> (u64, u64) {
        (self.task.train().len(), self.task.validation().len())
    }

    fn validation(&self) -> Result<Vec<Batch>> {
        let batches = self.validation.validation_batches(self.validation.plan().batch_size, LOSS_BATCHES);
        Ok(batches.map_err(data_of(self.task.name()))?.into_iter().map(batch::of_images).collect())
    }

    fn lengths(&self, steps: u64) -> BTreeMap<usize, u64> {
        // A model of images knows how long its sequences are.
        BTreeMap::from([(1, steps * self.validation.plan().micro_batches as u64)])
    }

    fn measure(&self, model: &Model, parameters: &Parameters<D>, stop: &StopFlag) -> Result<Option<Evaluation>> {
        let mut predictions = Vec::new();
        for found in in_order(&self.validation, self.validation.plan().batch_size) {
            if stop.is_set() {
                return Ok(None);
            }
            let batch = batch::of_images(found.map_err(data_of(self.task.name()))?);
            predictions.extend(batch::classes(&model.logits(parameters, &batch.inputs)?));
        }
        let labels = self.task.validation().labels();
        let value = accuracy(&predictions, labels).map_err(metric_of(self.task.name()))?;
        let metrics = vec![Measured { split: "validation".to_owned(), name: "accuracy".to_owned(), value }];
        Ok(Some(Evaluation { metrics, heading: Some(value), own: value }))
    }
}
