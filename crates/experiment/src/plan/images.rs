//! What the images of an experiment take in memory: encoded as they are, and decoded for validation.

use crate::schema::Experiment;
use ligo_data::images::ImageSource;
use std::path::Path;

/// In bytes, beside the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageMemory {
    /// All images as they are encoded, reckoned by the sizes of their files; none where the files are not there.
    pub encoded: Option<u64>,
    /// The images of the validation batches, decoded once and kept.
    pub validation: u64,
}

impl ImageMemory {
    /// Of an experiment on images.
    pub(super) fn of(experiment: &Experiment, workspace: &Path) -> Option<Self> {
        let images = experiment.data.images.as_ref()?;
        let model = &experiment.large;
        let numbers = (model.num_channels() * model.image_size() * model.image_size()) as u64;
        let batches = experiment.evaluation.batches as u64;
        let count = batches.saturating_mul(experiment.training.micro_batch_size() as u64);
        // What the project carries is small, and made when it is run.
        let files = images.train.iter().chain(&images.validation).map(|file| workspace.join(file));
        let encoded = if images.set.is_some() { Some(0) } else { sizes(&ImageSource::new(files)) };
        Some(Self { encoded, validation: 4 * numbers * count })
    }
}

fn sizes(source: &ImageSource) -> Option<u64> {
    let files = source.resolve().ok()?;
    files.iter().map(|file| Some(std::fs::metadata(file).ok()?.len())).sum()
}
