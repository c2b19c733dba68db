//! The loss of a model on what is held out.

use crate::Result;
use crate::data::labelled;
use ligo_kernels::{Kernels, NoneTape};
use ligo_models::{Batch, Mode, Model, Parameters};

/// Mean loss over all labels of the batches, without dropout, in nats.
///
/// # Errors
/// As [`Model::loss`].
pub(crate) fn loss<D: Kernels>(model: &Model, parameters: &Parameters<D>, batches: &[Batch]) -> Result<f64> {
    let (mut sum, mut labels) = (0.0, 0);
    for batch in batches {
        let here = labelled(batch);
        let loss = model.loss(&mut NoneTape, parameters, batch, Mode::Evaluate)?;
        let mut value = [0.0];
        loss.copy_into(&mut value);
        sum += f64::from(value[0]) * here as f64;
        labels += here;
    }
    Ok(sum / labels.max(1) as f64)
}
