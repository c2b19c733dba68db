//! Labelled images: read as they are encoded, prepared for every batch, decoded ahead of training.

use crate::record::{DataRecord, ImageCounts};
use crate::run::Options;
use crate::run::observer::Event;
use crate::schema::{EmbeddedImages, Experiment, ImagesConfig};
use anyhow::Result;
use ligo_data::BatchPlan;
use ligo_data::images::augment::{Augmentation, AugmentedBatch, AugmentedBatches};
use ligo_data::images::{Ahead, EncodedImages, ImageBatch, ImageBatches, ImageSource, Preprocessing, digits};
use ligo_models::{Batch, Images, Inputs, ModelConfig, Targets};
use ligo_train::{BatchSource, TrainingConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Batches that are decoded while the model computes.
const BATCHES_AHEAD: usize = 4;

/// The images of an experiment.
pub(in crate::run) struct ImageData {
    pub(super) record: DataRecord,
    train: Arc<EncodedImages>,
    validation: Arc<EncodedImages>,
    preprocessing: Preprocessing,
    augmentation: Augmentation,
    num_labels: usize,
}

impl ImageData {
    /// Reads the images.
    ///
    /// # Errors
    /// Missing, damaged or unfit files, a label beyond the classes, an image that does not decode where none may be left out.
    pub(super) fn prepare(experiment: &Experiment, images: &ImagesConfig, options: &Options<'_>) -> Result<Self> {
        options.observer.event(&Event::Preparing("images"));
        let model = &experiment.large;
        let (name, train, validation) = sources(images, options)?;
        let mut hasher = blake3::Hasher::new();
        for source in [&train, &validation] {
            hasher.update(source.content_hash()?.as_bytes());
        }
        let (train, validation) = (Arc::new(train.read()?), Arc::new(validation.read()?));
        let record = DataRecord {
            name,
            fingerprint: hasher.finalize().to_hex().to_string(),
            vocab_size: 0,
            train_tokens: 0,
            validation_tokens: 0,
            images: Some(ImageCounts { train: train.len(), validation: validation.len(), classes: model.num_labels() }),
        };
        Ok(Self {
            record,
            train,
            validation,
            preprocessing: preprocessing(experiment, images, model)?,
            augmentation: images.augmentation.clone(),
            num_labels: model.num_labels(),
        })
    }

    /// Batches to train on, in the order that `seed` gives.
    ///
    /// # Errors
    /// None that [`ImageData::prepare`] would not have reported.
    pub(super) fn training(&self, training: &TrainingConfig, seed: u64) -> Result<Box<dyn BatchSource>> {
        let plan = BatchPlan { seed, batch_size: training.micro_batch_size(), micro_batches: training.accumulate };
        let plain = self.batches(&self.train, plan)?;
        let augmented = AugmentedBatches::new(plain, self.num_labels, &self.augmentation)?;
        let shared = self.augmentation.mixing.is_some() || self.augmentation.label_smoothing > 0.0;
        let ahead = Ahead::new(augmented, BATCHES_AHEAD);
        Ok(Box::new(move |step: u64, micro: usize| {
            let AugmentedBatch { images, targets } = ahead.batch(step, micro)?;
            let batch = labelled_images(images);
            Ok(if shared { Batch { targets: Targets::Shares(targets), ..batch } } else { batch })
        }))
    }

    /// The fixed validation batches, the same for every row and seed.
    ///
    /// # Errors
    /// An image that does not decode.
    pub(super) fn validation(&self, experiment: &Experiment) -> Result<Vec<Batch>> {
        let (images, count) = (experiment.training.micro_batch_size(), experiment.evaluation.batches);
        let batches = self.batches(&self.validation, BatchPlan { seed: 0, batch_size: images, micro_batches: 1 })?;
        Ok(batches.validation_batches(images, count)?.into_iter().map(labelled_images).collect())
    }

    /// Puts `preprocessor_config.json` beside a model's weights.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn save_preprocessing(&self, directory: &Path) -> Result<()> {
        Ok(self.preprocessing.save(directory)?)
    }

    fn batches(&self, images: &Arc<EncodedImages>, plan: BatchPlan) -> Result<ImageBatches> {
        Ok(ImageBatches::new(Arc::clone(images), self.preprocessing.clone(), self.num_labels, plan)?)
    }
}

/// How images are prepared: as the checkpoint says if there is one, but for what the file says.
pub(in crate::run) fn preprocessing(
    experiment: &Experiment,
    images: &ImagesConfig,
    model: &ModelConfig,
) -> Result<Preprocessing> {
    let (channels, side) = (model.num_channels(), model.image_size());
    let preprocessing = match &experiment.checkpoint {
        Some(checkpoint) => Preprocessing::of_checkpoint(&checkpoint.directory, channels, side)?,
        None => Preprocessing::new(channels, side)?,
    };
    Ok(preprocessing.normalised(&images.mean, &images.std)?.keeping(images.crop_share)?)
}

/// A batch of images as the models want it.
fn labelled_images(batch: ImageBatch) -> Batch {
    let ImageBatch { pixels, classes, batch_size } = batch;
    Batch { inputs: Inputs::Images(Images { pixels, batch_size }), targets: Targets::Classes(classes) }
}

/// The name of the images, and where those for training and validation lie.
fn sources(images: &ImagesConfig, options: &Options<'_>) -> Result<(String, ImageSource, ImageSource)> {
    if let Some(EmbeddedImages::Digits) = images.set {
        let report = digits::build(&options.data_dir.join("digits"))?;
        return Ok(("digits".into(), ImageSource::new([report.train]), ImageSource::new([report.validation])));
    }
    let source = |files: &[PathBuf]| {
        let files = files.iter().map(|file| options.workspace.join(file));
        let source = ImageSource::new(files).with_columns(images.image_column.clone(), images.label_column.clone());
        source.skipping_broken(images.skip_broken)
    };
    let name = images.train.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok((name, source(&images.train), source(&images.validation)))
}
