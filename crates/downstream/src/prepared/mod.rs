//! A task made ready for a model: batches to train on, batches for the loss after each epoch, and the pass that measures.

mod images;
mod squad;
mod texts;

pub(crate) use images::in_order as images_in_order;

use crate::scores::Evaluation;
use crate::task::Task;
use crate::{DownstreamError, Result, Tuning};
use ligo_data::BatchPlan;
use ligo_data::tasks::TaskBatches;
use ligo_kernels::Kernels;
use ligo_models::{Batch, Head, Model, ModelConfig, Parameters};
use ligo_train::{BatchSource, StopFlag};
use std::collections::BTreeMap;

/// A task that is ready to be trained on.
pub(crate) trait Prepared<D: Kernels>: BatchSource {
    /// What one epoch meets: sequences, windows or images.
    fn samples(&self) -> u64;

    /// Texts, questions or images that are trained on, and those that are evaluated.
    fn examples(&self) -> (u64, u64);

    /// What the loss is computed on after each epoch.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn validation(&self) -> Result<Vec<Batch>>;

    /// Micro-batches of a training of so many steps by the length of their sequences: how many there are of each.
    fn lengths(&self, steps: u64) -> BTreeMap<usize, u64>;

    /// Predicts all of every validation split and measures; none if it was asked to stop.
    ///
    /// # Errors
    /// Data that cannot be read, predictions that a metric is not defined for.
    fn measure(&self, model: &Model, parameters: &Parameters<D>, stop: &StopFlag) -> Result<Option<Evaluation>>;
}

/// The head of a task, and how many labels it tells apart.
///
/// # Errors
/// [`DownstreamError::Family`] for a family that has no such head, [`DownstreamError::Tokenizer`] for a tokeniser of more ids than the
/// model has, [`DownstreamError::Tuning`] for sequences or images that are too long for it.
pub(crate) fn head(task: &Task<'_>, config: &ModelConfig, tuning: &Tuning) -> Result<(Head, Option<usize>)> {
    let wrong =
        |expected| Err(DownstreamError::Family { task: task.name().to_owned(), family: config.family, expected });
    let (images, text) = (config.family.reads_images(), task.tokenizer().is_some());
    match (images, text) {
        (true, true) => return wrong("a model of text"),
        (false, false) => return wrong("a model of images"),
        (false, true) if config.family.is_causal() => {
            return wrong("bert or roberta: causal models have no head for sequences or spans here");
        }
        _ => {}
    }
    if let Some(tokenizer) = task.tokenizer() {
        let (found, expected) = (tokenizer.vocab_size(), config.vocab_size);
        if found > expected {
            return Err(DownstreamError::Tokenizer { task: task.name().to_owned(), found, expected });
        }
        let (length, longest) = (tuning.sequence_length(), config.longest_sequence().unwrap_or(usize::MAX));
        if length > longest {
            let expected = format!("at most {longest}, the model's longest sequence");
            return Err(DownstreamError::Tuning { key: "max_sequence_length", found: length.to_string(), expected });
        }
    }
    Ok(match task {
        Task::Texts(task, _) if task.kind().has_classes() => {
            (Head::SequenceClassification, Some(task.kind().num_labels()))
        }
        Task::Texts(task, _) => (Head::SequenceRegression, Some(task.kind().num_labels())),
        Task::Squad(..) => (Head::QuestionAnswering, None),
        Task::Images(task) => {
            task.check_images(config)?;
            // A model with two classifiers keeps both; one without any gets the family's usual.
            let usual = ModelConfig { head: None, ..config.clone() }.head();
            let head = Some(config.head()).filter(|head| *head != Head::None).unwrap_or(usual);
            (head, Some(task.num_labels()))
        }
    })
}

/// Encodes a task, in the order that `seed` gives.
///
/// # Errors
/// A text that the tokeniser refuses, lengths that leave no room for it.
pub(crate) fn prepare<'a, D: Kernels>(
    task: &Task<'a>,
    config: &'a ModelConfig,
    tuning: &'a Tuning,
    seed: u64,
) -> Result<Box<dyn Prepared<D> + 'a>> {
    let batch_size = tuning.batch_size / tuning.accumulate;
    let plan = BatchPlan { seed, batch_size, micro_batches: tuning.accumulate };
    Ok(match *task {
        Task::Texts(task, tokenizer) => Box::new(texts::Texts::prepare(task, tokenizer, config, tuning, plan)?),
        Task::Squad(task, tokenizer) => Box::new(squad::Questions::prepare(task, tokenizer, config, tuning, plan)?),
        Task::Images(task) => Box::new(images::Pictures::prepare(task, plan)?),
    })
}

/// Of sequences, whose batches are as long as their longest.
fn lengths_of(batches: &TaskBatches, steps: u64) -> BTreeMap<usize, u64> {
    let mut lengths = BTreeMap::new();
    for step in 0..steps {
        for micro in 0..batches.plan().micro_batches {
            *lengths.entry(batches.batch(step, micro).sequence_length).or_default() += 1;
        }
    }
    lengths
}
