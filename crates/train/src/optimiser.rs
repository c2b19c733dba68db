//! AdamW's memory: gradients and both moments of the trained tensors.

use crate::TrainingConfig;
use ligo_kernels::{AdamW, AdamWParameter, Gradients, KernelError, Kernels, Matrix, gradients_for};
use ligo_models::Parameters;

/// Gradients and moments, one of each per trained tensor, in the same order.
#[derive(Debug)]
pub(crate) struct Optimiser<D: Kernels> {
    pub(crate) names: Vec<String>,
    pub(crate) first: Vec<Matrix<D>>,
    pub(crate) second: Vec<Matrix<D>>,
    pub(crate) gradients: Gradients<f32, D>,
    decay: Vec<bool>,
}

impl<D: Kernels> Optimiser<D> {
    /// Moments of zero.
    ///
    /// # Errors
    /// [`KernelError::Device`] if there is no memory for them.
    pub(crate) fn new(device: &D, trainable: &Parameters<D>) -> Result<Self, KernelError> {
        let specs = trainable.specs();
        let zeros = || {
            let zeros = |tensor| {
                let failed = |error: D::Err| KernelError::Device { op: "moments", reason: error.to_string() };
                device.try_zeros_like(tensor).map_err(failed)
            };
            trainable.tensors().iter().map(zeros).collect::<Result<Vec<Matrix<D>>, _>>()
        };
        Ok(Self {
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            first: zeros()?,
            second: zeros()?,
            gradients: gradients_for(trainable.tensors()),
            decay: specs.iter().map(|spec| spec.decay).collect(),
        })
    }

    /// One step; `number` counts from 1. Returns the gradients' norm; if that is not finite, nothing has changed.
    pub(crate) fn step(
        &mut self,
        trainable: &mut Parameters<D>,
        config: &TrainingConfig,
        learning_rate: f64,
        number: u64,
    ) -> Result<f32, KernelError> {
        let moments = self.first.iter_mut().zip(&mut self.second).zip(&self.decay);
        let mut parameters: Vec<_> = trainable
            .tensors_mut()
            .iter_mut()
            .zip(moments)
            .map(|(weight, ((first, second), &decay))| AdamWParameter { weight, first, second, decay, rate: 1.0 })
            .collect();
        let config = AdamW {
            learning_rate: learning_rate as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            eps: config.eps as f32,
            weight_decay: config.weight_decay as f32,
            max_grad_norm: config.max_grad_norm.map(|norm| norm as f32),
            step: number,
        };
        D::adamw(&mut parameters, &mut self.gradients, &config)
    }
}
