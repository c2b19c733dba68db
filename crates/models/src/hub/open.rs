//! A checkpoint that has been looked at: its configuration and what its tensors are called, not yet their values.

use super::config::Keys;
use super::directory::{self, Weights};
use super::index::{self, INDEX, Index};
use super::matching::{Matching, Remark};
use super::names::prefix;
use super::{CONFIG, sizes};
use crate::checkpoint::{StoredTensor, TensorFile, pointer};
use crate::{Head, Model, ModelConfig, ModelError, Result};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No `config.json` is longer: twenty thousand labels take two megabytes.
const LONGEST_CONFIG: u64 = 1 << 22;
/// What some editors put before text, and JSON has no place for.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// No `config.json` has more commas, colons and brackets. A value takes two bytes there and a hundred in memory.
const MOST_MARKS: usize = 1 << 18;

/// A checkpoint in the Hub's layout whose configuration and headers have been read.
///
/// Its files stay mapped: what is read later is what lay there when it was opened, also if other files have been renamed over
/// them since.
#[derive(Debug)]
pub struct Checkpoint {
    pub(super) directory: PathBuf,
    config: ModelConfig,
    json: Map<String, Value>,
    pub(super) files: Vec<TensorFile>,
    /// File and place in it of each tensor, in the order of the files.
    tensors: Vec<(usize, usize)>,
    companions: Vec<PathBuf>,
}

/// A tensor as it lies in a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Its name there.
    pub name: &'a str,
    /// Its shape there.
    pub shape: &'a [usize],
    /// The type of its numbers by safetensors' name, such as `BF16`.
    pub dtype: safetensors::Dtype,
    /// Its size.
    pub bytes: usize,
    /// Which file it is in.
    pub file: &'a Path,
}

/// Reads `config.json` and the headers of the weights, and no weight: cheap for any size.
///
/// # Errors
/// [`ModelError::File`] for the first thing in the directory that is not as it has to be: no checkpoint at all, a configuration of
/// a kind that is not built here, a missing or truncated shard, a tensor that is not where the index says, weights in a format
/// that can hold code.
pub fn open(directory: &Path) -> Result<Checkpoint> {
    directory::check(directory)?;
    let path = directory.join(CONFIG);
    let broken = |reason: String| ModelError::File { path: path.clone(), reason };
    let text = read(&path, LONGEST_CONFIG)?;
    let marks = text.iter().filter(|b| matches!(b, b',' | b':' | b'[' | b'{')).count();
    if marks > MOST_MARKS {
        return Err(broken(format!("found {marks} commas, colons and brackets, expected at most {MOST_MARKS}")));
    }
    let json: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| broken(format!("no JSON: {error}")))?;
    let json = Value::Object(json);
    let mut config = ModelConfig::from_hub_json(&json).map_err(|error| broken(error.to_string()))?;
    let Value::Object(json) = json else { return Err(broken("found no map".into())) };
    let (files, tensors) = match directory::weights(directory, &json)? {
        Weights::Single(path) => {
            let file = TensorFile::open(&path)?;
            let tensors = (0..file.header().tensors.len()).map(|i| (0, i)).collect();
            (vec![file], tensors)
        }
        Weights::Sharded(path) => open_shards(directory, &path)?,
    };
    if config.has_pooler() && config.head() == Head::None {
        // No key says whether there is a pooler.
        let prefix = prefix(config.family);
        let is_pooler = |name: &str| name.strip_prefix(prefix).unwrap_or(name).starts_with("pooler.dense.");
        config.pooler = Some(files.iter().flat_map(|file| &file.header().tensors).any(|t| is_pooler(&t.name)));
    }
    let companions = directory::companions(directory);
    Ok(Checkpoint { directory: directory.to_owned(), config, json, files, tensors, companions })
}

type Located = (Vec<TensorFile>, Vec<(usize, usize)>);

/// Opens the shards that an index names. A tensor that it places in one of them is taken from there, whatever the others hold.
fn open_shards(directory: &Path, path: &Path) -> Result<Located> {
    let Index { shards, shard_of } = Index::parse(path, &read(path, index::LONGEST)?)?;
    let missing = || shards.iter().map(|shard| directory.join(shard)).filter(|shard| !shard.exists());
    if let Some(shard) = missing().next() {
        let several = match missing().count() {
            1 => String::new(),
            several => format!(" ({several} of its {} shards are missing)", shards.len()),
        };
        let reason = format!(
            "is not there, though {INDEX} names it{several}; fetch what is missing, or the whole checkpoint anew"
        );
        return Err(ModelError::File { path: shard, reason });
    }
    let files: Vec<TensorFile> =
        shards.iter().map(|shard| TensorFile::open(&directory.join(shard))).collect::<Result<_>>()?;
    let mut located = HashSet::with_capacity(shard_of.len());
    let mut tensors = vec![];
    for (file, shard) in files.iter().enumerate() {
        for (i, tensor) in shard.header().tensors.iter().enumerate() {
            if shard_of.get(&*tensor.name).is_none_or(|&named| named == file) {
                if !located.insert(&*tensor.name) {
                    return Err(shard.refuse(
                        &tensor.name,
                        "a tensor that another shard has too",
                        "an index that says which",
                    ));
                }
                tensors.push((file, i));
            }
        }
    }
    match shard_of.iter().find(|(name, _)| !located.contains(&***name)) {
        Some((name, &file)) => Err(files[file].refuse(name, "no such tensor", "the one that the index says is there")),
        None => Ok((files, tensors)),
    }
}

/// Reads a file of text that is no longer than `most`.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let broken = |reason: String| ModelError::File { path: path.to_owned(), reason };
    let unreadable = |error: io::Error| broken(format!("cannot be read: {error}"));
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(broken("found something else than a file".into()));
    }
    if metadata.len() > most {
        return Err(broken(format!("found {} bytes, expected at most {most}", metadata.len())));
    }
    let mut text = Vec::with_capacity(metadata.len() as usize);
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut text)).map_err(unreadable)?;
    if let Some(found) = pointer(&text) {
        return Err(broken(found.into()));
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(broken("found a UTF-8 byte-order mark, expected JSON from the first byte: save it without".into()));
    }
    Ok(text)
}

impl Checkpoint {
    /// Where it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its configuration; of a model without head it says whether there is a pooler.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Its `config.json` as it is, unknown keys and order included.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// Its tensors, in the order of the files.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Stored<'_>> + Clone {
        (0..self.tensors.len()).map(|i| {
            let (file, StoredTensor { name, dtype, shape, start, end }) = self.tensor(i);
            Stored { name, shape, dtype: *dtype, bytes: end - start, file: file.path() }
        })
    }

    /// The files of tokenizer, image processor and generation that travel along, by their path in the directory.
    pub fn companions(&self) -> &[PathBuf] {
        &self.companions
    }

    /// The architecture without weights.
    ///
    /// The numbers of layers are held against the names of the tensors first.
    ///
    /// # Errors
    /// [`ModelError::File`] that names the key of `config.json` that cannot be.
    pub fn model(&self) -> Result<Model> {
        self.model_of(self.config.clone()).map_err(|error| self.in_the_files_words(error))
    }

    /// An error about the configuration as one about the file that it came from.
    pub(super) fn in_the_files_words(&self, error: ModelError) -> ModelError {
        match self.keys().reason(&error) {
            Some(reason) => ModelError::File { path: self.directory.join(CONFIG), reason },
            None => error,
        }
    }

    /// What its `config.json` calls the fields of the configuration.
    pub(super) fn keys(&self) -> Keys<'_> {
        Keys::new(&self.json, self.config.family)
    }

    /// The parameters that no tensor stands for.
    ///
    /// # Errors
    /// As [`Checkpoint::model`].
    pub fn missing(&self) -> Result<Vec<Remark>> {
        let model = self.model()?;
        Ok(self.matching(&model).missing(&model))
    }

    /// The tensors that stand for no parameter, allowed or not.
    ///
    /// # Errors
    /// As [`Checkpoint::model`].
    pub fn unexpected(&self) -> Result<Vec<Remark>> {
        let model = self.model()?;
        Ok(self.matching(&model).unexpected(|i| &self.tensor(i).1.name))
    }

    /// The architecture of a configuration that these tensors can be of.
    pub(super) fn model_of(&self, config: ModelConfig) -> Result<Model> {
        sizes::check_layers(&config, self.tensors().map(|tensor| tensor.name))?;
        Model::new(config)
    }

    pub(super) fn matching(&self, model: &Model) -> Matching {
        Matching::new(model, self.tensors().map(|tensor| tensor.name))
    }

    /// A tensor and its file, by its number in the order of the files.
    pub(super) fn tensor(&self, i: usize) -> (&TensorFile, &StoredTensor) {
        let (file, tensor) = self.tensors[i];
        (&self.files[file], &self.files[file].header().tensors[tensor])
    }
}
