//! The loop: what happens between two steps, and what a step is.

use super::{StageOutcome, StagePlan, StageResult};
use crate::average::Average;
use crate::checkpoint::{Checkpoints, Plan, State, Tensors, TensorsMut};
use crate::evaluate::{Verdict, evaluate, labelled, tokens, value};
use crate::optimiser::Optimiser;
use crate::pace::Pace;
use crate::{BatchSource, MetricRow, Objective, Progress, StepContext, StepReport, StopFlag, TrainError, stage_seed};
use ligo_growth::Moments;
use ligo_kernels::{GradTape, Kernels};
use ligo_models::Batch;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// A checkpoint is not written before so many times its own duration have passed.
const CHECKPOINT_SHARE: u32 = 20;

/// A stage under way.
pub(super) struct Run<'a, D: Kernels> {
    plan: &'a StagePlan,
    objective: &'a mut dyn Objective<D>,
    optimiser: Optimiser<D>,
    /// Of the weights, where the stage averages them.
    average: Option<Average<D>>,
    identity: Plan,
    checkpoints: Checkpoints,
    state: State,
    /// Steps and rows in the newest checkpoint.
    saved: Option<(u64, usize)>,
    /// When and how long ago the newest checkpoint was written by this process.
    last_save: (Instant, Duration),
    pace: Pace,
    seed: u64,
}

impl<'a, D: Kernels> Run<'a, D> {
    /// At its beginning, or where an earlier process left it.
    pub(super) fn begin(
        device: &D,
        objective: &'a mut dyn Objective<D>,
        moments: Option<Moments<D>>,
        plan: &'a StagePlan,
        directory: &Path,
    ) -> Result<Self, TrainError> {
        let refused = |reason| TrainError::Plan { stage: plan.stage.clone(), reason };
        plan.config.check().map_err(|error| refused(error.to_string()))?;
        if plan.evaluate_every == 0 {
            return Err(refused("evaluate_every is 0, expected 1 or more".into()));
        }
        let mut optimiser =
            Optimiser::new(device, objective.trainable(), moments).map_err(|error| refused(error.to_string()))?;
        let identity = Plan::new(plan, optimiser.steps_before, objective.trainable().specs());
        let mut average = plan.config.ema_decay.map(|decay| Average::new(objective.trainable(), decay));
        let mut checkpoints = Checkpoints::open(directory)?;
        let mut tensors = TensorsMut {
            names: &optimiser.names,
            weights: objective.trainable_mut().tensors_mut(),
            first: &mut optimiser.first,
            second: &mut optimiser.second,
            average: average.as_mut().map(|average| &mut average.tensors[..]),
        };
        let found = checkpoints.restore(&identity, &mut tensors)?;
        let saved = found.as_ref().map(|state| (state.step, state.rows.len()));
        Ok(Self {
            seed: stage_seed(plan.seed, &plan.stage),
            plan,
            objective,
            optimiser,
            average,
            identity,
            checkpoints,
            state: found.unwrap_or_default(),
            saved,
            last_save: (Instant::now(), Duration::ZERO),
            pace: Pace::default(),
        })
    }

    /// To its end, or until asked to stop; at the end with what the optimiser remembers.
    pub(super) fn go(
        mut self,
        batches: &dyn BatchSource,
        validation: &[Batch],
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<(StageOutcome, Option<Moments<D>>), TrainError> {
        let (stage, steps) = (&self.plan.stage, self.plan.steps);
        progress.stage_started(stage, steps, self.state.step);
        loop {
            if self.evaluation_is_due() {
                match self.evaluate(validation, stop)? {
                    ControlFlow::Continue(row) => progress.evaluated(row),
                    ControlFlow::Break(()) => return self.stopped(),
                }
            }
            if self.state.step >= steps {
                break;
            }
            if stop.is_set() {
                return self.stopped();
            }
            if self.checkpoint_is_due() {
                self.save()?;
            }
            progress.step(&self.step(batches)?);
        }
        self.save()?;
        self.swap_with_average();
        progress.stage_finished(stage);
        let moments = self.optimiser.into_moments(self.state.step);
        let moments = moments.map_err(|error| TrainError::Plan { stage: stage.clone(), reason: error.to_string() })?;
        let result = StageResult { cost: self.state.cost(self.plan), rows: self.state.rows };
        Ok((StageOutcome::Finished(result), Some(moments)))
    }

    fn stopped(mut self) -> Result<(StageOutcome, Option<Moments<D>>), TrainError> {
        self.save()?;
        Ok((StageOutcome::Stopped, None))
    }

    fn evaluation_is_due(&self) -> bool {
        let step = self.state.step;
        let due = step.is_multiple_of(self.plan.evaluate_every) || step >= self.plan.steps;
        due && self.state.rows.last().is_none_or(|row| row.step != step)
    }

    /// Lets the averages, if there are any, and the weights change places.
    fn swap_with_average(&mut self) {
        if let Some(average) = &mut self.average {
            average.swap(self.objective.trainable_mut());
        }
    }

    /// Adds a row; breaks off without one if asked to stop.
    fn evaluate(&mut self, validation: &[Batch], stop: &StopFlag) -> Result<ControlFlow<(), &MetricRow>, TrainError> {
        self.swap_with_average();
        let verdict = self
            .objective
            .evaluated(self.state.step)
            .and_then(|evaluated| evaluate(&evaluated, validation, || stop.is_set()));
        self.swap_with_average();
        let (plan, state) = (self.plan, &self.state);
        let Verdict { loss, accuracy } = match verdict.map_err(|error| self.at(state.step, error))? {
            ControlFlow::Continue(verdict) => verdict,
            ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
        };
        if !loss.is_finite() {
            return Err(self.diverged(state.step, "validation loss", loss));
        }
        let total = plan.before + state.cost(plan);
        let learning_rate = match state.step {
            0 => 0.0,
            step => plan.config.rate_at(plan.rate, plan.schedule_from + step - 1),
        };
        let row = MetricRow {
            stage: plan.stage.clone(),
            step: state.step,
            total_steps: total.steps,
            tokens: total.tokens,
            flops: total.flops,
            wall_seconds: total.wall_seconds,
            learning_rate,
            train_loss: (state.losses > 0).then(|| state.loss_sum / state.losses as f64),
            validation_loss: loss,
            validation_accuracy: accuracy,
        };
        (self.state.loss_sum, self.state.losses) = (0.0, 0);
        self.state.rows.push(row);
        // Just pushed.
        Ok(ControlFlow::Continue(&self.state.rows[self.state.rows.len() - 1]))
    }

    fn checkpoint_is_due(&self) -> bool {
        let ((at, took), every) = (self.last_save, self.plan.checkpoint_every);
        every.is_zero() || at.elapsed() >= every.max(took * CHECKPOINT_SHARE)
    }

    /// Writes a checkpoint, unless the newest is of this very state.
    fn save(&mut self) -> Result<(), TrainError> {
        let here = (self.state.step, self.state.rows.len());
        if self.saved == Some(here) {
            return Ok(());
        }
        let begin = Instant::now();
        let tensors = Tensors {
            names: &self.optimiser.names,
            weights: self.objective.trainable().tensors(),
            first: &self.optimiser.first,
            second: &self.optimiser.second,
            average: self.average.as_ref().map(|average| &average.tensors[..]),
        };
        self.checkpoints.write(&self.identity, &self.state, &tensors)?;
        self.saved = Some(here);
        self.last_save = (Instant::now(), begin.elapsed());
        Ok(())
    }

    /// One optimiser step. Until AdamW has seen a finite norm nothing is changed.
    fn step(&mut self, batches: &dyn BatchSource) -> Result<StepReport, TrainError> {
        let begin = Instant::now();
        let (plan, config, done) = (self.plan, &self.plan.config, self.state.step);
        let at = plan.schedule_from + done;
        let micro_batches = (0..config.accumulate).map(|micro| batches.batch(at, micro));
        let micro_batches: Vec<Batch> =
            micro_batches.collect::<anyhow::Result<_>>().map_err(|error| self.at(done + 1, error))?;

        let (mut loss, mut flops) = (0.0, 0.0);
        let share_of_flops = plan.flops_per_step / config.accumulate as f64;
        let mut charged_apart = false;
        for (micro, (batch, share)) in micro_batches.iter().zip(shares(&micro_batches)).enumerate() {
            let context = self.context(micro);
            let own = self.objective.flops(&context);
            charged_apart |= own.is_some();
            flops += own.unwrap_or(share_of_flops);
            let part = self.backward(batch, share, &context).map_err(|error| self.at(done + 1, error))?;
            if !part.is_finite() {
                return Err(self.diverged(done + 1, "training loss", part.into()));
            }
            loss += f64::from(share) * f64::from(part);
        }
        let learning_rate = config.rate_at(plan.rate, at);
        let context = self.context(0);
        let rates: Vec<f32> = (0..self.optimiser.names.len()).map(|i| self.objective.rate(i, &context)).collect();
        let norm = self
            .optimiser
            .step(self.objective.trainable_mut(), config, learning_rate, |i| rates[i], done + 1)
            .map_err(|error| self.at(done + 1, error.into()))?;
        if !norm.is_finite() {
            return Err(self.diverged(done + 1, "gradient norm", norm.into()));
        }
        if let Some(average) = &mut self.average {
            average.follow(self.objective.trainable()).map_err(|error| self.at(done + 1, error.into()))?;
        }

        let tokens = micro_batches.iter().map(tokens).sum();
        let seconds = begin.elapsed().as_secs_f64();
        self.pace.step(tokens, seconds);
        self.state.step += 1;
        self.state.tokens += tokens;
        if charged_apart {
            self.state.flops_beside += flops - plan.flops_per_step;
        }
        self.state.wall_seconds += seconds;
        self.state.loss_sum += loss;
        self.state.losses += 1;
        Ok(StepReport {
            step: self.state.step,
            steps: plan.steps,
            loss: loss as f32,
            learning_rate: learning_rate as f32,
            steps_per_second: self.pace.steps_per_second(),
            tokens_per_second: self.pace.tokens_per_second(),
        })
    }

    /// Adds `share` of a micro-batch's gradient and returns its loss; no gradient is added where that is not finite.
    fn backward(&mut self, batch: &Batch, share: f32, context: &StepContext) -> anyhow::Result<f32> {
        let mut tape = GradTape::default();
        let loss = self.objective.loss(&mut tape, batch, context)?;
        let value = value(&loss);
        if value.is_finite() {
            tape.backward(&loss, share, &mut self.optimiser.gradients)?;
        }
        Ok(value)
    }

    fn context(&self, micro: usize) -> StepContext {
        let step = self.state.step;
        StepContext { step, schedule_step: self.plan.schedule_from + step, micro, seed: self.seed }
    }

    fn at(&self, step: u64, source: anyhow::Error) -> TrainError {
        TrainError::Step { stage: self.plan.stage.clone(), step, source }
    }

    fn diverged(&self, step: u64, what: &'static str, found: f64) -> TrainError {
        let checkpoint = self.checkpoints.newest().map(Path::to_owned);
        TrainError::Diverged { stage: self.plan.stage.clone(), step, what, found, checkpoint }
    }
}

/// The weight of each micro-batch: its share of all labelled positions, since a loss is a mean over its own.
fn shares(micro_batches: &[Batch]) -> Vec<f32> {
    let labelled: Vec<usize> = micro_batches.iter().map(labelled).collect();
    let all: usize = labelled.iter().sum();
    labelled.into_iter().map(|part| part as f32 / all.max(1) as f32).collect()
}
