//! A model of either family: its declarations, fresh weights, loss and logits.

use crate::bert::Bert;
use crate::declare::Declare;
use crate::gpt2::Gpt2;
use crate::pass::Pass;
use crate::{Family, Mode, ModelConfig, ModelError, ParamSpec, Parameters, Result, TokenBatch, fresh};
use ligo_kernels::{KernelError, Kernels, Matrix, NoneTape, Scalar, Tape};
use std::sync::Arc;

/// An architecture without weights.
#[derive(Debug, Clone)]
pub struct Model {
    config: ModelConfig,
    specs: Arc<[ParamSpec]>,
    network: Network,
}

#[derive(Debug, Clone)]
enum Network {
    Gpt2(Gpt2),
    Bert(Bert),
}

impl Model {
    /// Builds the architecture that `config` describes.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first size or option that cannot work, sizes that are still to be filled in among them.
    pub fn new(config: ModelConfig) -> Result<Self> {
        config.check()?;
        let mut declare = Declare::new(&config);
        let network = match config.family {
            Family::Gpt2 => Network::Gpt2(Gpt2::declare(&mut declare, &config)),
            Family::Bert => Network::Bert(Bert::declare(&mut declare, &config)),
        };
        let specs = declare.finish().into();
        Ok(Self { config, specs, network })
    }

    /// What it was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Its parameters, in the order of the Hub's checkpoints: embeddings, layers from the first to the last, head.
    pub fn specs(&self) -> &Arc<[ParamSpec]> {
        &self.specs
    }

    /// Number of weights; a tied matrix counts once.
    pub fn parameter_count(&self) -> usize {
        self.specs.iter().map(ParamSpec::elements).sum()
    }

    /// Random weights, each drawn as its [`crate::Init`] says from a stream that depends on the seed and its name alone.
    ///
    /// # Errors
    /// [`ModelError::Kernel`] if the device has no memory for them.
    pub fn fresh<D: Kernels>(&self, device: &D, seed: u64) -> Result<Parameters<D>> {
        let tensor = |spec: &ParamSpec| {
            device.try_tensor_from_vec(fresh::values(spec, seed), spec.matrix_shape()).map_err(|error| {
                KernelError::Device { op: "fresh weights", reason: format!("{}: {error}", spec.name) }.into()
            })
        };
        let tensors = self.specs.iter().map(tensor).collect::<Result<Vec<_>>>()?;
        Parameters::new(self.specs.clone(), tensors)
    }

    /// Mean cross-entropy over the labelled tokens of the batch, in nats, recorded on `tape`; 0 if none is labelled.
    ///
    /// GPT-2 reads `targets[i]` as what follows token i, BERT as what stands at i.
    ///
    /// # Errors
    /// [`ModelError::Batch`] if sizes or targets do not fit, [`ModelError::Parameter`] if the weights are another model's,
    /// [`ModelError::Kernel`] for a token id beyond the vocabulary or a lack of memory.
    pub fn loss<D: Kernels, T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        parameters: &Parameters<D>,
        batch: &TokenBatch,
        mode: Mode,
    ) -> Result<Scalar<D>> {
        let mut pass = self.pass(tape, parameters, batch, mode)?;
        batch.check_targets(&self.config)?;
        match &self.network {
            Network::Gpt2(network) => network.loss(&mut pass),
            Network::Bert(network) => network.loss(&mut pass),
        }
    }

    /// The logits `[batch · sequence, vocab_size]`, without dropout; the batch's targets are not looked at.
    ///
    /// # Errors
    /// As [`Model::loss`].
    pub fn logits<D: Kernels>(&self, parameters: &Parameters<D>, batch: &TokenBatch) -> Result<Matrix<D>> {
        let mut tape = NoneTape;
        let mut pass = self.pass(&mut tape, parameters, batch, Mode::Evaluate)?;
        match &self.network {
            Network::Gpt2(network) => network.logits(&mut pass),
            Network::Bert(network) => network.logits(&mut pass),
        }
    }

    fn pass<'a, D: Kernels, T: Tape<f32, D>>(
        &'a self,
        tape: &'a mut T,
        parameters: &'a Parameters<D>,
        batch: &'a TokenBatch,
        mode: Mode,
    ) -> Result<Pass<'a, D, T>> {
        self.check_parameters(parameters)?;
        batch.check_inputs(&self.config)?;
        Ok(Pass { tape, weights: parameters.tensors(), config: &self.config, batch, mode })
    }

    /// Indices are only good for a set of this very make-up.
    pub(crate) fn check_parameters<D: Kernels>(&self, parameters: &Parameters<D>) -> Result<()> {
        let found = parameters.specs();
        if Arc::ptr_eq(found, &self.specs) {
            return Ok(());
        }
        let same = |a: &ParamSpec, b: &ParamSpec| a.name == b.name && a.shape == b.shape;
        let describe = |spec: Option<&ParamSpec>| match spec {
            Some(spec) => format!("{} {:?}", spec.name, spec.shape),
            None => "no more parameters".into(),
        };
        for i in 0..found.len().max(self.specs.len()) {
            let (found, expected) = (found.get(i), self.specs.get(i));
            if !found.zip(expected).is_some_and(|(found, expected)| same(found, expected)) {
                return Err(ModelError::Parameter {
                    name: format!("number {i}"),
                    found: describe(found),
                    expected: describe(expected),
                });
            }
        }
        Ok(())
    }
}
