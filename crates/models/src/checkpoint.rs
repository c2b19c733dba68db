//! Weights in safetensors files: one tensor per parameter, under the parameter's name.
//!
//! Any [`Parameters`] can be kept so: a model's weights, an operator's factors. Other programs' names for the same tensors are
//! `hub::names`' affair.

use crate::hub::names::{Meaning, meaning};
use crate::{ModelError, ParamSpec, Parameters, Result};
use half::{bf16, f16};
use ligo_files::{FileError, replace_file};
use ligo_kernels::{KernelError, Kernels};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the number that begins a file and says how long its header is.
const LENGTH: u64 = 8;

/// Writes all tensors in f32, with `metadata` beside the `format: pt` that `transformers` asks for.
///
/// The file is written under a temporary name, synced and renamed; equal weights and metadata give equal bytes.
///
/// # Errors
/// [`ModelError::File`] if it cannot be written; what was at `path` is then still there.
pub fn save<D: Kernels>(path: &Path, parameters: &Parameters<D>, metadata: &BTreeMap<String, String>) -> Result<()> {
    let mut metadata = metadata.clone();
    metadata.insert("format".into(), "pt".into());
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let mut end = 0;
    for spec in parameters.specs().iter() {
        let start = end;
        end += 4 * spec.elements();
        let info = json!({ "dtype": "F32", "shape": spec.shape, "data_offsets": [start, end] });
        header.insert(spec.name.clone(), info);
    }
    let mut header = Value::Object(header).to_string();
    // The format asks for data that begin at a multiple of 8.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));

    let write = |file: &mut File| -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for tensor in parameters.tensors() {
            write_f32(&mut file, &tensor.as_vec())?;
        }
        file.flush()
    };
    Ok(replace_file(path, |file| write(file).map_err(FileError::at("write", path)))?)
}

fn write_f32(file: &mut impl Write, values: &[f32]) -> io::Result<()> {
    let mut bytes = [0; 4 * 4096];
    for values in values.chunks(4096) {
        let bytes = &mut bytes[..4 * values.len()];
        for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        file.write_all(bytes)?;
    }
    Ok(())
}

/// Reads the tensors that `specs` declare, stored as F32, F16 or BF16.
///
/// Nothing may be missing, of another shape, or left over. Left out without complaint is what the Hub's checkpoints hold beside
/// the weights: second copies of tied tensors, if they are equal, buffers, and the heads that these models do not have.
///
/// # Errors
/// [`ModelError::File`] if the file cannot be read or is no safetensors file, [`ModelError::Parameter`] for the first tensor that
/// does not fit, [`ModelError::Kernel`] if the device has no memory for it.
pub fn load<D: Kernels>(path: &Path, specs: Arc<[ParamSpec]>, device: &D) -> Result<Parameters<D>> {
    let mut file = TensorFile::open(path)?;
    let sources = file.sources(&specs)?;
    let mut tensors = Vec::with_capacity(specs.len());
    for (spec, sources) in specs.iter().zip(sources) {
        let Some((first, copies)) = sources.split_first() else {
            return Err(file.refuse(&spec.name, "no such tensor", "one for each parameter of the model"));
        };
        let values = file.read(first, spec)?;
        for copy in copies {
            if file.read(copy, spec)? != values {
                let found = format!("other values than {first} has");
                return Err(file.refuse(copy, &found, "equal ones, since the two are one tensor in this model"));
            }
        }
        let tensor = device.try_tensor_from_vec(values, spec.matrix_shape());
        tensors.push(
            tensor.map_err(|error| KernelError::Device { op: "load", reason: format!("{}: {error}", spec.name) })?,
        );
    }
    Parameters::new(specs, tensors)
}

/// What [`save`] was told beside the weights.
///
/// # Errors
/// [`ModelError::File`] as [`load`].
pub fn metadata(path: &Path) -> Result<BTreeMap<String, String>> {
    let file = TensorFile::open(path)?;
    Ok(file.header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// An open file whose header has been checked.
struct TensorFile {
    path: PathBuf,
    file: File,
    header: Metadata,
    /// Where the data begin.
    start: u64,
}

impl TensorFile {
    fn open(path: &Path) -> Result<Self> {
        let broken = |reason: String| ModelError::File { path: path.to_owned(), reason };
        let unreadable = |error: io::Error| broken(format!("cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        if size < LENGTH {
            return Err(broken(format!("found {size} bytes, expected a safetensors file")));
        }
        let mut length = [0; LENGTH as usize];
        file.read_exact(&mut length).map_err(unreadable)?;
        let length = u64::from_le_bytes(length);
        if length > size - LENGTH {
            let expected = "a safetensors file, whole and uncompressed";
            return Err(broken(format!("found a header of {length} bytes in {size}, expected {expected}")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(unreadable)?;
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|error| broken(format!("found a header that cannot be read ({error}), expected safetensors")))?;
        let (start, data) = (LENGTH + length, header.data_len() as u64);
        if size - start != data {
            return Err(broken(format!("found {} bytes of data, expected {data} by its header", size - start)));
        }
        Ok(Self { path: path.to_owned(), file, header, start })
    }

    /// For each parameter the tensors of the file that stand for it, best first.
    fn sources(&self, specs: &[ParamSpec]) -> Result<Vec<Vec<String>>> {
        let by_name: HashMap<&str, usize> = specs.iter().enumerate().map(|(i, spec)| (&*spec.name, i)).collect();
        let mut sources = vec![vec![]; specs.len()];
        for name in self.header.offset_keys() {
            match meaning(&name, |name| by_name.get(name).copied()) {
                Meaning::Parameter(i) => sources[i].insert(0, name),
                Meaning::CopyOf(i) => sources[i].push(name),
                Meaning::Nothing => {}
                Meaning::Unknown => {
                    return Err(self.refuse(&name, "a tensor in the file", "none: the model has no such parameter"));
                }
            }
        }
        Ok(sources)
    }

    /// The values of a tensor that must have the shape of `spec`.
    fn read(&mut self, name: &str, spec: &ParamSpec) -> Result<Vec<f32>> {
        let Some(TensorInfo { dtype, shape, data_offsets: (start, end) }) = self.header.info(name).cloned() else {
            return Err(self.refuse(name, "no such tensor", "one"));
        };
        if shape != spec.shape {
            return Err(self.refuse(name, &format!("shape {shape:?}"), &format!("{:?}", spec.shape)));
        }
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(self.refuse(name, &format!("numbers of type {dtype:?}"), "F32, F16 or BF16"));
        }
        let mut bytes = vec![0; end - start];
        let place = SeekFrom::Start(self.start + start as u64);
        let read = self.file.seek(place).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| ModelError::File { path: self.path.clone(), reason: format!("cannot be read: {error}") })?;
        let halves = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
        Ok(match dtype {
            Dtype::F16 => halves().map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::BF16 => halves().map(|bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            _ => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        })
    }

    fn refuse(&self, name: &str, found: &str, expected: &str) -> ModelError {
        ModelError::Parameter {
            name: name.to_owned(),
            found: format!("{found} ({})", self.path.display()),
            expected: expected.to_owned(),
        }
    }
}
