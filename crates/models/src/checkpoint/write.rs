//! A safetensors file as it is written: a header, then the tensors, each at its place, in whatever order they come.

use super::numbers::FloatType;
use crate::{ModelError, ParamSpec, Result};
use ligo_files::{FileError, replace_file};
use ligo_kernels::{Kernels, Matrix};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Values that are converted at a time.
const BLOCK: usize = 1 << 16;

/// Writes tensors in this order, with `metadata` beside the `format: pt` that `transformers` asks for.
///
/// # Errors
/// [`ModelError::Write`] if it cannot be written, [`ModelError::Parameter`] if a value does not fit into `float`; what was at
/// `path` is then still there.
pub(super) fn write<D: Kernels>(
    path: &Path,
    tensors: &[(&ParamSpec, &Matrix<D>)],
    float: FloatType,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let layout = Layout::new(tensors.iter().map(|(spec, _)| *spec), float, metadata);
    replace_file(path, |file| {
        layout.begin(file, path)?;
        tensors.iter().enumerate().try_for_each(|(i, (spec, tensor))| layout.put(file, path, i, spec, tensor))
    })
}

/// Where everything lies in a file, before anything is in it.
pub(crate) struct Layout {
    /// The file's bytes before its first tensor.
    header: Vec<u8>,
    /// Where each tensor begins in the file, and where the last one ends.
    starts: Vec<u64>,
    float: FloatType,
}

impl Layout {
    /// Of tensors one after the other, with `metadata` beside the `format: pt` that `transformers` asks for.
    pub(crate) fn new<'a>(
        specs: impl Iterator<Item = &'a ParamSpec>,
        float: FloatType,
        metadata: &BTreeMap<String, String>,
    ) -> Self {
        let mut metadata = metadata.clone();
        metadata.insert("format".into(), "pt".into());
        let mut header = Map::new();
        header.insert("__metadata__".into(), json!(metadata));
        let mut starts = vec![0];
        let mut end = 0;
        for spec in specs {
            let start = end;
            end += (float.bytes() * spec.elements()) as u64;
            let info = json!({ "dtype": float.name(), "shape": spec.stored_shape(), "data_offsets": [start, end] });
            header.insert(spec.name.clone(), info);
            starts.push(end);
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        // The format asks for data that begin at a multiple of 8.
        header.resize(header.len().next_multiple_of(8), b' ');
        let header = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
        starts.iter_mut().for_each(|start| *start += header.len() as u64);
        Self { header, starts, float }
    }

    /// Makes an empty file as long as it will be and writes the header.
    ///
    /// # Errors
    /// [`ModelError::Write`], which names `path`.
    pub(crate) fn begin(&self, mut file: &File, path: &Path) -> Result<()> {
        file.set_len(self.starts.last().copied().unwrap_or_default()).map_err(FileError::at("write", path))?;
        Ok(file.write_all(&self.header).map_err(FileError::at("write", path))?)
    }

    /// Writes tensor number `index` of those that the file was laid out for, which `spec` declares.
    ///
    /// # Errors
    /// [`ModelError::Write`], which names `path`; [`ModelError::Parameter`] if a value does not fit into the type.
    pub(crate) fn put<D: Kernels>(
        &self,
        mut file: &File,
        path: &Path,
        index: usize,
        spec: &ParamSpec,
        tensor: &Matrix<D>,
    ) -> Result<()> {
        file.seek(SeekFrom::Start(self.starts[index])).map_err(FileError::at("write", path))?;
        let mut bytes = Vec::with_capacity(self.float.bytes() * BLOCK);
        for values in D::values(tensor).chunks(BLOCK) {
            bytes.clear();
            self.float.encode(values, &mut bytes).map_err(|value| ModelError::Parameter {
                name: spec.name.clone(),
                found: format!("{value:e}"),
                expected: format!("what {} can hold", self.float.name()),
            })?;
            file.write_all(&bytes).map_err(FileError::at("write", path))?;
        }
        Ok(())
    }
}
