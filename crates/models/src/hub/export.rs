//! A model written as the Hub has it.
//!
//! Everything is written into a directory of its own beside the old files, synced, and only then moved into place, file by file,
//! weights first; what would contradict the new files goes last. A full disk or a weight that does not fit into the wanted type
//! leaves the old checkpoint as it was, also where it is the one that the model was read from.
//!
//! Shards that take the places of old ones of the same names are the one case in which files of both could be read as one model
//! if the process is killed half-way. There the old index goes first: what is left then is refused, not mixed.

use super::index::INDEX;
use super::weights::{Weights, is_shard};
use super::{CONFIG, Checkpoint, WEIGHTS};
use crate::checkpoint::FloatType;
use crate::{Model, ModelError, Naming, Parameters, Result};
use ligo_files::{FileError, TEMPORARY_PREFIX, replace_file};
use ligo_kernels::{Kernels, Matrix};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How a model is written.
#[derive(Debug, Clone)]
pub struct ExportOptions<'a> {
    /// What the model was made of: what its `config.json` says beyond the architecture is kept, and its tokenizer and the like
    /// travel along.
    pub from: Option<&'a Checkpoint>,
    /// More files to travel along, each under its own name; they come before those of `from`.
    pub extras: &'a [PathBuf],
    /// The type of the numbers.
    pub dtype: FloatType,
    /// How many bytes of tensors a file holds at most, unless it is a single tensor; 5 GB if not said. Models with `timm`'s names
    /// are always one file, since `timm` reads no shards.
    pub shard_bytes: usize,
}

impl Default for ExportOptions<'_> {
    fn default() -> Self {
        Self { from: None, extras: &[], dtype: FloatType::F32, shard_bytes: 5_000_000_000 }
    }
}

/// Writes a model into `directory`, as `transformers`' `from_pretrained` reads it (models with `timm`'s names: `timm`'s
/// `create_model("local-dir:…")`): `config.json`, `model.safetensors` or shards of it with an index, and what travels along.
///
/// # Errors
/// [`ModelError::Config`] for a model with adapters, of which those files know nothing; [`ModelError::Parameter`] if the weights are
/// another model's or a value does not fit into the type, [`ModelError::Write`] and
/// [`ModelError::File`] if a file cannot be written or copied.
pub fn export<D: Kernels>(
    directory: &Path,
    model: &Model,
    parameters: &Parameters<D>,
    options: &ExportOptions<'_>,
) -> Result<()> {
    model.check_parameters(parameters)?;
    let mut export = Export::new(directory, model, options)?;
    parameters.tensors().iter().enumerate().try_for_each(|(i, tensor)| export.put(i, tensor))?;
    export.finish()
}

/// A model on its way into a directory, for who does not have all of its weights yet: they are put in one by one, in any order.
///
/// What is in the directory stays as it is until [`Export::finish`]; an export that is dropped before leaves nothing. It is for hours,
/// not for days: another export into the same directory takes what is older than a day for a killed process's.
pub struct Export {
    // In this order they are dropped: open files, what they lie in, and what that lies in.
    weights: Weights,
    staging: Staging,
    directory: MadeDirectory,
    config: String,
    extras: BTreeMap<PathBuf, PathBuf>,
}

impl Export {
    /// Begins: makes the directory.
    ///
    /// # Errors
    /// As [`export()`].
    pub fn new(directory: &Path, model: &Model, options: &ExportOptions<'_>) -> Result<Self> {
        if let Some(size) = model.config().adapter_size {
            return Err(ModelError::Config {
                field: "adapter_size",
                found: size.to_string(),
                expected: "none: neither transformers' nor timm's files have a place for adapters".into(),
            });
        }
        let extras = extras(directory, options)?;
        let directory = MadeDirectory::new(directory)?;
        remove_abandoned(&directory.path);
        let mut staging = Staging::new(&directory.path)?;
        let most = if model.config().naming == Naming::Timm { usize::MAX } else { options.shard_bytes };
        let weights = Weights::new(model.specs(), options.dtype, most, |name| staging.add(name));
        let config = format!("{:#}\n", config(model, options));
        Ok(Self { weights, staging, directory, config, extras })
    }

    /// Writes the tensor of parameter number `index`.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if it has another shape, is none of the model's or there already, or a value does not fit into the
    /// type; [`ModelError::Write`] if a file cannot be written.
    pub fn put<D: Kernels>(&mut self, index: usize, tensor: &Matrix<D>) -> Result<()> {
        self.weights.put(index, tensor)
    }

    /// Writes what else belongs to a checkpoint and moves everything into its place.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] for a parameter that was never put in, [`ModelError::File`] if one could not be written, else as
    /// [`export()`].
    pub fn finish(self) -> Result<()> {
        // In the order that drops them as the struct does: the last one first.
        let Self { mut directory, mut staging, weights, config, extras } = self;
        let index = weights.index();
        let weights = weights.finish()?;
        if let Some(index) = &index {
            staging.text(INDEX, index)?;
        }
        for (name, from) in &extras {
            staging.copy(name, from)?;
        }
        staging.text(CONFIG, &config)?;
        staging.move_into(&directory.path)?;
        directory.keep();
        remove_contradicting(&directory.path, &weights)
    }
}

/// The directory that is written to, which goes again, if it was made for it, unless it is kept.
struct MadeDirectory {
    path: PathBuf,
    goes: bool,
}

impl MadeDirectory {
    fn new(path: &Path) -> Result<Self> {
        let goes = !path.exists();
        fs::create_dir_all(path).map_err(FileError::at("create the directory", path))?;
        Ok(Self { path: path.to_owned(), goes })
    }

    fn keep(&mut self) {
        self.goes = false;
    }
}

impl Drop for MadeDirectory {
    fn drop(&mut self) {
        if self.goes {
            // Goes only if nothing is in it.
            _ = fs::remove_dir(&self.path);
        }
    }
}

/// The model's `config.json`.
fn config(model: &Model, options: &ExportOptions<'_>) -> Value {
    let mut config = model.config().to_hub_json(options.from.map(Checkpoint::json));
    if let (Naming::Hub, Some(keys)) = (model.config().naming, config.as_object_mut()) {
        let name = match options.dtype {
            FloatType::F32 => "float32",
            FloatType::F16 => "float16",
            FloatType::BF16 => "bfloat16",
        };
        // Older files have the older key. Where there is neither, `transformers` takes the type that it finds in the weights.
        let mut said = false;
        for key in ["dtype", "torch_dtype"] {
            if let Some(value) = keys.get_mut(key).filter(|value| !value.is_null()) {
                (*value, said) = (name.into(), true);
            }
        }
        if !said && options.dtype != FloatType::F32 {
            let older = keys.contains_key("torch_dtype") && !keys.contains_key("dtype");
            keys.insert(if older { "torch_dtype" } else { "dtype" }.into(), name.into());
        }
    }
    config
}

/// What travels along: by its path in the new directory where it comes from.
fn extras(directory: &Path, options: &ExportOptions<'_>) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut found = BTreeMap::new();
    if let Some(from) = options.from {
        found.extend(from.companions().iter().map(|name| (name.clone(), from.directory().join(name))));
    }
    for path in options.extras {
        let wrong = |reason: &str| ModelError::File { path: path.clone(), reason: reason.to_owned() };
        let name = path.file_name().ok_or_else(|| wrong("found no file name, expected a file to be copied"))?;
        let name = name.to_str().ok_or_else(|| wrong("found a name that is no text, expected a file to be copied"))?;
        if [CONFIG, WEIGHTS, INDEX].contains(&name) || is_shard(name) {
            return Err(wrong("found a name that the export writes itself, expected another"));
        }
        found.insert(name.into(), path.clone());
    }
    // What lies in place already stays there.
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    found.retain(|name, from| !same(from, &directory.join(name)));
    Ok(found)
}

/// New files that are not yet in place.
struct Staging {
    directory: tempfile::TempDir,
    /// Their paths in the directory, in the order in which they are to be moved.
    files: Vec<PathBuf>,
}

/// How the staging directories' names begin.
fn staging_prefix() -> String {
    format!("{TEMPORARY_PREFIX}export-")
}

impl Staging {
    /// In `directory` itself, so that moving is renaming.
    fn new(directory: &Path) -> Result<Self> {
        let made = tempfile::Builder::new().prefix(&staging_prefix()).tempdir_in(directory);
        let made = made.map_err(FileError::at("create a directory in", directory))?;
        Ok(Self { directory: made, files: vec![] })
    }

    fn add(&mut self, name: impl Into<PathBuf>) -> PathBuf {
        let name = name.into();
        let path = self.directory.path().join(&name);
        self.files.push(name);
        path
    }

    fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.add(name);
        replace_file(&path, |file| file.write_all(text.as_bytes()).map_err(FileError::at("write", &path)))?;
        Ok(())
    }

    fn copy(&mut self, name: &Path, from: &Path) -> Result<()> {
        let path = self.add(name);
        replace_file(&path, |file| {
            let mut source = File::open(from).map_err(FileError::at("read", from))?;
            io::copy(&mut source, file).map(drop).map_err(FileError::at("copy", from))
        })?;
        Ok(())
    }

    fn move_into(&self, directory: &Path) -> Result<()> {
        let shard = |name: &Path| name.to_str().is_some_and(is_shard);
        if self.files.iter().any(|name| shard(name) && directory.join(name).exists()) {
            remove(&directory.join(INDEX))?;
            sync(directory);
        }
        for name in &self.files {
            let (from, to) = (self.directory.path().join(name), directory.join(name));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(FileError::at("create the directory", parent))?;
            }
            fs::rename(from, &to).map_err(FileError::at("write", &to))?;
        }
        sync(directory);
        Ok(())
    }
}

/// Makes the renames in a directory durable where directories can be synced.
fn sync(directory: &Path) {
    _ = File::open(directory).and_then(|handle| handle.sync_all());
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(error).into()),
        _ => Ok(()),
    }
}

/// Removes the single file, the index and the shards of an older checkpoint that are not among the new `weights`.
fn remove_contradicting(directory: &Path, weights: &[String]) -> Result<()> {
    let mut old = vec![WEIGHTS.to_owned()];
    if weights.len() == 1 {
        // Before its shards: an index must not name what is not there.
        old.push(INDEX.to_owned());
    }
    let entries = fs::read_dir(directory).map_err(FileError::at("read the directory", directory))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    old.extend(names.filter(|name| is_shard(name)));
    for name in old.iter().filter(|name| !weights.contains(name)) {
        remove(&directory.join(name))?;
    }
    Ok(())
}

/// Removes the staging directories of processes that were killed a day ago or longer. Best effort.
fn remove_abandoned(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(&staging_prefix());
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).map(|t| SystemTime::now().duration_since(t));
        if ours && age.is_ok_and(|age| age.is_ok_and(|age| age > Duration::from_secs(24 * 60 * 60))) {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}
