//! A set of labelled images, to which a pretrained model of images is transferred.

use crate::error::data_of;
use crate::{DownstreamError, Result};
use ligo_data::BatchPlan;
use ligo_data::images::augment::Augmentation;
use ligo_data::images::{EncodedImages, ImageBatches, ImageSource, Preprocessing};
use ligo_models::ModelConfig;
use std::sync::Arc;

const ONE_BY_ONE: BatchPlan = BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 };

/// Images to train on and to evaluate with, as they are encoded, in memory.
#[derive(Debug, Clone)]
pub struct ImageTask {
    name: String,
    num_labels: usize,
    train: Arc<EncodedImages>,
    validation: Arc<EncodedImages>,
    preprocessing: Preprocessing,
    augmentation: Augmentation,
    fingerprint: blake3::Hash,
}

impl ImageTask {
    /// Reads both splits; images are prepared as `preprocessing` says, to the size that the model was trained with.
    ///
    /// # Errors
    /// [`Data`](crate::DownstreamError::Data) for files that are missing, damaged or empty, or lack a column, and for a label that
    /// is not below `num_labels`.
    pub fn read(
        name: impl Into<String>,
        train: &ImageSource,
        validation: &ImageSource,
        num_labels: usize,
        preprocessing: Preprocessing,
    ) -> Result<Self> {
        let name = name.into();
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{name} {num_labels} {preprocessing:?}").as_bytes());
        let mut read = |source: &ImageSource| {
            hasher.update(source.content_hash()?.as_bytes());
            let images = Arc::new(source.read()?);
            // Whoever makes batches checks the labels.
            ImageBatches::new(images.clone(), preprocessing.clone(), num_labels, ONE_BY_ONE)?;
            Ok(images)
        };
        let train = read(train).map_err(data_of(&name))?;
        let validation = read(validation).map_err(data_of(&name))?;
        let (augmentation, fingerprint) = (Augmentation::default(), hasher.finalize());
        Ok(Self { name, num_labels, train, validation, preprocessing, augmentation, fingerprint })
    }

    /// The same with training images augmented (the paper: as for ImageNet). Nothing is the default.
    ///
    /// # Errors
    /// [`Data`](crate::DownstreamError::Data) for an option out of its range.
    pub fn augmented(self, augmentation: Augmentation) -> Result<Self> {
        augmentation.check().map_err(data_of(&self.name))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.fingerprint.as_bytes()).update(format!("{augmentation:?}").as_bytes());
        Ok(Self { augmentation, fingerprint: hasher.finalize(), ..self })
    }

    /// Its name in tables and messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Classes.
    pub fn num_labels(&self) -> usize {
        self.num_labels
    }

    /// What a model is trained on.
    pub fn train(&self) -> &Arc<EncodedImages> {
        &self.train
    }

    /// What it is evaluated with.
    pub fn validation(&self) -> &Arc<EncodedImages> {
        &self.validation
    }

    /// How images are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What is done to training images.
    pub fn augmentation(&self) -> &Augmentation {
        &self.augmentation
    }

    /// Refuses images of another size than the model's.
    pub(crate) fn check_images(&self, config: &ModelConfig) -> Result<()> {
        let prepared = (self.preprocessing().channels(), self.preprocessing().side());
        for (key, found, expected) in
            [("num_channels", prepared.0, config.num_channels()), ("image_size", prepared.1, config.image_size())]
        {
            if found != expected {
                let expected = format!("the model's {expected}");
                return Err(DownstreamError::Tuning { key, found: format!("{found} of the images"), expected });
            }
        }
        Ok(())
    }

    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        self.fingerprint
    }
}
