//! The loss of a model on a fixed set of batches.

use crate::Evaluated;
use anyhow::{Result, ensure};
use ligo_kernels::{IGNORED, Kernels, NoneTape, Scalar};
use ligo_models::{Batch, Inputs, Mode, Route, Targets};
use std::ops::ControlFlow;

/// Mean loss over all labels of `batches`, without dropout; breaks off as soon as `stop` says so.
///
/// Every label counts alike, however many its batch has.
///
/// # Errors
/// If a batch does not fit the model, or no position has a label.
pub(crate) fn evaluate<D: Kernels>(
    evaluated: &Evaluated<'_, D>,
    batches: &[Batch],
    stop: impl Fn() -> bool,
) -> Result<ControlFlow<(), f64>> {
    let Evaluated { model, parameters, route } = evaluated;
    let whole = *route == Route::default();
    let (mut sum, mut positions) = (0.0, 0);
    for batch in batches {
        if stop() {
            return Ok(ControlFlow::Break(()));
        }
        let labelled = labelled(batch);
        if labelled == 0 {
            continue;
        }
        let loss = match whole {
            true => model.loss(&mut NoneTape, parameters, batch, Mode::Evaluate)?,
            false => model.loss_along(&mut NoneTape, parameters, batch, Mode::Evaluate, route)?,
        };
        sum += f64::from(value(&loss)) * labelled as f64;
        positions += labelled;
    }
    ensure!(
        positions > 0,
        "the validation set has no labelled position in {} batches, expected one or more",
        batches.len()
    );
    Ok(ControlFlow::Continue(sum / positions as f64))
}

/// What of a batch has a label and so a part in its mean loss: positions, sequences, images, numbers, ends of answers.
pub(crate) fn labelled(batch: &Batch) -> usize {
    let known = |targets: &[i32]| targets.iter().filter(|&&target| target != IGNORED).count();
    match &batch.targets {
        Targets::Unlabelled => 0,
        Targets::Tokens(targets) | Targets::Classes(targets) => known(targets),
        Targets::Values(values) => values.len(),
        Targets::Spans(spans) => known(spans.as_flattened()),
    }
}

/// Tokens of a batch, or images.
pub(crate) fn tokens(batch: &Batch) -> u64 {
    match &batch.inputs {
        Inputs::Tokens(tokens) => tokens.count() as u64,
        Inputs::Images(images) => images.batch_size as u64,
    }
}

/// The number in a scalar.
pub(crate) fn value<D: Kernels>(scalar: &Scalar<D>) -> f32 {
    let mut value = [0.0];
    scalar.copy_into(&mut value);
    value[0]
}
