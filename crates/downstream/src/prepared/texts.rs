//! Labelled texts: encoded once, batches by number, classes or numbers measured.

use super::{Prepared, lengths_of};
use crate::batch;
use crate::error::{data_of, metric_of};
use crate::scores::{Evaluation, Measured};
use crate::task::{TextKind, TextTask};
use crate::{Result, Tuning};
use ligo_data::tasks::{Encoder, Labels, TaskBatches};
use ligo_data::{BatchPlan, Tokenizer};
use ligo_eval::metrics::{Metric, MetricError, Outcome};
use ligo_kernels::Kernels;
use ligo_models::{Batch, Model, ModelConfig, Parameters};
use ligo_train::{BatchSource, StopFlag};
use std::collections::BTreeMap;

pub(super) struct Texts<'a> {
    task: &'a TextTask,
    config: &'a ModelConfig,
    train: TaskBatches,
    /// In the order of the task's splits.
    validation: Vec<TaskBatches>,
}

/// Every metric with its value, and accuracy where a label is a class.
type MetricsAndHeading = (Vec<(Metric, f64)>, Option<f64>);

impl<'a> Texts<'a> {
    pub(super) fn prepare(
        task: &'a TextTask,
        tokenizer: &Tokenizer,
        config: &'a ModelConfig,
        tuning: &Tuning,
        plan: BatchPlan,
    ) -> Result<Self> {
        let failed = data_of(task.name());
        let encoder = Encoder::new(tokenizer, tuning.sequence_length()).map_err(&failed)?;
        let encode = |texts| TaskBatches::of_texts(texts, &encoder, plan);
        let train = encode(task.train()).map_err(&failed)?;
        let validation = task.validation().iter().map(|(_, texts)| encode(texts));
        let validation = validation.collect::<std::result::Result<_, _>>().map_err(&failed)?;
        Ok(Self { task, config, train, validation })
    }

    /// The metrics of one split, and accuracy where a label is a class.
    fn measured(&self, outcome: Outcome<'_>) -> std::result::Result<MetricsAndHeading, MetricError> {
        let of = |metrics: &[Metric]| {
            metrics.iter().map(|&metric| Ok((metric, metric.of(outcome)?))).collect::<std::result::Result<_, _>>()
        };
        let own: Vec<(Metric, f64)> = match self.task.kind() {
            TextKind::Glue(task) => task.measure(outcome)?,
            TextKind::Classes(_) => of(&[Metric::Accuracy])?,
            TextKind::Numbers => of(&[Metric::Pearson, Metric::Spearman])?,
        };
        let heading = self.task.kind().has_classes().then(|| Metric::Accuracy.of(outcome)).transpose()?;
        Ok((own, heading))
    }
}

impl BatchSource for Texts<'_> {
    fn batch(&self, step: u64, micro: usize) -> anyhow::Result<Batch> {
        Ok(batch::of_task(self.train.batch(step, micro), self.config))
    }
}

impl<D: Kernels> Prepared<D> for Texts<'_> {
    fn samples(&self) -> u64 {
        self.train.sequences().len() as u64
    }

    fn examples(&self) -> (u64, u64) {
        let evaluated: usize = self.validation.iter().map(|batches| batches.sequences().len()).sum();
        (self.train.sequences().len() as u64, evaluated as u64)
    }

    fn validation(&self) -> Result<Vec<Batch>> {
        let size = self.train.plan().batch_size;
        let own = self.validation.iter().take(1).flat_map(|batches| batches.in_order(size));
        Ok(own.map(|found| batch::of_task(found, self.config)).collect())
    }

    fn lengths(&self, steps: u64) -> BTreeMap<usize, u64> {
        lengths_of(&self.train, steps)
    }

    fn measure(&self, model: &Model, parameters: &Parameters<D>, stop: &StopFlag) -> Result<Option<Evaluation>> {
        let mut evaluation = Evaluation { metrics: Vec::new(), heading: None, own: 0.0 };
        for (index, ((split, _), batches)) in self.task.validation().iter().zip(&self.validation).enumerate() {
            let (mut classes, mut values) = (Vec::new(), Vec::new());
            for found in batches.in_order(batches.plan().batch_size) {
                if stop.is_set() {
                    return Ok(None);
                }
                let logits = model.logits(parameters, &batch::of_task(found, self.config).inputs)?;
                match batches.labels() {
                    Labels::Classes(_) => classes.extend(batch::classes(&logits)),
                    _ => values.extend(batch::numbers(&logits).0),
                }
            }
            let outcome = match batches.labels() {
                Labels::Classes(labels) => Outcome::Classes { predictions: &classes, labels },
                Labels::Numbers(labels) => Outcome::Numbers { predictions: &values, labels },
                Labels::Spans(_) => unreachable!("a set of texts is read with classes or numbers"),
            };
            let (own, accuracy) = self.measured(outcome).map_err(metric_of(self.task.name()))?;
            if index == 0 {
                evaluation.own = own.iter().map(|(_, value)| value).sum::<f64>() / own.len() as f64;
                evaluation.heading = accuracy;
            }
            let named = |(metric, value): (Metric, f64)| (metric.name().to_owned(), value);
            let mut all: Vec<(String, f64)> = own.into_iter().map(named).collect();
            let accuracy = accuracy.map(|value| named((Metric::Accuracy, value)));
            all.extend(accuracy.filter(|(name, _)| all.iter().all(|(other, _)| other != name)));
            let measured = |(name, value)| Measured { split: split.clone(), name, value };
            evaluation.metrics.extend(all.into_iter().map(measured));
        }
        Ok(Some(evaluation))
    }
}
