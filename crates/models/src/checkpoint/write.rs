//! A safetensors file as it is written: a header, then one tensor after the other.

use super::numbers::FloatType;
use crate::{ModelError, ParamSpec, Result};
use ligo_files::{FileError, replace_file};
use ligo_kernels::{Kernels, Matrix};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Values that are converted at a time.
const BLOCK: usize = 1 << 16;

/// Writes tensors in this order, with `metadata` beside the `format: pt` that `transformers` asks for.
///
/// # Errors
/// [`ModelError::Write`] if it cannot be written, [`ModelError::Parameter`] if a value does not fit into `float`; what was at
/// `path` is then still there.
pub(crate) fn write<D: Kernels>(
    path: &Path,
    tensors: &[(&ParamSpec, &Matrix<D>)],
    float: FloatType,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let header = header(tensors.iter().map(|(spec, _)| *spec), float, metadata);
    replace_file(path, |file| {
        let put = |file: &mut File, bytes: &[u8]| file.write_all(bytes).map_err(FileError::at("write", path));
        put(file, &header)?;
        let mut bytes = Vec::with_capacity(float.bytes() * BLOCK);
        for (spec, tensor) in tensors {
            for values in tensor.as_vec().chunks(BLOCK) {
                bytes.clear();
                float.encode(values, &mut bytes).map_err(|value| ModelError::Parameter {
                    name: spec.name.clone(),
                    found: format!("{value:e}"),
                    expected: format!("what {} can hold", float.name()),
                })?;
                put(file, &bytes)?;
            }
        }
        Ok(())
    })
}

/// The file's bytes before its first tensor.
fn header<'a>(
    specs: impl Iterator<Item = &'a ParamSpec>,
    float: FloatType,
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    let mut metadata = metadata.clone();
    metadata.insert("format".into(), "pt".into());
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let mut end = 0;
    for spec in specs {
        let start = end;
        end += float.bytes() * spec.elements();
        let info = json!({ "dtype": float.name(), "shape": spec.stored_shape(), "data_offsets": [start, end] });
        header.insert(spec.name.clone(), info);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The format asks for data that begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header].concat()
}
