//! AdamW's memory: gradients and both moments of the trained tensors.

use crate::TrainingConfig;
use ligo_growth::Moments;
use ligo_kernels::{AdamW, AdamWParameter, Gradients, KernelError, Kernels, Matrix, gradients_for};
use ligo_models::{ModelError, ParamSpec, Parameters};
use std::sync::Arc;

/// Gradients and moments, one of each per trained tensor, in the same order.
#[derive(Debug)]
pub(crate) struct Optimiser<D: Kernels> {
    pub(crate) names: Vec<String>,
    pub(crate) first: Vec<Matrix<D>>,
    pub(crate) second: Vec<Matrix<D>>,
    pub(crate) gradients: Gradients<f32, D>,
    /// Steps that the moments had seen before this stage.
    pub(crate) steps_before: u64,
    specs: Arc<[ParamSpec]>,
}

impl<D: Kernels> Optimiser<D> {
    /// With the moments of an earlier stage, or with moments of zero.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if the moments are those of other tensors, [`ModelError::Kernel`] if there is no memory.
    pub(crate) fn new(device: &D, trainable: &Parameters<D>, earlier: Option<Moments<D>>) -> Result<Self, ModelError> {
        let specs = trainable.specs().clone();
        let zeros = || {
            let zeros = |tensor| {
                let failed = |error: D::Err| KernelError::Device { op: "moments", reason: error.to_string() };
                device.try_zeros_like(tensor).map_err(failed)
            };
            trainable.tensors().iter().map(zeros).collect::<Result<Vec<Matrix<D>>, _>>()
        };
        let (first, second, steps_before) = match earlier {
            Some(Moments { first, second, steps }) => (fitting(&specs, first)?, fitting(&specs, second)?, steps),
            None => (zeros()?, zeros()?, 0),
        };
        Ok(Self {
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            first,
            second,
            gradients: gradients_for(trainable.tensors()),
            steps_before,
            specs,
        })
    }

    /// One step, number `number` of this stage, counting from 1; `rate`: for each tensor the multiple of the learning rate. Returns
    /// the gradients' norm; if that is not finite, nothing has changed.
    pub(crate) fn step(
        &mut self,
        trainable: &mut Parameters<D>,
        config: &TrainingConfig,
        learning_rate: f64,
        rate: impl Fn(usize) -> f32,
        number: u64,
    ) -> Result<f32, KernelError> {
        let moments = self.first.iter_mut().zip(&mut self.second).zip(self.specs.iter());
        let mut parameters: Vec<_> = trainable
            .tensors_mut()
            .iter_mut()
            .zip(moments)
            .enumerate()
            .map(|(i, (weight, ((first, second), spec)))| AdamWParameter {
                weight,
                first,
                second,
                decay: spec.decay,
                rate: rate(i),
            })
            .collect();
        let config = AdamW {
            learning_rate: learning_rate as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            eps: config.eps as f32,
            weight_decay: config.weight_decay as f32,
            max_grad_norm: config.max_grad_norm.map(|norm| norm as f32),
            step: self.steps_before + number,
        };
        D::adamw(&mut parameters, &mut self.gradients, &config)
    }

    /// What it remembers after `steps` steps of this stage.
    ///
    /// # Errors
    /// None that [`Optimiser::new`] would not have reported.
    pub(crate) fn into_moments(self, steps: u64) -> Result<Moments<D>, ModelError> {
        Ok(Moments {
            first: Parameters::new(self.specs.clone(), self.first)?,
            second: Parameters::new(self.specs, self.second)?,
            steps: self.steps_before + steps,
        })
    }
}

/// The tensors of moments that are those of `specs`.
fn fitting<D: Kernels>(specs: &Arc<[ParamSpec]>, moments: Parameters<D>) -> Result<Vec<Matrix<D>>, ModelError> {
    let named = specs.iter().zip(moments.specs().iter()).find(|(ours, theirs)| ours.name != theirs.name);
    if let Some((ours, theirs)) = named {
        return Err(ModelError::Parameter {
            name: ours.name.clone(),
            found: format!("moments of {}", theirs.name),
            expected: "its own".into(),
        });
    }
    Ok(Parameters::new(specs.clone(), moments.tensors().to_vec())?.tensors().to_vec())
}
