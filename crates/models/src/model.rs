//! A model of any family: its declarations, fresh weights, loss and outputs.

use crate::course::Course;
use crate::families;
use crate::network::Network;
use crate::pass::{Generating, Pass};
use crate::rope::Tables;
use crate::{
    Batch, Inputs, Mode, ModelConfig, ModelError, ParamSpec, Parameters, Part, Result, Route, Teaching, fresh,
};
use ligo_kernels::{KernelError, Kernels, Matrix, NoneTape, Precision, Scalar, Tape};
use rayon::prelude::*;
use std::sync::Arc;

/// An architecture without weights.
#[derive(Debug, Clone)]
pub struct Model {
    config: ModelConfig,
    specs: Arc<[ParamSpec]>,
    parts: Vec<Part>,
    precision: Precision,
    pub(crate) network: Network,
}

impl Model {
    /// Builds the architecture that `config` describes.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first size or option that cannot work, sizes that are still to be filled in among them.
    pub fn new(config: ModelConfig) -> Result<Self> {
        config.check()?;
        let (specs, network) = families::declare(&config);
        let parts = network.parts(specs.len());
        Ok(Self { config, parts, specs: specs.into(), precision: Precision::default(), network })
    }

    /// The same architecture whose linear maps compute so exactly, in every pass from now on.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How exact its linear maps compute.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What it was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Its parameters, in the order of the Hub's checkpoints: embeddings, layers from the first to the last, head.
    pub fn specs(&self) -> &Arc<[ParamSpec]> {
        &self.specs
    }

    /// What parameter number `index` of [`Model::specs`] is in the model; [`Part::Other`] beyond the last one.
    pub fn part(&self, index: usize) -> Part {
        self.parts.get(index).copied().unwrap_or_default()
    }

    /// Whether norms stand behind the residual sums (BERT, RoBERTa) instead of before attention and MLP.
    pub fn is_post_norm(&self) -> bool {
        self.network.is_post_norm()
    }

    /// Number of weights; a tied matrix counts once.
    pub fn parameter_count(&self) -> usize {
        self.specs.iter().map(ParamSpec::elements).sum()
    }

    /// The start of parameter number `index` of [`Model::specs`], as [`Model::fresh`] has it; empty beyond the last one.
    pub fn fresh_values(&self, index: usize, seed: u64) -> Vec<f32> {
        self.specs.get(index).map_or_else(Vec::new, |spec| fresh::values(spec, seed))
    }

    /// Random weights, each drawn as its [`crate::Init`] says from a stream that depends on the seed and its name alone.
    ///
    /// # Errors
    /// [`ModelError::Kernel`] if the device has no memory for them.
    pub fn fresh<D: Kernels>(&self, device: &D, seed: u64) -> Result<Parameters<D>> {
        let values: Vec<Vec<f32>> = self.specs.par_iter().map(|spec| fresh::values(spec, seed)).collect();
        let tensor = |(spec, values): (&ParamSpec, Vec<f32>)| {
            device.try_tensor_from_vec(values, spec.matrix_shape()).map_err(|error| {
                KernelError::Device { op: "fresh weights", reason: format!("{}: {error}", spec.name) }.into()
            })
        };
        let tensors = self.specs.iter().zip(values).map(tensor).collect::<Result<Vec<_>>>()?;
        Parameters::new(self.specs.clone(), tensors)
    }

    /// The mean loss over the batch, recorded on `tape`; 0 if nothing is labelled.
    ///
    /// Cross-entropy in nats for tokens, classes and shares of them, the mean of both ends' for spans, the mean square for values. A causal model
    /// reads `targets[i]` as what follows token i, a masked one as what stands at i.
    ///
    /// # Errors
    /// [`ModelError::Batch`] if sizes or targets do not fit, [`ModelError::Config`] without a head, [`ModelError::Parameter`] if
    /// the weights are another model's, [`ModelError::Kernel`] for a token id beyond the vocabulary or a lack of memory.
    pub fn loss<D: Kernels, T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        parameters: &Parameters<D>,
        batch: &Batch,
        mode: Mode,
    ) -> Result<Scalar<D>> {
        self.loss_along(tape, parameters, batch, mode, &Route::default())
    }

    /// The loss of what the part of the model that `route` names says.
    ///
    /// # Errors
    /// As [`Model::loss`]; [`ModelError::Batch`] for a route that does not fit the model or the batch.
    pub fn loss_along<D: Kernels, T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        parameters: &Parameters<D>,
        batch: &Batch,
        mode: Mode,
        route: &Route,
    ) -> Result<Scalar<D>> {
        let tables = self.tables(&batch.inputs);
        let course = self.course(&batch.inputs, route, tables.as_ref())?;
        let mut pass = self.pass(tape, parameters, &batch.inputs, (&course, tables.as_ref()), mode)?;
        batch.targets.check(&self.config, &batch.inputs)?;
        self.network.loss(&mut pass, &batch.targets)
    }

    /// The loss of what the part of the model that `route` names says without dropout, and what it says, from one pass: logits or
    /// values `[batch, num_labels]` of a classifier, start and end logits `[batch · sequence, 2]` for question answering, nothing of
    /// a language model, whose logits never exist all at once. Nothing is recorded.
    ///
    /// # Errors
    /// As [`Model::loss_along`].
    pub fn loss_and_logits<D: Kernels>(
        &self,
        parameters: &Parameters<D>,
        batch: &Batch,
        route: &Route,
    ) -> Result<(Scalar<D>, Option<Matrix<D>>)> {
        let tables = self.tables(&batch.inputs);
        let course = self.course(&batch.inputs, route, tables.as_ref())?;
        let mut tape = NoneTape;
        let way = (&course, tables.as_ref());
        let mut pass = self.pass(&mut tape, parameters, &batch.inputs, way, Mode::Evaluate)?;
        batch.targets.check(&self.config, &batch.inputs)?;
        self.network.loss_and_outputs(&mut pass, &batch.targets)
    }

    /// As [`Model::loss_along`], but with a teacher's part: the mean over the labelled tokens, sequences or images of
    /// `(1 − r) · cross-entropy + r · T² · KL(teacher ‖ student)`.
    ///
    /// # Errors
    /// As [`Model::loss_along`]; [`ModelError::Batch`] for targets of which a teacher has no logits (values, spans),
    /// [`ModelError::Kernel`] if the teacher's logits are of other rows or classes, or its share or temperature cannot be.
    pub fn taught_loss<D: Kernels, T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        parameters: &Parameters<D>,
        batch: &Batch,
        mode: Mode,
        route: &Route,
        teaching: &Teaching<'_, D>,
    ) -> Result<Scalar<D>> {
        let tables = self.tables(&batch.inputs);
        let course = self.course(&batch.inputs, route, tables.as_ref())?;
        let mut pass = self.pass(tape, parameters, &batch.inputs, (&course, tables.as_ref()), mode)?;
        batch.targets.check(&self.config, &batch.inputs)?;
        let (logits, labels) = self.network.labelled_outputs(&mut pass, &batch.targets)?;
        let Teaching { logits: teacher, share, temperature } = *teaching;
        Ok(D::distillation(pass.tape, &logits, teacher, labels.as_labels(), share, temperature)?)
    }

    /// What the head says, without dropout, of the tokens, sequences or images that carry a label alone: `[labelled, V]`, in the
    /// order of the batch.
    ///
    /// # Errors
    /// As [`Model::loss`]; [`ModelError::Batch`] for targets of which a teacher has no logits (values, spans).
    pub fn labelled_logits<D: Kernels>(&self, parameters: &Parameters<D>, batch: &Batch) -> Result<Matrix<D>> {
        let tables = self.tables(&batch.inputs);
        let course = self.course(&batch.inputs, &Route::default(), tables.as_ref())?;
        let mut tape = NoneTape;
        let way = (&course, tables.as_ref());
        let mut pass = self.pass(&mut tape, parameters, &batch.inputs, way, Mode::Evaluate)?;
        batch.targets.check(&self.config, &batch.inputs)?;
        self.network.labelled_outputs(&mut pass, &batch.targets).map(|(logits, _)| logits)
    }

    /// What the head says, without dropout: logits `[batch · sequence, vocab_size]` of a language model, logits or values
    /// `[batch, num_labels]` of a classifier, start and end logits `[batch · sequence, 2]` for question answering; without a head
    /// the [hidden states](Model::hidden_states).
    ///
    /// # Errors
    /// As [`Model::loss`].
    pub fn logits<D: Kernels>(&self, parameters: &Parameters<D>, inputs: &Inputs) -> Result<Matrix<D>> {
        self.logits_along(parameters, inputs, &Route::default())
    }

    /// What the head says, without dropout, of the part of the model that `route` names; nothing is recorded.
    ///
    /// # Errors
    /// As [`Model::loss_along`].
    pub fn logits_along<D: Kernels>(
        &self,
        parameters: &Parameters<D>,
        inputs: &Inputs,
        route: &Route,
    ) -> Result<Matrix<D>> {
        let tables = self.tables(inputs);
        let course = self.course(inputs, route, tables.as_ref())?;
        let mut tape = NoneTape;
        let mut pass = self.pass(&mut tape, parameters, inputs, (&course, tables.as_ref()), Mode::Evaluate)?;
        let hidden = self.network.hidden(&mut pass)?;
        self.network.outputs(&mut pass, hidden)
    }

    /// The last hidden states `[batch · sequence, hidden_size]`, without dropout. Of an image the tokens before the patches come
    /// first; CaiT has only its class token here.
    ///
    /// # Errors
    /// As [`Model::loss`].
    pub fn hidden_states<D: Kernels>(&self, parameters: &Parameters<D>, inputs: &Inputs) -> Result<Matrix<D>> {
        let (course, tables) = (Course::whole(&self.config), self.tables(inputs));
        let mut tape = NoneTape;
        let mut pass = self.pass(&mut tape, parameters, inputs, (&course, tables.as_ref()), Mode::Evaluate)?;
        self.network.hidden(&mut pass)
    }

    /// What the pooler of a headless model makes of its last hidden states: `[batch, hidden_size]`.
    ///
    /// # Errors
    /// [`ModelError::Config`] without a pooler, else as [`Model::loss`].
    pub fn pooled<D: Kernels>(&self, parameters: &Parameters<D>, inputs: &Inputs) -> Result<Matrix<D>> {
        let mut tape = NoneTape;
        let course = Course::whole(&self.config);
        let mut pass = self.pass(&mut tape, parameters, inputs, (&course, None), Mode::Evaluate)?;
        let hidden = self.network.hidden(&mut pass)?;
        let missing = || ModelError::Config {
            field: "pooler",
            found: "none".into(),
            expected: "one, as its output is asked for".into(),
        };
        self.network.pooled(&mut pass, &hidden)?.ok_or_else(missing)
    }

    /// Logits `[batch, vocab_size]` of what follows `inputs`, whose tokens join the caches.
    pub(crate) fn next_logits<D: Kernels>(
        &self,
        parameters: &Parameters<D>,
        inputs: &Inputs,
        tables: Option<&Tables>,
        generating: Generating<'_, D>,
    ) -> Result<Matrix<D>> {
        let mut tape = NoneTape;
        let course = Course::whole(&self.config);
        let mut pass = self.pass(&mut tape, parameters, inputs, (&course, tables), Mode::Evaluate)?;
        pass.generating = Some(generating);
        let hidden = self.network.hidden(&mut pass)?;
        let last = pass.row_of_each(&hidden, pass.sequence() - 1)?;
        self.network.outputs(&mut pass, last)
    }

    /// The angles of rotary positions.
    pub(crate) fn tables(&self, inputs: &Inputs) -> Option<Tables> {
        match inputs {
            Inputs::Tokens(tokens) if self.config.family.is_llama_style() => {
                Some(Tables::new(&self.config, tokens.sequence_length, tokens.sequence_length))
            }
            _ => None,
        }
    }

    /// The course of a route that fits the model and the inputs.
    pub(crate) fn course(&self, inputs: &Inputs, route: &Route, tables: Option<&Tables>) -> Result<Course> {
        inputs.check(&self.config)?;
        Course::new(&self.config, inputs, route, tables)
    }

    pub(crate) fn pass<'a, D: Kernels, T: Tape<f32, D>>(
        &'a self,
        tape: &'a mut T,
        parameters: &'a Parameters<D>,
        inputs: &'a Inputs,
        (course, rotary): (&'a Course, Option<&'a Tables>),
        mode: Mode,
    ) -> Result<Pass<'a, D, T>> {
        self.check_parameters(parameters)?;
        inputs.check(&self.config)?;
        let weights = parameters.tensors();
        let device = weights[0].device();
        let (config, precision) = (&self.config, self.precision);
        let (shortened, generating, recompute) = (false, None, None);
        Ok(Pass {
            tape,
            device,
            weights,
            config,
            precision,
            inputs,
            mode,
            course,
            shortened,
            rotary,
            generating,
            recompute,
        })
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
