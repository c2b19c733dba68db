//! Questions: contexts cut into windows, answers found from the logits of all windows, exact match and F1.

use super::{Prepared, lengths_of};
use crate::batch;
use crate::error::{data_of, metric_of};
use crate::scores::{Evaluation, Measured};
use crate::task::SquadTask;
use crate::{Result, Tuning};
use ligo_data::tasks::TaskBatches;
use ligo_data::tasks::squad::{AnswerOptions, WindowLogits, Windows};
use ligo_data::{BatchPlan, Tokenizer};
use ligo_eval::metrics::MetricError;
use ligo_eval::metrics::squad::{Squad, Summary, answered_below, best_thresholds};
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, ModelConfig, Parameters};
use ligo_train::{BatchSource, StopFlag};
use std::collections::BTreeMap;

/// Above it a question of SQuAD 2.0 is left without an answer: `null_score_diff_threshold` of transformers.
const NO_ANSWER_THRESHOLD: f64 = 0.0;

pub(super) struct Questions<'a> {
    task: &'a SquadTask,
    config: &'a ModelConfig,
    train: TaskBatches,
    windows: Windows,
    validation: TaskBatches,
}

impl<'a> Questions<'a> {
    pub(super) fn prepare(
        task: &'a SquadTask,
        tokenizer: &Tokenizer,
        config: &'a ModelConfig,
        tuning: &Tuning,
        plan: BatchPlan,
    ) -> Result<Self> {
        let cut = || {
            let train = Windows::new(task.train().clone(), tokenizer, tuning.windows())?.batches(plan)?;
            let windows = Windows::new(task.validation().clone(), tokenizer, tuning.windows())?;
            let validation = windows.batches(plan)?;
            Ok(Self { task, config, train, windows, validation })
        };
        cut().map_err(data_of(task.name()))
    }

    /// Metrics by name, F1 first.
    fn score(&self, logits: &[WindowLogits]) -> Result<Vec<(&'static str, f64)>> {
        let answers = self.windows.answers(logits, AnswerOptions::default()).map_err(data_of(self.task.name()))?;
        let predictions: Vec<String> = answers.iter().map(|answer| answer.text.clone()).collect();
        let texts = |question: &ligo_data::tasks::squad::Question| {
            question.answers.iter().map(|answer| answer.text.clone()).collect::<Vec<_>>()
        };
        let golds: Vec<Vec<String>> = self.windows.questions().iter().map(texts).collect();
        let no_answer: Vec<f64> = answers.iter().map(|answer| answer.no_answer.into()).collect();
        let measure = || -> std::result::Result<_, MetricError> {
            let scores = self.task.version().score_all(&predictions, &golds)?;
            if self.task.version() == Squad::V1 {
                let all = Summary::of(&scores)?.all;
                return Ok(vec![("F1", all.f1), ("exact match", all.exact)]);
            }
            let all = Summary::of(&answered_below(&scores, &no_answer, NO_ANSWER_THRESHOLD)?)?.all;
            let best = best_thresholds(&scores, &no_answer)?;
            let best = [("best F1", best.f1.value), ("best exact match", best.exact.value)];
            Ok([("F1", all.f1), ("exact match", all.exact)].into_iter().chain(best).collect())
        };
        measure().map_err(metric_of(self.task.name()))
    }
}

impl BatchSource for Questions<'_> {
    fn batch(&self, step: u64, micro: usize) -> anyhow::Result<Batch> {
        Ok(batch::of_task(self.train.batch(step, micro), self.config))
    }
}

impl<D: Kernels> Prepared<D> for Questions<'_> {
    fn samples(&self) -> u64 {
        self.train.sequences().len() as u64
    }

    fn examples(&self) -> (u64, u64) {
        (self.task.train().len() as u64, self.task.validation().len() as u64)
    }

    fn validation(&self) -> Result<Vec<Batch>> {
        let batches = self.validation.in_order(self.validation.plan().batch_size);
        Ok(batches.map(|found| batch::of_task(found, self.config)).collect())
    }

    fn lengths(&self, steps: u64) -> BTreeMap<usize, u64> {
        lengths_of(&self.train, steps)
    }

    fn measure(&self, model: &Model, parameters: &Parameters<D>, stop: &StopFlag) -> Result<Option<Evaluation>> {
        let mut logits = Vec::with_capacity(self.windows.windows().len());
        for found in self.validation.in_order(self.validation.plan().batch_size) {
            if stop.is_set() {
                return Ok(None);
            }
            let length = found.sequence_length;
            let said = model.logits(parameters, &batch::of_task(found, self.config).inputs)?;
            // Of each token the logits of start and end.
            let (numbers, _) = batch::numbers(&said);
            logits.extend(numbers.chunks_exact(2 * length).map(|window| {
                let every = |first: usize| window.iter().copied().skip(first).step_by(2).collect();
                WindowLogits { start: every(0), end: every(1) }
            }));
        }
        let measured = self.score(&logits)?;
        // F1 comes first.
        let f1 = measured[0].1;
        let named =
            |(name, value): (&str, f64)| Measured { split: "validation".to_owned(), name: name.to_owned(), value };
        let metrics = measured.into_iter().map(named).collect();
        Ok(Some(Evaluation { metrics, heading: Some(f1), own: f1 }))
    }
}
