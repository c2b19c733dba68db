//! A model's weights: one tensor per spec, in the order of the specs.

use crate::{ModelError, ParamSpec, Result};
use ligo_kernels::{Kernels, Matrix};
use std::sync::Arc;

/// One tensor per [`ParamSpec`], in the same order; a vector is a matrix of one row.
#[derive(Debug, Clone)]
pub struct Parameters<D: Kernels> {
    specs: Arc<[ParamSpec]>,
    tensors: Vec<Matrix<D>>,
}

impl<D: Kernels> Parameters<D> {
    /// Puts specs and tensors together.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if their number or a shape differs.
    pub fn new(specs: Arc<[ParamSpec]>, tensors: Vec<Matrix<D>>) -> Result<Self> {
        if specs.len() != tensors.len() {
            return Err(ModelError::Parameter {
                name: "the whole set".into(),
                found: format!("{} tensors", tensors.len()),
                expected: format!("{} tensors", specs.len()),
            });
        }
        for (spec, tensor) in specs.iter().zip(&tensors) {
            let found = *dfdx::shapes::HasShape::shape(tensor);
            if found != spec.matrix_shape() {
                return Err(ModelError::Parameter {
                    name: spec.name.clone(),
                    found: format!("{found:?}"),
                    expected: format!("{:?}", spec.matrix_shape()),
                });
            }
        }
        Ok(Self { specs, tensors })
    }

    /// The declarations, in order.
    pub fn specs(&self) -> &Arc<[ParamSpec]> {
        &self.specs
    }

    /// The tensors, in the order of the specs.
    pub fn tensors(&self) -> &[Matrix<D>] {
        &self.tensors
    }

    /// The tensors, to be changed in place.
    pub fn tensors_mut(&mut self) -> &mut [Matrix<D>] {
        &mut self.tensors
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Matrix<D>> {
        self.specs.iter().position(|spec| spec.name == name).map(|i| &self.tensors[i])
    }

    /// Number of values in all tensors.
    pub fn elements(&self) -> usize {
        self.specs.iter().map(ParamSpec::elements).sum()
    }
}
