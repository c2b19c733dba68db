//! Stages of a model so small that a whole one takes a moment.

mod killed;
mod limits;
mod result;
mod resume;

use super::*;
use crate::{Evaluated, StepContext, StepReport, WeightsObjective};
use anyhow::Result as Anyhow;
use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Family, Inputs, Model, ModelConfig, Targets, Tokens};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEQUENCE: usize = 6;
const VOCABULARY: u32 = 13;

/// A stage with everything that it needs.
pub(crate) struct Setting {
    pub(crate) plan: StagePlan,
    validation: Vec<Batch>,
    dropout: f32,
}

/// How a stage ended, to the bit.
#[derive(Debug, PartialEq)]
struct End {
    weights: Vec<Vec<u32>>,
    rows: Vec<MetricRow>,
    cost: Cost,
}

/// Seven steps of two micro-batches with dropout, clipping and a warm-up.
pub(crate) fn setting() -> Setting {
    let config =
        TrainingConfig { accumulate: 2, warmup_steps: 2, max_grad_norm: Some(0.5), ..TrainingConfig::new(7, 4, 0.01) };
    let plan = StagePlan {
        stage: "train".into(),
        config,
        schedule_from: 0,
        rate: Rate::Schedule,
        steps: 7,
        flops_per_step: 1e9 / 3.0,
        before: Cost { steps: 5, tokens: 1000, flops: 1e10 / 3.0, wall_seconds: 2.5 },
        evaluate_every: 3,
        seed: 42,
        inputs: "test".into(),
        checkpoint_every: Duration::from_secs(1000),
    };
    Setting { plan, validation: vec![batch(900, 0), batch(901, 1), batch(902, 0)], dropout: 0.1 }
}

/// The same with an average of the weights.
pub(crate) fn averaging() -> Setting {
    let mut setting = setting();
    setting.plan.config.ema_decay = Some(0.6);
    setting
}

impl Setting {
    /// A fresh objective, trained in `directory` as far as it comes.
    fn run(&self, directory: &Path, watch: &Watch) -> Result<(StageOutcome, WeightsObjective<Cpu>), TrainError> {
        let mut objective = self.objective();
        let outcome = self.train(&mut objective, &micro_batch, directory, watch)?;
        Ok((outcome, objective))
    }

    fn objective(&self) -> WeightsObjective<Cpu> {
        let config = ModelConfig {
            vocab_size: VOCABULARY as usize,
            max_position_embeddings: SEQUENCE,
            hidden_dropout: self.dropout,
            attention_dropout: self.dropout,
            ..ModelConfig::new(Family::Gpt2, 8, 2, 2)
        };
        let model = Model::new(config).unwrap();
        let parameters = model.fresh(&Cpu::default(), 7).unwrap();
        WeightsObjective { model, parameters }
    }

    pub(crate) fn train(
        &self,
        objective: &mut dyn Objective<Cpu>,
        batches: &dyn BatchSource,
        directory: &Path,
        watch: &Watch,
    ) -> Result<StageOutcome, TrainError> {
        let device = Cpu::default();
        train_stage(&device, objective, &mut None, &self.plan, batches, &self.validation, directory, watch, &watch.stop)
    }

    /// Trained to the end.
    fn end(&self, directory: &Path) -> End {
        let (outcome, objective) = self.run(directory, &Watch::default()).unwrap();
        End::of(outcome, &objective)
    }

    /// What an undisturbed run ends with.
    fn undisturbed(&self) -> End {
        self.end(tempfile::tempdir().unwrap().path())
    }
}

impl End {
    /// Seconds are set to zero: no two runs take the same.
    fn of(outcome: StageOutcome, objective: &WeightsObjective<Cpu>) -> Self {
        let StageOutcome::Finished(StageResult { mut rows, mut cost }) = outcome else { panic!("it was stopped") };
        cost.wall_seconds = 0.0;
        rows.iter_mut().for_each(|row| row.wall_seconds = 0.0);
        let bits = |tensor: &ligo_kernels::Matrix<Cpu>| tensor.as_vec().into_iter().map(f32::to_bits).collect();
        Self { weights: objective.parameters.tensors().iter().map(bits).collect(), rows, cost }
    }
}

/// Two sequences; the numbers and the labels depend on step and micro-batch alone, the second one having fewer labels.
pub(crate) fn batch(step: u64, micro: usize) -> Batch {
    let number = |i: usize| (step * 31 + micro as u64 * 17 + (i * i) as u64 * 7) % u64::from(VOCABULARY);
    let tokens = 2 * SEQUENCE;
    let label = |i: usize| if micro == 1 && !i.is_multiple_of(3) { IGNORED } else { number(i + 1) as i32 };
    let input_ids = (0..tokens).map(|i| number(i) as u32).collect();
    let inputs = Tokens { input_ids, batch_size: 2, sequence_length: SEQUENCE, ..Tokens::default() };
    Batch::tokens(inputs, (0..tokens).map(label).collect())
}

fn micro_batch(step: u64, micro: usize) -> Anyhow<Batch> {
    Ok(batch(step, micro))
}

/// Writes down what it is told, and asks for a stop after a step.
#[derive(Default)]
pub(crate) struct Watch {
    stop_after: Option<u64>,
    stop: StopFlag,
    first_step: AtomicU64,
    steps: Mutex<Vec<StepReport>>,
    rows: Mutex<Vec<MetricRow>>,
}

impl Watch {
    pub(crate) fn stopping_after(step: u64) -> Self {
        Self { stop_after: Some(step), ..Self::default() }
    }
}

impl Progress for Watch {
    fn stage_started(&self, _: &str, _: u64, done: u64) {
        self.first_step.store(done, Ordering::Relaxed);
        if self.stop_after == Some(done) {
            self.stop.stop();
        }
    }
    fn step(&self, report: &StepReport) {
        self.steps.lock().unwrap().push(*report);
        if self.stop_after == Some(report.step) {
            self.stop.stop();
        }
    }
    fn evaluated(&self, row: &MetricRow) {
        self.rows.lock().unwrap().push(row.clone());
    }
    fn stage_finished(&self, _: &str) {}
}

/// The names in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
