//! What a growth will take, before it runs: memory by a formula, time by a short step of learning that is timed.
//!
//! **Memory**, in numbers of 4 bytes, of S weights before, P after, F in the operator's factors:
//! - learning: `S + C + P + max(A + E, O) + 4 F`. The small weights, the C numbers that the operator holds beside them, the large
//!   weights that it makes of them in each step; beside these, when the forward pass has come to its end, the A numbers that it
//!   keeps for the way back (as `ligo_eval` counts them) and the E of the output projection's gradient, which is there first. On the
//!   way back a gradient takes the place of each large weight, until the operator's own way back works on O numbers
//!   ([`OPERATOR`]). And for each factor itself, its gradient, and both of AdamW's moments;
//! - growing by a fixed operator: `S + 2 P` at the most, the large weights and a second set of them, which some methods draw or mix in;
//!   those that are nothing but linear maps do without;
//! - and [`ASIDE`] bytes for everything else: the program, the tokenizer, tensors on their way.
//!
//! **Time**: the operator is started anew on the first few layers of both models, with random weights, and takes a step as long as one
//! of the real ones but of fewer layers. Its FLOPs (`ligo_eval`, expansion and what is computed again included) and seconds give a
//! speed, by which the FLOPs of all steps and evaluations are divided. Reading and writing is reckoned at [`BYTES_PER_SECOND`].

use crate::computation::Computation;
use crate::learn::evaluate_every;
use crate::part::growing_part;
use crate::{Plan, Result};
use ligo_eval::{Flops, StepShape, forward_flops, operator_step_flops, without_dropout};
use ligo_growth::{Action, ExpansionFlops, Growth, LearnedOperator, OperatorTraining, Stage, Task};
use ligo_kernels::{GradTape, IGNORED, Kernels, gradients_for};
use ligo_models::{Batch, Head, Images, Inputs, Mode, Model, ModelConfig, Route, Targets, Tokens};
use std::time::Instant;

/// Bytes of everything that is not a weight, a gradient or a factor.
pub const ASIDE: u64 = 150_000_000;
/// How fast weights are read, grown by a fixed operator, and written.
pub const BYTES_PER_SECOND: f64 = 4e8;
/// Layers of the small model that a step is timed with.
const TIMED_LAYERS: usize = 2;
/// The first step is for warming up.
const TIMED_STEPS: u64 = 2;
/// Bytes that the way back through an operator works on at a time.
pub const OPERATOR: u64 = 160 << 20;
/// Batches of what is held out.
pub(crate) const HELD_OUT_BATCHES: usize = 4;
/// Sequences or images in each.
pub(crate) const HELD_OUT_SIZE: usize = 4;

/// What a growth will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Bytes at the most.
    pub memory: Bytes,
    /// Seconds.
    pub seconds: f64,
    /// Of learning an operator, where one is learnt.
    pub learning: Option<LearningForecast>,
    /// Bytes of weights that will be written.
    pub written: u64,
}

/// Bytes by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// The source's weights.
    pub small: u64,
    /// The grown model's weights.
    pub large: u64,
    /// Beside the grown model's weights at the most: what the forward pass keeps and the first gradient, or what the operator's
    /// way back works on; where nothing is learnt, the second set of weights that some methods have.
    pub beside: u64,
    /// What the operator holds beside the small weights and its factors.
    pub held: u64,
    /// Factors, their gradients and moments.
    pub factors: u64,
}

impl Bytes {
    /// At the most.
    pub fn total(self) -> u64 {
        self.small + self.held + self.large + self.beside + self.factors + ASIDE
    }
}

/// What learning an operator will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningForecast {
    /// Optimiser steps.
    pub steps: u64,
    /// Sequences or images in each.
    pub batch_size: usize,
    /// Parts that a step is computed in.
    pub accumulate: usize,
    /// Whether blocks are computed again on the way back, to save memory.
    pub recompute: bool,
    /// Tokens in a sequence; positions of an image.
    pub sequence_length: usize,
    /// Seconds of a step.
    pub step_seconds: f64,
    /// FLOPs per second of the step that was timed.
    pub flops_per_second: f64,
}

impl<D: Kernels> Plan<'_, D> {
    /// What it will take. Where an operator is learnt, a short step is timed; no file is read or written.
    ///
    /// # Errors
    /// Whatever the operations of that step report.
    pub fn forecast(&self, device: &D) -> Result<Forecast> {
        let (small, large) = (4 * self.parameters().0, 4 * self.parameters().1);
        let written = self.parameters().1 * self.dtype().bytes() as u64;
        let mut memory = Bytes { small, large, ..Bytes::default() };
        let mut seconds = (small + 2 * large + written) as f64 / BYTES_PER_SECOND;
        let mut learning = None;
        for (index, stage) in self.stages.iter().enumerate() {
            let Action::Learn { to, operator, training } = &stage.action else {
                memory.beside = memory.beside.max(large);
                continue;
            };
            let from = self.sizes_before(index);
            let learnt = self.learnt(device, from, to, operator.as_ref(), training)?;
            memory.factors = memory.factors.max(learnt.factors);
            memory.held = memory.held.max(learnt.held);
            memory.beside = memory.beside.max(learnt.beside);
            seconds += learnt.seconds;
            learning = learnt.forecast.or(learning);
        }
        Ok(Forecast { memory, seconds, learning, written })
    }

    /// The model that stage number `index` begins with.
    fn sizes_before(&self, index: usize) -> &ModelConfig {
        let grown = self.stages[..index].iter().rev().find_map(|stage| match &stage.action {
            Action::Grow { to, .. } | Action::Learn { to, .. } => Some(to),
            Action::Train { .. } => None,
        });
        grown.unwrap_or(self.small())
    }

    fn learnt(
        &self,
        device: &D,
        from: &ModelConfig,
        to: &ModelConfig,
        operator: &dyn LearnedOperator<D>,
        training: &OperatorTraining,
    ) -> Result<LearntForecast> {
        let Computation { config, recompute, activations } = self.computation(training);
        let computed = if training.dropout { to.clone() } else { without_dropout(to) };
        let micro = self.shape(config.micro_batch_size());
        let (small, large) = (Model::new(from.clone())?, Model::new(to.clone())?);
        let once = operator.expansion_flops(&small, &large)?;
        let timed = self.timed(device, training, (&small, &large), operator)?;
        let held = 4 * operator.held(&small, &large)? as u64;
        if training.steps == 0 {
            return Ok(LearntForecast { factors: 4 * timed.factors, held, ..LearntForecast::default() });
        }
        let speed = timed.flops / timed.seconds.max(1e-9);

        let step = config.accumulate as f64 * part_flops(&computed, micro, once, recompute);
        let held_out = self.shape(HELD_OUT_SIZE * HELD_OUT_BATCHES);
        let evaluation = once.forward + forward_flops(&without_dropout(to), held_out, Default::default());
        let evaluations = 1 + training.steps.div_ceil(evaluate_every(training.steps));
        let of_source = forward_flops(&without_dropout(from), held_out, Default::default());
        let flops = training.steps as f64 * step + evaluations as f64 * evaluation + of_source;
        Ok(LearntForecast {
            seconds: flops / speed,
            factors: 16 * timed.factors,
            held,
            beside: (activations + 4 * first_gradient(&large)).max(OPERATOR),
            forecast: Some(LearningForecast {
                steps: training.steps,
                batch_size: config.batch_size,
                accumulate: config.accumulate,
                recompute,
                sequence_length: self.sequence_length,
                step_seconds: step / speed,
                flops_per_second: speed,
            }),
        })
    }

    /// Times a part of a step of learning, on the first layers where the method can be asked for as few, else on all. Where nothing is
    /// learnt the operator is started alone.
    fn timed(
        &self,
        device: &D,
        training: &OperatorTraining,
        (small, large): (&Model, &Model),
        operator: &dyn LearnedOperator<D>,
    ) -> Result<Timed> {
        if let Some((fewer_small, fewer_large, stage)) = self.fewer_layers(small.config(), large.config())
            && let Action::Learn { operator: fewer, .. } = &stage.action
        {
            // Factors of widths are as large as they will be; those of layers are few.
            return self.time(device, training, (&fewer_small, &fewer_large), fewer.as_ref());
        }
        self.time(device, training, (small, large), operator)
    }

    /// The same growth of the first layers alone.
    fn fewer_layers(&self, small: &ModelConfig, large: &ModelConfig) -> Option<(Model, Model, Stage<D>)> {
        let layers = small.num_hidden_layers.min(TIMED_LAYERS);
        if layers == small.num_hidden_layers {
            return None;
        }
        let deeper = (large.num_hidden_layers * layers).div_ceil(small.num_hidden_layers);
        let task = Task {
            small: ModelConfig { num_hidden_layers: layers, ..small.clone() },
            large: ModelConfig { num_hidden_layers: deeper, ..large.clone() },
            steps: self.task.steps,
        };
        let models = (Model::new(task.small.clone()).ok()?, Model::new(task.large.clone()).ok()?);
        // Options may name layers that are not there.
        let part = growing_part(self.request.method, &self.request.options, &task, &[]).ok()?;
        let stage = part.into_iter().find(|stage| matches!(stage.action, Action::Learn { .. }))?;
        Some((models.0, models.1, stage))
    }

    fn time(
        &self,
        device: &D,
        training: &OperatorTraining,
        (small, large): (&Model, &Model),
        operator: &dyn LearnedOperator<D>,
    ) -> Result<Timed> {
        let Computation { config, recompute, .. } = self.computation(training);
        let sequences = config.micro_batch_size();
        let parameters = small.fresh(device, 0)?;
        let growth = Growth { small, parameters: &parameters, large, device, seed: 0 };
        let learner = operator.start(&growth)?;
        let batch = self.batch(large.config(), sequences);
        let mut gradients = gradients_for(learner.factors().tensors());
        let mut seconds = f64::INFINITY;
        for key in 0..training.steps.min(TIMED_STEPS) {
            let start = Instant::now();
            let mut tape = GradTape::default();
            let weights = learner.expand(&mut tape)?;
            let mode = if training.dropout { Mode::Train { dropout_key: key } } else { Mode::Evaluate };
            let loss = match recompute {
                true => large.recomputed_loss(&mut tape, &weights, &batch, mode, &Route::default())?,
                false => large.loss(&mut tape, &weights, &batch, mode)?,
            };
            drop(weights);
            tape.backward(&loss, 1.0, &mut gradients)?;
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
        let once = operator.expansion_flops(small, large)?;
        let computed = if training.dropout { large.config().clone() } else { without_dropout(large.config()) };
        Ok(Timed {
            seconds,
            flops: part_flops(&computed, self.shape(sequences), once, recompute),
            factors: learner.factors().elements() as u64,
        })
    }

    /// A batch that takes as long as any.
    fn batch(&self, config: &ModelConfig, batch_size: usize) -> Batch {
        if config.family.reads_images() {
            let numbers = config.num_channels() * config.image_size() * config.image_size();
            let pixels = (0..batch_size * numbers).map(|i| (i % 17) as f32 / 17.0 - 0.5).collect();
            let images = Images { pixels, batch_size };
            return Batch { inputs: Inputs::Images(images), targets: Targets::Classes(vec![0; batch_size]) };
        }
        let every = (1.0 / self.shape(1).labelled_share).round().max(1.0) as usize;
        let count = batch_size * self.sequence_length;
        let input_ids: Vec<u32> = (0..count).map(|i| (i * 7919 % config.vocab_size) as u32).collect();
        let target = |(i, id): (usize, &u32)| if i % every == 0 { *id as i32 } else { IGNORED };
        let targets = input_ids.iter().enumerate().map(target).collect();
        let tokens = Tokens { input_ids, batch_size, sequence_length: self.sequence_length, ..Tokens::default() };
        Batch::tokens(tokens, targets)
    }
}

/// FLOPs of a part of a step, with the large weights made and their gradients handed back.
fn part_flops(large: &ModelConfig, part: StepShape, expansion: ExpansionFlops, recompute: bool) -> f64 {
    let expansion = Flops { forward: expansion.forward, backward: expansion.backward };
    let again = if recompute { forward_flops(large, part, Default::default()) - head_flops(large, part) } else { 0.0 };
    operator_step_flops(large, part, expansion).total() + again
}

/// FLOPs of what stands around the blocks, forward.
fn head_flops(large: &ModelConfig, part: StepShape) -> f64 {
    let of = |num_hidden_layers| {
        forward_flops(&ModelConfig { num_hidden_layers, ..large.clone() }, part, Default::default())
    };
    2.0 * of(1) - of(2)
}

/// Numbers in the gradient of a language model's output projection, which is complete before the way back begins.
fn first_gradient(large: &Model) -> u64 {
    match large.config().head() {
        Head::CausalLm | Head::MaskedLm => (large.config().vocab_size * large.config().hidden_size) as u64,
        _ => 0,
    }
}

#[derive(Default)]
struct LearntForecast {
    seconds: f64,
    factors: u64,
    held: u64,
    beside: u64,
    forecast: Option<LearningForecast>,
}

/// A step of a few layers.
struct Timed {
    seconds: f64,
    flops: f64,
    /// Numbers in all factors.
    factors: u64,
}
