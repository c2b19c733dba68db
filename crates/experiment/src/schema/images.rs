//! The table `[data.images]`: labelled images to train on in place of text.

use ligo_data::images::augment::Augmentation;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Labelled images, and how they are prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesConfig {
    /// A set that the project carries. Either this or `train` and `validation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<EmbeddedImages>,
    /// Parquet files to train on, or directories of them, relative to the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train: Vec<PathBuf>,
    /// The same to validate on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<PathBuf>,
    /// The column of images; if left out, the one that is called `image` or `img`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// The column of classes; if left out, the one that is called `label`, `labels` or `fine_label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// Number of classes: what the models' `num_labels` is where they leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<usize>,
    /// Whether an image that does not decode is left out; if not, it ends the run.
    #[serde(default)]
    pub skip_broken: bool,
    /// What is taken off each channel's values from 0 to 1; a half if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f64>,
    /// What they are then divided by; a half if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<f64>,
    /// The part of a side that is kept of a validation image, the middle (timm's `crop_pct`); if left out, all of it.
    #[serde(default = "whole")]
    pub crop_share: f64,
    /// What is done to training images.
    #[serde(default)]
    pub augmentation: Augmentation,
}

/// Images that the project carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddedImages {
    /// Handwritten digits of 8 × 8 grey pixels, 1,797 of them (UCI, Alpaydin and Kaynak 1998).
    Digits,
}

impl EmbeddedImages {
    /// Its classes.
    pub fn num_labels(self) -> usize {
        match self {
            Self::Digits => 10,
        }
    }

    /// Height and width of its images.
    pub fn image_size(self) -> usize {
        match self {
            Self::Digits => 8,
        }
    }

    /// Channels of its images.
    pub fn num_channels(self) -> usize {
        match self {
            Self::Digits => 1,
        }
    }
}

fn whole() -> f64 {
    1.0
}
