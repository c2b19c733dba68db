//! Models as the Hub has them: a directory with `config.json` and `model.safetensors`.

mod config;
pub(crate) mod names;

use crate::{Model, ModelConfig, ModelError, Parameters, Result, checkpoint};
use ligo_files::{FileError, replace_file};
use ligo_kernels::Kernels;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// The architecture's file.
const CONFIG: &str = "config.json";
/// The weights' file.
const WEIGHTS: &str = "model.safetensors";

/// Writes `config.json` and `model.safetensors` into `directory`, as `transformers`' `from_pretrained` reads them.
///
/// # Errors
/// [`ModelError::Parameter`] if the weights are another model's, [`ModelError::File`] if a file cannot be written.
pub fn export<D: Kernels>(directory: &Path, model: &Model, parameters: &Parameters<D>) -> Result<()> {
    model.check_parameters(parameters)?;
    let config = format!("{:#}\n", model.config().to_hub_json());
    let path = directory.join(CONFIG);
    replace_file(&path, |file| file.write_all(config.as_bytes()).map_err(FileError::at("write", &path)))?;
    checkpoint::save(&directory.join(WEIGHTS), parameters, &BTreeMap::new())
}

/// Reads `config.json` and `model.safetensors` from `directory`.
///
/// # Errors
/// [`ModelError::File`] if a file cannot be read or the configuration is of a kind that is not built here, otherwise as
/// [`Model::new`] and [`checkpoint::load`].
pub fn import<D: Kernels>(directory: &Path, device: &D) -> Result<(Model, Parameters<D>)> {
    let path = directory.join(CONFIG);
    let broken = |reason: String| ModelError::File { path: path.clone(), reason };
    let text = std::fs::read_to_string(&path).map_err(|error| broken(format!("cannot be read: {error}")))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| broken(format!("no JSON: {error}")))?;
    let model = ModelConfig::from_hub_json(&json).and_then(Model::new).map_err(|error| broken(error.to_string()))?;
    let parameters = checkpoint::load(&directory.join(WEIGHTS), model.specs().clone(), device)?;
    Ok((model, parameters))
}
