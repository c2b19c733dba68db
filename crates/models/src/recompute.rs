//! Blocks of which the forward pass keeps the residual stream before them alone: on the way back each is computed again, and its
//! share of the backward pass is done, before the next (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", with one
//! block to a segment).
//!
//! The embeddings, CaiT's class-attention blocks and the head are recorded as ever.

use crate::course::Course;
use crate::declare::{Linear, Norm, Table};
use crate::layers::{Between, Block, Mlp, Norms, Step};
use crate::pass::Pass;
use crate::rope::Tables;
use crate::{Batch, Inputs, Mode, Model, ModelConfig, ModelError, Parameters, Result, Route};
use ligo_kernels::{GradTape, Gradients, KernelError, Kernels, Matrix, NoneTape, Precision, Scalar, Tape};
use std::sync::Arc;

impl Model {
    /// [`Model::loss_along`], and on the way back the same gradients bit for bit, out of less memory: of every block nothing is kept
    /// but the residual stream before it and its norm, `2 · N · H` numbers. Each block is computed twice.
    ///
    /// # Errors
    /// As [`Model::loss_along`]; a block that cannot be computed again (there is no memory for it) is reported by the backward pass.
    pub fn recomputed_loss<D: Kernels>(
        &self,
        tape: &mut GradTape<D>,
        parameters: &Parameters<D>,
        batch: &Batch,
        mode: Mode,
        route: &Route,
    ) -> Result<Scalar<D>> {
        let rotary = self.tables(&batch.inputs);
        let way = Arc::new(Way {
            config: self.config().clone(),
            precision: self.precision(),
            inputs: batch.inputs.clone(),
            mode,
            course: self.course(&batch.inputs, route, rotary.as_ref())?,
            rotary,
        });
        let recompute =
            Recompute { record: |tape: &mut GradTape<D>, operation| tape.record(operation), way: way.clone() };
        let mut pass = self.pass(tape, parameters, &batch.inputs, (&way.course, way.rotary.as_ref()), mode)?;
        pass.recompute = Some(&recompute);
        batch.targets.check(self.config(), &batch.inputs)?;
        self.network.loss(&mut pass, &batch.targets)
    }
}

type Operation<D> = Box<dyn FnOnce(&mut Gradients<f32, D>) -> ligo_kernels::Result<()>>;

/// How a pass records a block that is to be computed again.
#[derive(Debug)]
pub(crate) struct Recompute<D: Kernels, T> {
    record: fn(&mut T, Operation<D>),
    way: Arc<Way>,
}

/// What a pass knows beside its tape and its weights.
#[derive(Debug)]
struct Way {
    config: ModelConfig,
    precision: Precision,
    inputs: Inputs,
    mode: Mode,
    course: Course,
    rotary: Option<Tables>,
}

impl<D: Kernels, T: Tape<f32, D>> Recompute<D, T> {
    /// Runs one block off the record, and records how its gradients are found.
    pub(crate) fn step(&self, pass: &mut Pass<'_, D, T>, step: Step<'_>, before: Between<D>) -> Result<Between<D>> {
        let behind = step.run(&mut pass.off_the_record(&mut NoneTape), before.clone())?;
        let again = Again {
            way: self.way.clone(),
            block: step.block.clone(),
            number: step.number,
            norms: step.norms,
            shortened: pass.shortened,
            weights: weights_of(step, pass.weights),
            before,
        };
        let x = D::gradient_of_output(&behind.x);
        let normed = behind.normed.as_ref().map(D::gradient_of_output);
        let record = move |gradients: &mut Gradients<f32, D>| {
            let mut tape = GradTape::default();
            let behind = again.run(&mut tape)?;
            D::add_gradient(&behind.x, &x(gradients)?, gradients)?;
            if let (Some(tensor), Some(take)) = (&behind.normed, normed) {
                D::add_gradient(tensor, &take(gradients)?, gradients)?;
            }
            drop((behind, again));
            tape.replay(gradients)
        };
        (self.record)(pass.tape, Box::new(record));
        Ok(behind)
    }
}

/// A block that waits to be computed again.
struct Again<D: Kernels> {
    way: Arc<Way>,
    block: Block,
    number: usize,
    norms: Norms,
    shortened: bool,
    /// As many as the model's, so that indices hold; those of other blocks are stood in for, since whoever waits keeps them.
    weights: Vec<Matrix<D>>,
    before: Between<D>,
}

impl<D: Kernels> Again<D> {
    fn run(&self, tape: &mut GradTape<D>) -> ligo_kernels::Result<Between<D>> {
        let way = &self.way;
        let mut pass = Pass {
            tape,
            device: self.before.x.device(),
            weights: &self.weights,
            config: &way.config,
            precision: way.precision,
            inputs: &way.inputs,
            mode: way.mode,
            course: &way.course,
            shortened: self.shortened,
            rotary: way.rotary.as_ref(),
            generating: None,
            recompute: None,
        };
        let step = Step { block: &self.block, number: self.number, norms: self.norms };
        step.run(&mut pass, self.before.clone()).map_err(|error| match error {
            ModelError::Kernel(error) => error,
            other => KernelError::Device { op: "a block that is computed again", reason: other.to_string() },
        })
    }
}

/// All weights in their order, those that a step does not read replaced by one that it does.
fn weights_of<D: Kernels>(step: Step<'_>, all: &[Matrix<D>]) -> Vec<Matrix<D>> {
    let read = indices(step);
    let mut weights = vec![all[step.block.attention_norm.gain].clone(); all.len()];
    for index in read {
        weights[index] = all[index].clone();
    }
    weights
}

/// Where the weights are that a step reads.
fn indices(step: Step<'_>) -> Vec<usize> {
    let Block { attention_norm, attention, attention_scale, mlp_norm, mlp, mlp_scale, adapters } = step.block;
    let next = match step.norms {
        Norms::Before { next } => next,
        Norms::After => None,
    };
    let maps: Vec<Linear> = match *mlp {
        Mlp::Plain { inner, output } => vec![inner, output],
        Mlp::Gated { gate, up, output } => vec![gate, up, output],
    };
    let maps = attention.projections.iter().copied().chain([attention.output]).chain(maps);
    let talking = attention.talking.into_iter().flat_map(|(before, after)| [before, after]);
    let norms = [Some(*attention_norm), Some(*mlp_norm), next].into_iter().flatten();
    let gains = attention.head_norms.into_iter().flat_map(|(query, key)| [query, key]);
    let tables = gains.chain(*attention_scale).chain(*mlp_scale);
    let adapters = adapters.attention.into_iter().chain(adapters.mlp).flat_map(|adapter| [adapter.down, adapter.up]);
    maps.chain(talking)
        .chain(adapters)
        .flat_map(|Linear { weight, bias, .. }| [Some(weight), bias])
        .chain(norms.flat_map(|Norm { gain, bias, .. }| [Some(gain), bias]))
        .chain(tables.map(|Table(index)| Some(index)))
        .flatten()
        .collect()
}
