//! From `[data]` to batches: text or labelled images, read, prepared and hashed.

mod images;
mod text;

use super::Options;
use crate::record::DataRecord;
use crate::schema::Experiment;
use anyhow::Result;
use images::ImageData;
pub(super) use images::preprocessing;
use ligo_models::Batch;
use ligo_train::{BatchSource, TrainingConfig};
use std::path::Path;
use text::TextData;

/// The prepared data of an experiment.
pub(super) enum Data {
    Text(Box<TextData>),
    Images(Box<ImageData>),
}

impl Data {
    /// Prepares what is not there yet; everything is kept in the data directory, named by content.
    ///
    /// # Errors
    /// Missing, damaged or unfit files, naming them and what was expected; too little of them; a vocabulary larger than the
    /// models', a label beyond their classes.
    pub(super) fn prepare(experiment: &Experiment, options: &Options<'_>) -> Result<Self> {
        let data = match &experiment.data.images {
            Some(images) => Self::Images(Box::new(ImageData::prepare(experiment, images, options)?)),
            None => Self::Text(Box::new(TextData::prepare(experiment, options)?)),
        };
        // What cannot be made into batches is better found now than when its turn comes.
        data.training(&experiment.training, 0)?;
        Ok(data)
    }

    /// What the data are.
    pub(super) fn record(&self) -> &DataRecord {
        match self {
            Self::Text(text) => &text.record,
            Self::Images(images) => &images.record,
        }
    }

    /// Batches to train on, in the order that `seed` gives.
    ///
    /// # Errors
    /// None that [`Data::prepare`] would not have reported.
    pub(super) fn training(&self, training: &TrainingConfig, seed: u64) -> Result<Box<dyn BatchSource + '_>> {
        match self {
            Self::Text(text) => Ok(Box::new(text.training(training, seed)?)),
            Self::Images(images) => images.training(training, seed),
        }
    }

    /// The fixed validation batches, the same for every row and seed.
    ///
    /// # Errors
    /// None that [`Data::prepare`] would not have reported; an image that does not decode.
    pub(super) fn validation(&self, experiment: &Experiment) -> Result<Vec<Batch>> {
        match self {
            Self::Text(text) => text.validation(experiment),
            Self::Images(images) => images.validation(experiment),
        }
    }

    /// Puts beside a model's weights what it takes to use it: the tokenizer, or how images are prepared.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn save_beside(&self, directory: &Path) -> Result<()> {
        match self {
            Self::Text(text) => text.save_tokenizer(directory),
            Self::Images(images) => images.save_preprocessing(directory),
        }
    }
}
