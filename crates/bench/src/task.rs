//! A piece of work that a contender of ours does again and again.

use crate::files::{Import, Read, Write};
use crate::forward::Forward;
use crate::generate::Generation;
use crate::protocol::Answer;
use crate::step::Stepper;
use crate::{Job, Work};
use anyhow::{Context, Result};
use ligo_kernels::Kernels;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Model, Parameters};
use std::path::Path;

/// The seed of all weights.
pub(crate) const SEED: u64 = 1;

/// See the module's documentation.
pub(crate) trait Task: Send {
    /// Does it once.
    fn work(&mut self) -> Result<()>;

    /// What came out the last time.
    fn answer(&self) -> Answer;

    /// Numbers that are trained.
    fn parameters(&self) -> usize;
}

/// Prepares what the job asks for: models are made, and written where it says.
pub(crate) fn prepare<D: Kernels + 'static>(job: Job, device: &D) -> Result<Box<dyn Task>> {
    Ok(match job.work {
        Work::Plain | Work::Operator => Box::new(Stepper::new(job, device)?),
        Work::Forward => Box::new(Forward::new(&job, device)?),
        Work::Generate => Box::new(Generation::new(&job, device)?),
        Work::Write => Box::new(Write::new(&job, FloatType::F32, device)?),
        Work::WriteHalf => Box::new(Write::new(&job, FloatType::BF16, device)?),
        Work::Import => Box::new(Import::<D>::new(directory(&job)?, device)),
        Work::Read => Box::new(Read::new(directory(&job)?)),
    })
}

/// The job's model with the weights that all start from; written to the job's directory, if it names one.
pub(crate) fn fresh<D: Kernels>(job: &Job, device: &D) -> Result<(Model, Parameters<D>)> {
    let model = Model::new(job.case.model.clone())?;
    let parameters = model.fresh(device, SEED)?;
    if let Some(directory) = &job.directory {
        hub::export(directory, &model, &parameters, &ExportOptions::default())?;
    }
    Ok((model, parameters))
}

pub(crate) fn directory(job: &Job) -> Result<&Path> {
    job.directory.as_deref().context("the job names no directory")
}
