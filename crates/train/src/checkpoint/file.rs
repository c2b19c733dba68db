//! One checkpoint as a file: safetensors with the plan, the state and a hash in the metadata.

use super::{Plan, State, Tensors, TensorsMut, failed};
use crate::TrainError;
use ligo_files::replace_file;
use ligo_kernels::{Kernels, Matrix};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// The keys of the metadata.
const PLAN: &str = "plan";
const STATE: &str = "state";
const HASH: &str = "blake3";

/// Stands where the hash will be once the tensors have been written.
const NO_HASH: &str = "................................................................";

/// What the tensors of a parameter are called, before its name; not every stage has the last one.
const KINDS: [&str; 4] = ["weight/", "first/", "second/", "average/"];

/// Why a checkpoint was not read.
pub(super) enum Unreadable {
    /// It is not what was written.
    Damaged(String),
    /// It is whole but not ours, or the system would not give it.
    Error(TrainError),
}

/// Puts what `fill` writes at `path`: under a temporary name, synced, renamed, and the rename synced too.
pub(super) fn write(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), TrainError> {
    replace_file(path, |file| fill(file).map_err(failed(path, "write the checkpoint")))
}

/// Writes a checkpoint; one tensor at a time is copied out of the device.
pub(super) fn write_into<D: Kernels>(
    file: impl Write + Seek,
    plan: &Plan,
    state: &State,
    tensors: &Tensors<'_, D>,
) -> io::Result<()> {
    let (plan, state) = (serde_json::to_string(plan)?, serde_json::to_string(state)?);
    let sets = [Some(tensors.weights), Some(tensors.first), Some(tensors.second), tensors.average];
    let named = || {
        KINDS
            .iter()
            .zip(sets)
            .filter_map(|(kind, set)| Some((kind, set?)))
            .flat_map(|(kind, set)| tensors.names.iter().zip(set).map(move |(name, t)| (kind, name, t)))
    };
    let mut offset = 0;
    let infos = named()
        .map(|(kind, name, tensor)| {
            let (rows, columns) = size(tensor);
            let data_offsets = (offset, offset + rows * columns * size_of::<f32>());
            offset = data_offsets.1;
            (format!("{kind}{name}"), TensorInfo { dtype: Dtype::F32, shape: vec![rows, columns], data_offsets })
        })
        .collect();
    let mut hasher = blake3::Hasher::new();
    hasher.update(plan.as_bytes()).update(state.as_bytes());
    let metadata = [(PLAN, plan), (STATE, state), (HASH, NO_HASH.to_owned())];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut header = serde_json::to_vec(&Metadata::new(Some(metadata), infos).map_err(io::Error::other)?)?;
    header.resize(header.len().next_multiple_of(8), b' ');

    let mut file = BufWriter::with_capacity(1 << 20, file);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let (mut values, mut bytes) = (Vec::new(), Vec::new());
    for (_, _, tensor) in named() {
        let (rows, columns) = size(tensor);
        values.resize(rows * columns, 0.0);
        tensor.copy_into(&mut values);
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value: &f32| value.to_le_bytes()));
        hasher.update(&bytes);
        file.write_all(&bytes)?;
    }
    let hash = header.windows(NO_HASH.len()).position(|window| window == NO_HASH.as_bytes());
    let hash = hash.ok_or_else(|| io::Error::other("no place for the hash"))?;
    file.seek(SeekFrom::Start(8 + hash as u64))?;
    file.write_all(hasher.finalize().to_hex().as_bytes())?;
    file.flush()
}

/// Reads a checkpoint, checks that it is whole and this plan's, and only then fills the tensors.
pub(super) fn read<D: Kernels>(path: &Path, plan: &Plan, tensors: &mut TensorsMut<'_, D>) -> Result<State, Unreadable> {
    let bytes = std::fs::read(path).map_err(|error| Unreadable::Error(failed(path, "read the checkpoint")(error)))?;
    let damaged = |reason: &dyn std::fmt::Display| Unreadable::Damaged(reason.to_string());
    let (length, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error))?;
    let found = metadata.metadata().clone().unwrap_or_default();
    let text = |key: &str| found.get(key).map(String::as_str).ok_or_else(|| damaged(&format!("it has no {key}")));
    let (their_plan, state) = (text(PLAN)?, text(STATE)?);
    let mut hasher = blake3::Hasher::new();
    hasher.update(their_plan.as_bytes()).update(state.as_bytes()).update(&bytes[8 + length..]);
    if hasher.finalize().to_hex().as_str() != text(HASH)? {
        return Err(damaged(&"its content is not what was written"));
    }

    let foreign = |difference: String| Unreadable::Error(TrainError::Foreign { path: path.to_owned(), difference });
    let their_plan: Plan = serde_json::from_str(their_plan).map_err(|error| foreign(error.to_string()))?;
    if let Some(difference) = plan.difference(&their_plan) {
        return Err(foreign(difference));
    }
    let state = serde_json::from_str(state).map_err(|error| foreign(error.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error))?;
    let average = tensors.average.as_deref_mut();
    let sets = [Some(&mut *tensors.weights), Some(&mut *tensors.first), Some(&mut *tensors.second), average];
    for (kind, set) in KINDS.iter().zip(sets).filter_map(|(kind, set)| Some((kind, set?))) {
        for (name, tensor) in tensors.names.iter().zip(set) {
            let name = format!("{kind}{name}");
            let view = file.tensor(&name).map_err(|error| foreign(error.to_string()))?;
            let (rows, columns) = size(tensor);
            if view.dtype() != Dtype::F32 || view.shape() != [rows, columns] {
                let expected = format!("F32 [{rows}, {columns}]");
                return Err(foreign(format!(
                    "its {name} is {:?} {:?}, this run's {expected}",
                    view.dtype(),
                    view.shape()
                )));
            }
            let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            tensor.copy_from(&values.collect::<Vec<f32>>());
        }
    }
    Ok(state)
}

fn size<D: Kernels>(tensor: &Matrix<D>) -> (usize, usize) {
    *dfdx::shapes::HasShape::shape(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cost, StagePlan, TrainingConfig};
    use ligo_kernels::Cpu;
    use std::time::Duration;

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else_and_names_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("step-0000000001.safetensors");
        std::fs::write(&path, "old").unwrap();
        let error = write(&path, |file| {
            file.write_all(b"half of the ne")?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(error.to_string().contains("step-0000000001.safetensors: cannot write the checkpoint: "), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_checkpoint_that_does_not_fit_is_an_error_wherever_the_space_ends() {
        let plan = StagePlan {
            stage: "train".into(),
            config: TrainingConfig::new(1, 1, 0.1),
            schedule_from: 0,
            rate: crate::Rate::Schedule,
            steps: 1,
            flops_per_step: 0.0,
            before: Cost::default(),
            evaluate_every: 1,
            seed: 0,
            inputs: String::new(),
            checkpoint_every: Duration::ZERO,
        };
        let matrices = [dfdx::tensor::TensorFromVec::tensor_from_vec(&Cpu::default(), vec![1.0_f32, 2.0], (1, 2))];
        let (names, average) = (["w".into()], None);
        let tensors = Tensors { names: &names, weights: &matrices, first: &matrices, second: &matrices, average };
        let written = |space: &mut [u8]| {
            let mut file = io::Cursor::new(space);
            write_into(&mut file, &Plan::new(&plan, 0, &[]), &State::default(), &tensors)
        };
        let mut whole = io::Cursor::new(Vec::new());
        write_into(&mut whole, &Plan::new(&plan, 0, &[]), &State::default(), &tensors).unwrap();
        let length = whole.into_inner().len();
        assert!(written(&mut vec![0; length]).is_ok());
        for space in [0, 7, 8, 100, length - 24, length - 1] {
            assert!(written(&mut vec![0; space]).is_err(), "{space} bytes");
        }
    }
}
