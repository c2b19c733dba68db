//! What a stage's steps are charged with: counted along the route of every micro-batch, a teacher's forward while it is run.

use super::router::Router;
use super::{teacher, token_dropping};
use crate::{InvalidTraining, StepContext};
use ligo_eval::{Flops, StepShape, route_flops, teaching_flops};
use ligo_growth::Training;
use ligo_models::{Model, ModelConfig};

/// No more steps than these are counted one by one to say beforehand what a stage will cost; of a longer one as many, evenly spread.
const COUNTED: u64 = 1000;

/// Counts the FLOPs of a stage.
#[derive(Debug, Clone)]
pub struct Charge {
    router: Router,
    config: ModelConfig,
    /// Of a micro-batch.
    shape: StepShape,
    teacher: Option<ModelConfig>,
}

impl Charge {
    /// Of a stage that trains `model` as `training` says, in micro-batches of `shape`, on a part of a schedule of `steps` steps;
    /// `teacher` is who teaches, if somebody does.
    ///
    /// # Errors
    /// The first option that does not go with the model or its sequences.
    pub fn new(
        training: &Training,
        model: &Model,
        steps: u64,
        shape: StepShape,
        teacher: Option<&ModelConfig>,
    ) -> Result<Self, InvalidTraining> {
        let (router, config) = (Router::new(training, model, steps)?, model.config());
        let length = shape.sequence_length;
        let short = |&layer: &usize| config.window(layer).is_some_and(|window| window < length);
        if let Some(dropping) = &training.token_dropping
            && let Some(layer) = token_dropping::skipped(dropping, config.num_hidden_layers).find(short)
        {
            return Err(InvalidTraining {
                key: "token_dropping",
                found: format!("over layer {layer}, whose window is shorter than the sequences of {length}"),
                expected: "layers that see all of a sequence: a window would reach over what is not there".into(),
            });
        }
        Ok(Self { router, config: config.clone(), shape, teacher: teacher.cloned() })
    }

    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    /// FLOPs of a micro-batch; none where it is a plain one.
    pub fn micro_batch(&self, context: &StepContext) -> Option<f64> {
        let distillation = self.router.training().distillation.as_ref();
        let taught = distillation.is_some_and(|taught| teacher::share(taught, context.schedule_step).is_some());
        let teacher = self.teacher.as_ref().filter(|_| taught);
        if self.router.is_whole(context.step) && teacher.is_none() {
            return None;
        }
        let length = match self.config.longest_sequence() {
            Some(length) if self.config.family.reads_images() => length,
            _ => self.shape.sequence_length,
        };
        let route = self.router.of_micro_batch(context, (self.shape.sequences, length));
        let step = route_flops(&self.config, self.shape, &route);
        let teaching = teacher.map(|teacher| teaching_flops(&self.config, teacher, self.shape));
        Some(step.total() + teaching.map_or(0.0, Flops::total))
    }

    /// FLOPs of `steps` steps of `micro_batches` each, the first of them step `from` of the schedule, of a stage of that
    /// [seed](crate::stage_seed); a plain step costs `plain`.
    pub fn stage(&self, seed: u64, from: u64, steps: u64, micro_batches: usize, plain: f64) -> f64 {
        let counted = steps.min(COUNTED);
        let of_step = |step: u64| -> f64 {
            let of_micro_batch = |micro| {
                let context = StepContext { step, schedule_step: from + step, micro, seed };
                self.micro_batch(&context).unwrap_or(plain / micro_batches as f64)
            };
            (0..micro_batches).map(of_micro_batch).sum()
        };
        let place = |i: u64| (u128::from(i) * u128::from(steps) / u128::from(counted.max(1))) as u64;
        let sum: f64 = (0..counted).map(|i| of_step(place(i))).sum();
        sum * steps as f64 / counted.max(1) as f64
    }
}
