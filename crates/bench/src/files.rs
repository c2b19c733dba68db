//! Checkpoints: written, read into a model, or read as the bytes that they are.

use crate::ModelJob;
use crate::protocol::Answer;
use crate::task::{SEED, Task, directory};
use anyhow::{Context, Result};
use ligo_kernels::Kernels;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Model, Parameters};
use std::path::{Path, PathBuf};

/// The file of the weights.
const WEIGHTS: &str = "model.safetensors";

/// Writes the job's model with random weights.
pub(crate) struct Write<D: Kernels> {
    model: Model,
    parameters: Parameters<D>,
    directory: PathBuf,
    dtype: FloatType,
}

impl<D: Kernels> Write<D> {
    pub(crate) fn new(job: &ModelJob, dtype: FloatType, device: &D) -> Result<Self> {
        let model = Model::new(job.case.model.clone())?;
        let parameters = model.fresh(device, SEED)?;
        Ok(Self { model, parameters, directory: directory(job)?.to_owned(), dtype })
    }
}

impl<D: Kernels> Task for Write<D> {
    fn work(&mut self) -> Result<()> {
        let options = ExportOptions { dtype: self.dtype, ..ExportOptions::default() };
        Ok(hub::export(&self.directory, &self.model, &self.parameters, &options)?)
    }

    fn answer(&self) -> Answer {
        Answer::default()
    }

    fn parameters(&self) -> usize {
        self.parameters.elements()
    }
}

/// Reads a model; what it has read before is let go first.
pub(crate) struct Import<D: Kernels> {
    directory: PathBuf,
    device: D,
    loaded: Option<Parameters<D>>,
}

impl<D: Kernels> Import<D> {
    pub(crate) fn new(directory: &Path, device: &D) -> Self {
        Self { directory: directory.to_owned(), device: device.clone(), loaded: None }
    }
}

impl<D: Kernels> Task for Import<D> {
    fn work(&mut self) -> Result<()> {
        self.loaded = None;
        let (_, parameters) = hub::import(&self.directory, &self.device)?;
        self.loaded = Some(parameters);
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer::default()
    }

    fn parameters(&self) -> usize {
        self.loaded.as_ref().map_or(0, Parameters::elements)
    }
}

/// Reads the bytes of the weights; those that it has read before are let go first.
pub(crate) struct Read {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Read {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { path: directory.join(WEIGHTS), bytes: Vec::new() }
    }
}

impl Task for Read {
    fn work(&mut self) -> Result<()> {
        self.bytes = Vec::new();
        self.bytes = std::fs::read(&self.path).with_context(|| self.path.display().to_string())?;
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer::default()
    }
}
