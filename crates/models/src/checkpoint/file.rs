//! A safetensors file that is open for reading: mapped, its header checked, its tensors read one by one.

use super::header::{Header, StoredTensor};
use super::numbers::{Decoded, decode, is_readable};
use crate::{ModelError, Result};
use ligo_kernels::MappedFile;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// An open file whose header has been checked.
#[derive(Debug)]
pub(crate) struct TensorFile {
    path: PathBuf,
    map: MappedFile,
    header: Header,
}

/// Whether infinities and NaN in weights are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFinite {
    Allowed,
    Refused,
}

impl TensorFile {
    /// Maps a file and reads its header, no more.
    ///
    /// # Errors
    /// [`ModelError::File`] if it cannot be read or is no safetensors file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let broken = |reason: String| ModelError::File { path: path.to_owned(), reason };
        let unreadable = |error: io::Error| broken(format!("cannot be read: {error}"));
        // Opening anything else could wait for ever (a pipe) or fail with a riddle (a directory).
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(broken("found something else than a file, expected a safetensors file".into()));
        }
        let map = MappedFile::open(&File::open(path).map_err(unreadable)?).map_err(unreadable)?;
        let header = Header::parse(&map).map_err(broken)?;
        Ok(Self { path: path.to_owned(), map, header })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What stands beside the tensors.
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, String>> {
        let broken = |reason| ModelError::File { path: self.path.clone(), reason };
        self.header.metadata(&self.map).map_err(broken)
    }

    /// Says that all tensors are about to be read, first to last.
    pub(crate) fn will_read(&self) {
        self.map.will_read_in_order();
    }

    /// The bytes of one of this file's tensors.
    pub(crate) fn bytes(&self, tensor: &StoredTensor) -> &[u8] {
        // The header was held against the file's size.
        &self.map[self.header.start + tensor.start..self.header.start + tensor.end]
    }

    /// No more is wanted of a tensor's bytes for now: they need not stay in memory.
    pub(crate) fn release(&self, tensor: &StoredTensor) {
        self.map.release(self.header.start + tensor.start..self.header.start + tensor.end);
    }

    /// The values of one of this file's tensors in f32, in the file's order.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if its numbers are of a type that is not read here, [`ModelError::NotFinite`] if one is not finite
    /// and that is refused.
    pub(crate) fn values(&self, tensor: &StoredTensor, not_finite: NotFinite) -> Result<Vec<f32>> {
        self.check_type(tensor)?;
        let Decoded { values, first_not_finite } = decode(self.bytes(tensor), tensor.dtype);
        self.release(tensor);
        match first_not_finite {
            Some(place) if not_finite == NotFinite::Refused => {
                let (name, at) = (tensor.name.to_string(), position(place, &tensor.shape));
                Err(ModelError::NotFinite { name, value: values[place], at, path: self.path.clone() })
            }
            _ => Ok(values),
        }
    }

    /// # Errors
    /// [`ModelError::Parameter`] if the tensor's numbers are of a type that is not read here.
    pub(crate) fn check_type(&self, tensor: &StoredTensor) -> Result<()> {
        if is_readable(tensor.dtype) {
            return Ok(());
        }
        let found = format!("numbers of type {:?}", tensor.dtype);
        Err(self.refuse(&tensor.name, &found, "F32, F16, BF16 or F64"))
    }

    /// An error about one of this file's tensors.
    pub(crate) fn refuse(&self, name: &str, found: &str, expected: &str) -> ModelError {
        ModelError::Parameter {
            name: name.to_owned(),
            found: format!("{found} ({})", self.path.display()),
            expected: expected.to_owned(),
        }
    }
}

/// The indices of the value that stands at `place` in a tensor's order.
fn position(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for (index, size) in indices.iter_mut().zip(shape).rev() {
        // A tensor that has a value has no axis of size 0.
        (*index, place) = (place % size, place / size);
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_the_last_axis_fastest() {
        assert_eq!(position(0, &[]), [0; 0]);
        assert_eq!(position(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(position(5, &[2, 3, 4]), [0, 1, 1]);
    }
}
