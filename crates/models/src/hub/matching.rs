//! Which tensors of a checkpoint stand for which parameters of a model, and which stand for none.

use super::names::{Meaning, Names};
use crate::Model;

/// The tensors' meanings, by their numbers in the order of the files.
#[derive(Debug)]
pub(super) struct Matching {
    /// For each parameter the tensors that stand for it: those of its own name before copies under the names it is tied to.
    pub(super) sources: Vec<Vec<usize>>,
    passed_over: Vec<(usize, &'static str)>,
    /// Those that nobody knows.
    pub(super) unknown: Vec<usize>,
}

/// A parameter that is not in a checkpoint, or a tensor that is in no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The parameter or the tensor.
    pub name: String,
    /// What there is to say about it.
    pub why: String,
    /// Whether the checkpoint can be loaded all the same.
    pub harmless: bool,
}

impl Matching {
    pub(super) fn new<'a>(model: &Model, tensors: impl Iterator<Item = &'a str>) -> Self {
        let names = Names::new(model.config(), model.specs());
        let mut matching = Self { sources: vec![vec![]; model.specs().len()], passed_over: vec![], unknown: vec![] };
        for (i, name) in tensors.enumerate() {
            match names.meaning(name) {
                Meaning::Parameter(parameter) => matching.sources[parameter].insert(0, i),
                Meaning::CopyOf(parameter) => matching.sources[parameter].push(i),
                Meaning::Nothing(why) => matching.passed_over.push((i, why)),
                Meaning::Unknown => matching.unknown.push(i),
            }
        }
        matching
    }

    pub(super) fn missing(&self, model: &Model) -> Vec<Remark> {
        let missing = model.specs().iter().zip(&self.sources).filter(|(_, sources)| sources.is_empty());
        let remark = |name: &str, shape: &[usize]| Remark {
            name: name.to_owned(),
            why: format!("no tensor of this name, expected one of shape {shape:?}"),
            harmless: false,
        };
        missing.map(|(spec, _)| remark(&spec.name, spec.stored_shape())).collect()
    }

    /// `name` names a tensor by its number.
    pub(super) fn unexpected<'a>(&self, name: impl Fn(usize) -> &'a str) -> Vec<Remark> {
        let remark = |i, why: &str, harmless| Remark { name: name(i).to_owned(), why: why.to_owned(), harmless };
        let unknown = self.unknown.iter().map(|&i| remark(i, "the model has no such parameter", false));
        unknown.chain(self.passed_over.iter().map(|&(i, why)| remark(i, why, true))).collect()
    }
}
