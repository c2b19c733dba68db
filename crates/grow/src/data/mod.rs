//! What an operator learns on and losses are measured on: Parquet, text or images by the model's family, the last part of it held
//! out. How text and images become batches is `ligo_data`'s affair.

mod images;
mod text;

use crate::{GrowError, Result};
use images::ImageData;
use ligo_data::images::ImageSource;
use ligo_data::{BatchPlan, TextSource};
use ligo_kernels::IGNORED;
use ligo_models::hub::Checkpoint;
use ligo_models::{Batch, Head, ModelConfig};
use ligo_train::{BatchSource, TrainingConfig};
use std::path::{Path, PathBuf};
use text::TextData;

/// The last part of the data that is held out: one in so many.
pub(crate) const HELD_OUT: u64 = 20;

/// The column that text is looked for in.
const TEXT_COLUMN: &str = "text";

/// Where the data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFiles {
    /// Parquet files, or directories of them.
    pub files: Vec<PathBuf>,
    /// The column of texts or of images; none: `text`, or `image` or `img`.
    pub column: Option<String>,
    /// The column of classes, images only; none: `label`, `labels` or `fine_label`.
    pub label_column: Option<String>,
}

/// Prepared data: batches at hand.
#[derive(Debug)]
pub(crate) enum Data {
    Text(Box<TextData>),
    Images(ImageData),
}

impl DataFiles {
    fn text(&self) -> TextSource {
        TextSource::new(self.files.clone(), self.column.clone().unwrap_or_else(|| TEXT_COLUMN.into()))
    }

    fn images(&self) -> ImageSource {
        ImageSource::new(self.files.clone()).with_columns(self.column.clone(), self.label_column.clone())
    }

    /// Checks all that can be checked without reading a row: that the model has a loss, that the files are there and hold what it
    /// reads, that there is a tokenizer.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub(crate) fn check(&self, checkpoint: &Checkpoint) -> Result<()> {
        let config = checkpoint.config();
        check_head(config)?;
        let shown = || self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        if config.family.reads_images() {
            images::preprocessing(checkpoint)?;
            return self.images().count().map(drop).map_err(|error| {
                let text = TextSource::new(self.files.clone(), TEXT_COLUMN).open().is_ok();
                match text && self.column.is_none() {
                    true => GrowError::asked("--data", format!("text ({})", shown()), images_wanted(config)),
                    false => error.into(),
                }
            });
        }
        if self.label_column.is_some() {
            return Err(GrowError::asked(
                "--label-column",
                "one",
                format!("none: a {} reads text, not images", config.family),
            ));
        }
        ligo_checkpoints::Tokenizer::open(checkpoint)?;
        self.text().open().map(drop).map_err(|error| match ImageSource::new(self.files.clone()).count() {
            Ok(_) => GrowError::asked(
                "--data",
                format!("images ({})", shown()),
                format!(
                    "text: a {} reads a column of it, by the name that --column gives (text if left out)",
                    config.family
                ),
            ),
            Err(_) => error.into(),
        })
    }

    /// Reads, tokenises and holds out. `work`: a directory for what is made of the text; `tokens`: as many as will be learnt on.
    ///
    /// # Errors
    /// As [`DataFiles::check`]; data that are damaged, or too short.
    pub(crate) fn prepare(
        &self,
        checkpoint: &Checkpoint,
        sequence_length: usize,
        tokens: u64,
        work: &Path,
    ) -> Result<Data> {
        if checkpoint.config().family.reads_images() {
            return ImageData::read(&self.images(), checkpoint).map(Data::Images);
        }
        Ok(Data::Text(Box::new(TextData::prepare(&self.text(), checkpoint, sequence_length, tokens, work)?)))
    }

    /// A hash of the files' bytes and the columns.
    pub(crate) fn content(&self, config: &ModelConfig) -> Result<String> {
        let hash = match config.family.reads_images() {
            true => self.images().content_hash()?,
            false => self.text().content_hash()?,
        };
        Ok(hash.to_hex().to_string())
    }
}

/// Whether a model's head has a loss that such data can give.
pub(crate) fn check_head(config: &ModelConfig) -> Result<()> {
    match config.head() {
        Head::CausalLm | Head::MaskedLm | Head::ImageClassification | Head::DistilledImageClassification => Ok(()),
        Head::None => Err(GrowError::asked(
            "--data",
            format!("a {} without a head, which has no loss", config.family),
            format!("a checkpoint with the head {}, or no --data", config.family.heads()[0]),
        )),
        head => Err(GrowError::asked(
            "--data",
            format!("a {} with the head {head}", config.family),
            format!(
                "a checkpoint with the head {}, which learns on plain {}, or no --data",
                config.family.heads()[0],
                if config.family.reads_images() { "images" } else { "text" }
            ),
        )),
    }
}

fn images_wanted(config: &ModelConfig) -> String {
    format!(
        "images: a {} reads a column of them and one of their classes (image and label if --column and --label-column are left out)",
        config.family
    )
}

impl Data {
    /// Batches to learn on, in the order that `seed` gives.
    pub(crate) fn training(&self, training: &TrainingConfig, seed: u64) -> Result<Box<dyn BatchSource + '_>> {
        let plan = BatchPlan { seed, batch_size: training.micro_batch_size(), micro_batches: training.accumulate };
        match self {
            Self::Text(text) => text.training(plan),
            Self::Images(images) => images.training(plan),
        }
    }

    /// At most `count` batches of what is held out, the same each time.
    pub(crate) fn held_out(&self, sequences: usize, count: usize) -> Result<Vec<Batch>> {
        match self {
            Self::Text(text) => text.held_out(sequences, count),
            Self::Images(images) => images.held_out(sequences, count),
        }
    }
}

/// Labels of a batch: each counts alike in a mean over several.
pub(crate) fn labelled(batch: &Batch) -> usize {
    match &batch.targets {
        ligo_models::Targets::Tokens(targets) | ligo_models::Targets::Classes(targets) => {
            targets.iter().filter(|&&target| target != IGNORED).count()
        }
        _ => batch.inputs.batch_size(),
    }
}
