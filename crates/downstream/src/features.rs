//! What a pretrained model makes of images and texts before any head: rows for k-NN and linear probes.

use crate::error::data_of;
use crate::prepared::images_in_order;
use crate::{DownstreamError, Result, batch};
use ligo_data::images::{EncodedImages, ImageBatches, Preprocessing};
use ligo_data::tasks::{Encoder, LabelledTexts, Labels, TaskBatches};
use ligo_data::{BatchPlan, Tokenizer};
use ligo_kernels::Kernels;
use ligo_models::{Inputs, Model, Parameters};
use std::sync::Arc;

/// A row for each image or text, with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[labels.len(), width]`, row after row.
    pub rows: Vec<f32>,
    /// The model's hidden size.
    pub width: usize,
    /// In the order of the rows.
    pub labels: Labels,
}

/// What tasks are called in the messages of this module.
const IMAGES: &str = "features of images";
const TEXTS: &str = "features of texts";

/// The class token behind the last norm, of every image in the order of the files.
///
/// # Errors
/// A model of text, images of another size than the model's, one that does not decode, a batch size of 0.
pub fn image_features<D: Kernels>(
    (model, parameters): (&Model, &Parameters<D>),
    images: &Arc<EncodedImages>,
    preprocessing: &Preprocessing,
    batch_size: usize,
) -> Result<Features> {
    let config = model.config();
    if !config.family.reads_images() {
        let (task, expected) = (IMAGES.to_owned(), "a model of images");
        return Err(DownstreamError::Family { task, family: config.family, expected });
    }
    let labels = images.labels().to_vec();
    // Labels stand beside the rows: how many classes there are is nobody's affair here.
    let classes = labels.iter().max().map_or(1, |&most| usize::try_from(most).unwrap_or(0) + 1);
    let plan = BatchPlan { seed: 0, batch_size, micro_batches: 1 };
    let batches = ImageBatches::new(images.clone(), preprocessing.clone(), classes, plan).map_err(data_of(IMAGES))?;
    let mut rows = Vec::new();
    for found in images_in_order(&batches, batch_size) {
        let inputs = batch::of_images(found.map_err(data_of(IMAGES))?).inputs;
        let (states, width) = batch::numbers(&model.hidden_states(parameters, &inputs)?);
        // CaiT's class blocks leave the class tokens alone; elsewhere they come first.
        let of_image = states.len() / inputs.batch_size();
        rows.extend(states.chunks_exact(of_image).flat_map(|image| &image[..width]));
    }
    Ok(Features { rows, width: config.hidden_size, labels: Labels::Classes(labels) })
}

/// The mean of the last hidden states over the real tokens, special ones among them, of every text or pair in its order.
///
/// # Errors
/// A model of images, a tokeniser of more ids than the model has, sequences longer than it reads, a text that the tokeniser refuses, a
/// batch size of 0.
pub fn text_features<D: Kernels>(
    (model, parameters): (&Model, &Parameters<D>),
    texts: &LabelledTexts,
    tokenizer: &Tokenizer,
    max_sequence_length: usize,
    batch_size: usize,
) -> Result<Features> {
    let config = model.config();
    if config.family.reads_images() {
        let (task, expected) = (TEXTS.to_owned(), "a model of text");
        return Err(DownstreamError::Family { task, family: config.family, expected });
    }
    if tokenizer.vocab_size() > config.vocab_size {
        let (found, expected) = (tokenizer.vocab_size(), config.vocab_size);
        return Err(DownstreamError::Tokenizer { task: TEXTS.to_owned(), found, expected });
    }
    let encoder = Encoder::new(tokenizer, max_sequence_length).map_err(data_of(TEXTS))?;
    let plan = BatchPlan { seed: 0, batch_size, micro_batches: 1 };
    let batches = TaskBatches::of_texts(texts, &encoder, plan).map_err(data_of(TEXTS))?;
    let mut rows = Vec::new();
    for found in batches.in_order(batch_size) {
        let (length, real) = (found.sequence_length, found.real_tokens.clone());
        let inputs: Inputs = batch::of_task(found, config).inputs;
        let (states, width) = batch::numbers(&model.hidden_states(parameters, &inputs)?);
        for (sequence, states) in states.chunks_exact(length * width).enumerate() {
            let is_real = |token: usize| real.as_ref().is_none_or(|real| real[sequence * length + token]);
            rows.extend(mean(states, width, is_real));
        }
    }
    Ok(Features { rows, width: config.hidden_size, labels: texts.labels().clone() })
}

/// The mean of those rows that count.
fn mean(rows: &[f32], width: usize, counts: impl Fn(usize) -> bool) -> Vec<f32> {
    let mut sum = vec![0.0_f32; width];
    let mut counted = 0;
    for (_, row) in rows.chunks_exact(width).enumerate().filter(|(token, _)| counts(*token)) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        counted += 1;
    }
    sum.iter().map(|sum| sum / counted.max(1) as f32).collect()
}
