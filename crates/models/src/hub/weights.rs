//! The files of a model's weights in the course of being written: one, or shards of which each holds a run of the parameters.
//!
//! Where they lie, and what else belongs to a checkpoint, is [`super::export`]'s.

use super::WEIGHTS;
use super::early_sync::EarlySync;
use super::index::Index;
use crate::checkpoint::{FloatType, Layout};
use crate::{ModelError, ParamSpec, Result};
use dfdx::shapes::HasShape;
use ligo_files::FileError;
use ligo_kernels::{Kernels, Matrix};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Weights that are put in one by one, in any order.
pub(super) struct Weights {
    // Dropped first: until it is, a file may be open.
    early_sync: EarlySync,
    shards: Vec<Shard>,
    specs: Arc<[ParamSpec]>,
    float: FloatType,
    /// Which parameters are still missing.
    missing: Vec<bool>,
    /// Whether something could not be written: the files are good for nothing then.
    failed: bool,
}

/// One file.
struct Shard {
    name: String,
    /// Where it lies now.
    path: PathBuf,
    layout: Layout,
    /// The parameters that it holds, and how many of them are missing.
    range: Range<usize>,
    left: usize,
    /// From its first parameter to its last.
    file: Option<Arc<File>>,
}

impl Weights {
    /// Files of at most `most` bytes of tensors, or of one tensor; `path` says where each lies.
    pub(super) fn new(
        specs: &Arc<[ParamSpec]>,
        float: FloatType,
        most: usize,
        mut path: impl FnMut(&str) -> PathBuf,
    ) -> Self {
        let ranges = runs(specs, float, most);
        let count = ranges.len();
        let shard = |(i, range): (usize, Range<usize>)| {
            let name = match count {
                1 => WEIGHTS.to_owned(),
                n => format!("model-{:05}-of-{n:05}.safetensors", i + 1),
            };
            let layout = Layout::new(specs[range.clone()].iter(), float, &BTreeMap::new());
            Shard { path: path(&name), name, layout, left: range.len(), range, file: None }
        };
        let shards = ranges.into_iter().enumerate().map(shard).collect();
        let missing = vec![true; specs.len()];
        Self { early_sync: EarlySync::default(), shards, specs: specs.clone(), float, missing, failed: false }
    }

    /// Writes parameter number `index`; with the last one of a file waits until the disk has all of it.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if it has another shape, is none of the model's or there already, or a value does not fit into the
    /// type; [`ModelError::Write`].
    pub(super) fn put<D: Kernels>(&mut self, index: usize, tensor: &Matrix<D>) -> Result<()> {
        let refused = |name: &str, found: String, expected: String| {
            Err(ModelError::Parameter { name: name.to_owned(), found, expected })
        };
        let shard = self.shards.iter_mut().find(|shard| shard.range.contains(&index));
        let (Some(spec), Some(shard)) = (self.specs.get(index), shard) else {
            let expected = format!("{} parameters", self.specs.len());
            return refused(&format!("number {index}"), "one too many".into(), expected);
        };
        if *tensor.shape() != spec.matrix_shape() {
            return refused(&spec.name, format!("{:?}", tensor.shape()), format!("{:?}", spec.matrix_shape()));
        }
        if !self.missing[index] {
            return refused(&spec.name, "it a second time".into(), "each parameter once".into());
        }
        // Until all of this has gone well.
        self.failed = true;
        let file = match &shard.file {
            Some(file) => file.clone(),
            None => {
                let file = File::create_new(&shard.path).map_err(FileError::at("create", &shard.path))?;
                shard.layout.begin(&file, &shard.path)?;
                shard.file.insert(Arc::new(file)).clone()
            }
        };
        shard.layout.put(&file, &shard.path, index - shard.range.start, spec, tensor)?;
        self.missing[index] = false;
        shard.left -= 1;
        if shard.left > 0 {
            self.early_sync.written(&file, &shard.path, self.float.bytes() * spec.elements());
        } else {
            // Closed: an open file cannot be moved everywhere.
            shard.file = None;
            self.early_sync.finish()?;
            file.sync_all().map_err(FileError::at("write", &shard.path))?;
        }
        self.failed = false;
        Ok(())
    }

    /// The files' names, when all of them are whole.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] for a parameter that was never put in; [`ModelError::File`] if one could not be written.
    pub(super) fn finish(self) -> Result<Vec<String>> {
        if let Some(shard) = self.shards.first().filter(|_| self.failed) {
            let reason = "found that a parameter could not be written, expected none to fail";
            return Err(ModelError::File { path: shard.path.clone(), reason: reason.into() });
        }
        if let Some(i) = self.missing.iter().position(|missing| *missing) {
            return Err(ModelError::Parameter {
                name: self.specs[i].name.clone(),
                found: "nothing written".into(),
                expected: "its values".into(),
            });
        }
        Ok(self.shards.into_iter().map(|shard| shard.name).collect())
    }

    /// What says which file each parameter is in, where there are several.
    pub(super) fn index(&self) -> Option<String> {
        if self.shards.len() == 1 {
            return None;
        }
        let located = self
            .shards
            .iter()
            .flat_map(|shard| self.specs[shard.range.clone()].iter().map(|spec| (&*spec.name, &*shard.name)));
        let elements: usize = self.specs.iter().map(ParamSpec::elements).sum();
        Some(Index::text(located, elements * self.float.bytes()))
    }
}

/// Cuts the parameters into runs of at most `most` bytes, or of one tensor.
fn runs(specs: &[ParamSpec], float: FloatType, most: usize) -> Vec<Range<usize>> {
    let (mut runs, mut start, mut bytes) = (vec![], 0, 0_usize);
    for (i, spec) in specs.iter().enumerate() {
        let more = spec.elements() * float.bytes();
        if i > start && bytes.saturating_add(more) > most {
            runs.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += more;
    }
    runs.push(start..specs.len());
    runs
}

/// Whether a name is that of a shard: `model-00001-of-00002.safetensors`.
pub(super) fn is_shard(name: &str) -> bool {
    let numbers = name.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors"));
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    numbers.and_then(|rest| rest.split_once("-of-")).is_some_and(|(i, n)| number(i) && number(n))
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
            let runs = runs(&specs, float, most);
            let ends: Vec<usize> = runs.iter().map(|run| run.end).collect();
            assert_eq!(ends, expected, "{float:?} {most}");
            assert!(runs[0].start == 0 && runs.windows(2).all(|pair| pair[0].end == pair[1].start));
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
