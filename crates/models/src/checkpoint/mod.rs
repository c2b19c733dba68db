//! Weights in safetensors files: one tensor per parameter, under the parameter's name.
//!
//! Any [`Parameters`] can be kept so: a model's weights, an operator's factors, a training run's moments. Names, shapes and
//! order are those of the specs; what other programs write is for [`crate::hub`] to make sense of.
//!
//! Files are mapped into memory, checked before anything is allocated for them, and converted tensor by tensor by all threads:
//! loading takes the memory of the parameters and of one tensor more.

mod file;
mod header;
mod numbers;
mod write;

pub(crate) use file::{NotFinite, TensorFile};
pub(crate) use header::{StoredTensor, pointer};
pub use numbers::FloatType;
pub(crate) use write::Layout;
use write::write;

use crate::{ModelError, ParamSpec, Parameters, Result};
use ligo_kernels::{KernelError, Kernels, Matrix};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Writes all tensors in f32, with `metadata` beside the `format: pt` that `transformers` asks for.
///
/// The file is written under a temporary name, synced and renamed; equal weights and metadata give equal bytes.
///
/// # Errors
/// [`ModelError::Write`] if it cannot be written; what was at `path` is then still there.
pub fn save<D: Kernels>(path: &Path, parameters: &Parameters<D>, metadata: &BTreeMap<String, String>) -> Result<()> {
    let tensors: Vec<_> = parameters.specs().iter().zip(parameters.tensors()).collect();
    write(path, &tensors, FloatType::F32, metadata)
}

/// Reads the tensors that `specs` declare, stored as F32, F16, BF16 or F64, under exactly these names.
///
/// Nothing may be missing, of another shape, or left over. Values that are not finite are let through: what a training run has
/// written is read back as it was.
///
/// # Errors
/// [`ModelError::File`] if the file cannot be read or is no safetensors file, [`ModelError::Parameter`] for the first tensor that
/// does not fit, [`ModelError::Kernel`] if the device has no memory for it.
pub fn load<D: Kernels>(path: &Path, specs: Arc<[ParamSpec]>, device: &D) -> Result<Parameters<D>> {
    let file = TensorFile::open(path)?;
    let by_name: HashMap<&str, usize> = specs.iter().enumerate().map(|(i, spec)| (&*spec.name, i)).collect();
    let mut found = vec![None; specs.len()];
    for tensor in &file.header().tensors {
        let Some(&i) = by_name.get(&*tensor.name) else {
            return Err(file.refuse(&tensor.name, "a tensor in the file", "none: there is no such parameter"));
        };
        if *tensor.shape != *specs[i].stored_shape() {
            let found = format!("shape {:?}", tensor.shape);
            return Err(file.refuse(&tensor.name, &found, &format!("{:?}", specs[i].stored_shape())));
        }
        file.check_type(tensor)?;
        found[i] = Some(tensor);
    }
    if let Some(i) = found.iter().position(Option::is_none) {
        return Err(file.refuse(&specs[i].name, "no such tensor", "one for each parameter"));
    }
    file.will_read();
    let tensors = specs
        .iter()
        .zip(found.into_iter().flatten())
        .map(|(spec, tensor)| tensor_of(spec, file.values(tensor, NotFinite::Allowed)?, device));
    let tensors = tensors.collect::<Result<_>>()?;
    Parameters::new(specs, tensors)
}

/// What [`save`] was told beside the weights.
///
/// # Errors
/// [`ModelError::File`] as [`load`].
pub fn metadata(path: &Path) -> Result<BTreeMap<String, String>> {
    TensorFile::open(path)?.metadata()
}

/// Puts a parameter's values on the device; on the processor they stay where they are.
pub(crate) fn tensor_of<D: Kernels>(spec: &ParamSpec, values: Vec<f32>, device: &D) -> Result<Matrix<D>> {
    device.try_tensor_from_vec(values, spec.matrix_shape()).map_err(|error| {
        ModelError::from(KernelError::Device { op: "load", reason: format!("{}: {error}", spec.name) })
    })
}
