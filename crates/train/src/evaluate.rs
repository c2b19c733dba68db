//! The loss of a model on a fixed set of batches.

use anyhow::{Result, ensure};
use ligo_kernels::{IGNORED, Kernels, NoneTape, Scalar};
use ligo_models::{Mode, Model, Parameters, TokenBatch};
use std::ops::ControlFlow;

/// Mean loss over all labelled positions of `batches`, without dropout; breaks off as soon as `stop` says so.
///
/// Every position counts alike, however many its batch has.
///
/// # Errors
/// If a batch does not fit the model, or no position has a label.
pub(crate) fn evaluate<D: Kernels>(
    model: &Model,
    parameters: &Parameters<D>,
    batches: &[TokenBatch],
    stop: impl Fn() -> bool,
) -> Result<ControlFlow<(), f64>> {
    let (mut sum, mut positions) = (0.0, 0);
    for batch in batches {
        if stop() {
            return Ok(ControlFlow::Break(()));
        }
        let labelled = labelled(batch);
        if labelled == 0 {
            continue;
        }
        let loss = model.loss(&mut NoneTape, parameters, batch, Mode::Evaluate)?;
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

/// Positions of a batch that have a label.
pub(crate) fn labelled(batch: &TokenBatch) -> usize {
    batch.targets.iter().filter(|&&target| target != IGNORED).count()
}

/// The number in a scalar.
pub(crate) fn value<D: Kernels>(scalar: &Scalar<D>) -> f32 {
    let mut value = [0.0];
    scalar.copy_into(&mut value);
    value[0]
}
