//! One forward pass without a tape: the logits of the batch.

use crate::ModelJob;
use crate::protocol::Answer;
use crate::task::{Task, fresh};
use anyhow::Result;
use dfdx::shapes::HasShape;
use ligo_kernels::{Kernels, Matrix};
use ligo_models::{Inputs, Model, Parameters};

/// How many logits are shown.
const SHOWN: usize = 16;

pub(crate) struct Forward<D: Kernels> {
    model: Model,
    parameters: Parameters<D>,
    inputs: Inputs,
    logits: Option<Matrix<D>>,
}

impl<D: Kernels> Forward<D> {
    pub(crate) fn new(job: &ModelJob, device: &D) -> Result<Self> {
        let (model, parameters) = fresh(job, device)?;
        Ok(Self { model, parameters, inputs: job.batch().inputs, logits: None })
    }
}

impl<D: Kernels> Task for Forward<D> {
    fn work(&mut self) -> Result<()> {
        // Those of the last time go first, so that two are never held.
        self.logits = None;
        self.logits = Some(self.model.logits(&self.parameters, &self.inputs)?);
        Ok(())
    }

    fn answer(&self) -> Answer {
        let Some(logits) = &self.logits else { return Answer::default() };
        let (rows, columns) = *logits.shape();
        let last = logits.as_vec().split_off((rows - 1) * columns);
        Answer { logits: last.into_iter().take(SHOWN).map(f64::from).collect(), ..Answer::default() }
    }

    fn parameters(&self) -> usize {
        self.parameters.elements()
    }
}
