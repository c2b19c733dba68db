//! A model written as the Hub has it.
//!
//! Everything is written into a directory of its own beside the old files, synced, and only then moved into place, file by file,
//! weights first; what would contradict the new files goes last. A full disk or a weight that does not fit into the wanted type
//! leaves the old checkpoint as it was, also where it is the one that the model was read from.
//!
//! Shards that take the places of old ones of the same names are the one case in which files of both could be read as one model
//! if the process is killed half-way. There the old index goes first: what is left then is refused, not mixed.

use super::early_sync::EarlySync;
use super::index::{INDEX, Index};
use super::{CONFIG, Checkpoint, WEIGHTS};
use crate::checkpoint::{FloatType, Layout};
use crate::{Model, ModelError, Naming, ParamSpec, Parameters, Result};
use dfdx::shapes::HasShape;
use ligo_files::{FileError, TEMPORARY_PREFIX, replace_file};
use ligo_kernels::{Kernels, Matrix};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
/// What is in the directory stays as it is until [`Export::finish`]; an export that is dropped before leaves nothing.
pub struct Export {
    staging: Staging,
    specs: Arc<[ParamSpec]>,
    shards: Vec<Shard>,
    /// Which parameters are still missing.
    missing: Vec<bool>,
    early_sync: EarlySync,
    config: String,
    index: Option<String>,
    extras: BTreeMap<PathBuf, PathBuf>,
    directory: MadeDirectory,
}

/// A file of weights.
struct Shard {
    name: String,
    file: Arc<File>,
    layout: Layout,
    /// The parameters that it holds.
    range: Range<usize>,
}

impl Export {
    /// Begins: makes the directory and, beside what is in it, files as long as they will be.
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
        let specs = model.specs().clone();
        let most = if model.config().naming == Naming::Timm { usize::MAX } else { options.shard_bytes };
        let ranges = shards(&specs, options.dtype, most);
        let count = ranges.len();
        let shard = |(i, range): (usize, Range<usize>)| {
            let name = match count {
                1 => WEIGHTS.to_owned(),
                n => format!("model-{:05}-of-{n:05}.safetensors", i + 1),
            };
            let path = staging.add(&name);
            let file = Arc::new(File::create_new(&path).map_err(FileError::at("create", &path))?);
            let layout = Layout::new(specs[range.clone()].iter(), options.dtype, &BTreeMap::new());
            layout.begin(&file, &path)?;
            Ok(Shard { name, file, layout, range })
        };
        let shards = ranges.into_iter().enumerate().map(shard).collect::<Result<Vec<_>>>()?;
        let index = (shards.len() > 1).then(|| {
            let located = shards
                .iter()
                .flat_map(|shard| specs[shard.range.clone()].iter().map(|spec| (spec.name.as_str(), &*shard.name)));
            Index::text(located, model.parameter_count() * options.dtype.bytes())
        });
        Ok(Self {
            staging,
            missing: vec![true; specs.len()],
            specs,
            shards,
            early_sync: EarlySync::new(),
            config: format!("{:#}\n", config(model, options)),
            index,
            extras,
            directory,
        })
    }

    /// Writes the tensor of parameter number `index`.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if it has another shape, is none of the model's, or a value does not fit into the type;
    /// [`ModelError::Write`].
    pub fn put<D: Kernels>(&mut self, index: usize, tensor: &Matrix<D>) -> Result<()> {
        let Some((spec, shard)) =
            self.specs.get(index).zip(self.shards.iter().find(|shard| shard.range.contains(&index)))
        else {
            return Err(ModelError::Parameter {
                name: format!("number {index}"),
                found: "one too many".into(),
                expected: format!("{} parameters", self.specs.len()),
            });
        };
        if *tensor.shape() != spec.matrix_shape() {
            return Err(ModelError::Parameter {
                name: spec.name.clone(),
                found: format!("{:?}", tensor.shape()),
                expected: format!("{:?}", spec.matrix_shape()),
            });
        }
        let path = self.directory.path.join(&shard.name);
        shard.layout.put(&shard.file, &path, index - shard.range.start, spec, tensor)?;
        self.missing[index] = false;
        self.early_sync.written(&shard.file, 4 * spec.elements());
        Ok(())
    }

    /// Waits until the disk has all that was put in so far.
    ///
    /// # Errors
    /// [`ModelError::Write`].
    pub fn sync(&mut self) -> Result<()> {
        self.early_sync.finish().map_err(FileError::at("write", &self.directory.path))?;
        self.shards.iter().try_for_each(|shard| {
            shard.file.sync_all().map_err(FileError::at("write", &self.directory.path.join(&shard.name)))
        })?;
        Ok(())
    }

    /// Writes what else belongs to a checkpoint and moves everything into its place.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] for a parameter that was never put in, else as [`export()`].
    pub fn finish(mut self) -> Result<()> {
        if let Some(i) = self.missing.iter().position(|missing| *missing) {
            return Err(ModelError::Parameter {
                name: self.specs[i].name.clone(),
                found: "nothing written".into(),
                expected: "its values".into(),
            });
        }
        self.sync()?;
        // An open file cannot be moved everywhere.
        let weights: Vec<String> = std::mem::take(&mut self.shards).into_iter().map(|shard| shard.name).collect();
        if let Some(index) = &self.index {
            self.staging.text(INDEX, index)?;
        }
        for (name, from) in &self.extras {
            self.staging.copy(name, from)?;
        }
        self.staging.text(CONFIG, &self.config)?;
        self.staging.move_into(&self.directory.path)?;
        self.directory.keep();
        remove_contradicting(&self.directory.path, &weights)
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

/// Cuts the parameters into runs of at most `most` bytes, or of one tensor.
fn shards(specs: &[ParamSpec], float: FloatType, most: usize) -> Vec<Range<usize>> {
    let (mut shards, mut start, mut bytes) = (vec![], 0, 0_usize);
    for (i, spec) in specs.iter().enumerate() {
        let more = spec.elements() * float.bytes();
        if i > start && bytes.saturating_add(more) > most {
            shards.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += more;
    }
    shards.push(start..specs.len());
    shards
}

/// Whether a name is that of a shard: `model-00001-of-00002.safetensors`.
fn is_shard(name: &str) -> bool {
    let numbers = name.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors"));
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    numbers.and_then(|rest| rest.split_once("-of-")).is_some_and(|(i, n)| number(i) && number(n))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Init;

    #[test]
    fn shards_hold_as_much_as_they_may_or_one_tensor() {
        let spec = |size: usize| ParamSpec {
            name: "x".into(),
            module: "x".into(),
            layer: None,
            shape: vec![size],
            stored_shape: None,
            axes: vec![],
            init: Init::Zeros,
            decay: false,
        };
        let specs = [3, 2, 9, 1, 1, 1].map(spec);
        // Where each shard ends.
        let cases: [(FloatType, usize, &[usize]); 5] = [
            (FloatType::F32, 1000, &[6]),
            (FloatType::F32, 20, &[2, 3, 6]),
            (FloatType::BF16, 20, &[2, 4, 6]),
            (FloatType::F32, 12, &[1, 2, 3, 6]),
            (FloatType::F32, 0, &[1, 2, 3, 4, 5, 6]),
        ];
        for (float, most, expected) in cases {
            let shards = shards(&specs, float, most);
            let ends: Vec<usize> = shards.iter().map(|shard| shard.end).collect();
            assert_eq!(ends, expected, "{float:?} {most}");
            assert!(shards[0].start == 0 && shards.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn only_shards_have_their_names() {
        assert!(is_shard("model-00001-of-00012.safetensors"));
        for name in [
            "model.safetensors",
            "model-1-of-2.safetensors",
            "model-00001-of-00002.bin",
            "model-00001-of-0000a.safetensors",
        ] {
            assert!(!is_shard(name), "{name}");
        }
    }
}
