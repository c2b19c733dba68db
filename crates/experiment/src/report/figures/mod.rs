//! What the table says of each row, worked out from `metrics.parquet`: final values, costs, savings, mean and standard
//! deviation over seeds.
//!
//! polars groups the measurements; when a curve reaches the target and what that saves is [`ligo_eval`]'s to say; nothing here
//! formats.

mod rows;

use super::curve::Curves;
use super::measure::Measure;
use super::number;
use super::savings::{Reading, Savings, target};
use crate::record::Results;
use crate::schema::ReportMetric;
use anyhow::Result;
use ligo_eval::Stats;
use polars::prelude::DataFrame;
pub(super) use rows::{Reference, savings};
use rows::{final_values, rows};

/// Everything that the table, the figures and the summary show.
#[derive(Debug)]
pub(super) struct Figures {
    /// In the order of the experiment file.
    pub(super) rows: Vec<Row>,
    /// The label of the row whose final value is the target.
    pub(super) reference: String,
    /// What is compared.
    pub(super) measure: Measure,
    /// How curves are read.
    pub(super) reading: Reading,
    /// The target, by seed.
    pub(super) target: Spread,
    /// Further targets, as the experiment file has them.
    pub(super) thresholds: Vec<f64>,
    /// What the small model ended with, by seed; none where no method needs one.
    pub(super) small: Option<Spread>,
    /// Every run's curve.
    pub(super) curves: Curves,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) label: String,
    /// The label with what sets the row apart from the others of its method.
    pub(super) title: String,
    pub(super) role: Role,
    /// The method's name and its sentence about itself.
    pub(super) method: String,
    pub(super) summary: String,
    pub(super) seeds: Vec<u64>,
    /// Weights of the model at the end.
    pub(super) parameters: u64,
    /// Seeds with which the reference ran too; without it there is no target.
    pub(super) comparable: usize,
    pub(super) loss: Spread,
    pub(super) perplexity: Spread,
    /// Of images; without a figure of text.
    pub(super) accuracy: Spread,
    pub(super) steps: Spread,
    pub(super) tokens: Spread,
    pub(super) flops: Spread,
    pub(super) wall_seconds: Spread,
    /// Until the reference's end.
    pub(super) savings: Savings,
    /// Until each threshold, in the order of [`Figures::thresholds`].
    pub(super) thresholds: Vec<Savings>,
}

/// What a row is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its end is the target.
    Reference,
    /// Random weights again, trained otherwise.
    Scratch,
    /// LiGO in one of its settings.
    Ligo,
    /// The so many-th other method.
    Baseline(usize),
}

/// A figure of each seed, in the order of the seeds, none where it was not reached; their mean if all have one, and their
/// sample standard deviation from two seeds on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) values: Vec<Option<f64>>,
    pub(super) mean: Option<f64>,
    pub(super) sd: Option<f64>,
}

impl Spread {
    /// Of a value for each seed.
    pub(super) fn of(values: Vec<Option<f64>>) -> Self {
        // A mean over the seeds that reached the target alone would flatter the row.
        let whole: Option<Vec<f64>> = values.iter().copied().collect();
        let stats = whole.and_then(|values| Stats::of(&values));
        Self { values, mean: stats.map(|stats| stats.mean), sd: stats.and_then(|stats| stats.sd) }
    }

    /// Seeds that have a figure.
    pub(super) fn reached(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// `mean ± sd`, or a dash.
    pub(super) fn show(&self, show: impl Fn(f64) -> String) -> String {
        self.show_with(|mean, sd| number::spread(mean, sd, show))
    }

    /// The same, where mean and standard deviation are written together.
    pub(super) fn show_with(&self, show: impl FnOnce(f64, Option<f64>) -> String) -> String {
        self.mean.map_or_else(|| number::NONE.into(), |mean| show(mean, self.sd))
    }
}

impl Row {
    /// What it ended with, of what is compared.
    pub(super) fn metric(&self, measure: Measure) -> &Spread {
        match measure.0 {
            ReportMetric::Accuracy => &self.accuracy,
            ReportMetric::Loss => &self.loss,
        }
    }
}

impl Figures {
    /// Works everything out from the metrics, as they were read back.
    pub(super) fn new(results: &Results, metrics: &DataFrame) -> Result<Self> {
        let report = &results.experiment.report;
        let measure = Measure::of(results);
        let reading = Reading { smoothing: report.smoothing, better: measure.better() };
        let curves = Curves::new(metrics, measure)?;
        let runs = results.methods.iter().filter(|run| run.label == report.reference);
        let targets = runs.map(|run| target(curves.of_run(&run.label, run.seed), reading));
        let small = final_values(metrics, true)?;
        let small = small.first().map(|row| Spread::of(row.of(measure.column()).to_vec()));
        Ok(Self {
            rows: rows(results, &curves, reading, final_values(metrics, false)?)?,
            reference: report.reference.clone(),
            measure,
            reading,
            target: Spread::of(targets.collect()),
            thresholds: report.thresholds.clone(),
            small,
            curves,
        })
    }

    /// Whether there is an accuracy to show.
    pub(super) fn have_accuracy(&self) -> bool {
        self.rows.iter().any(|row| row.accuracy.reached() > 0)
    }

    /// The row of that label.
    pub(super) fn row(&self, label: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.label == label)
    }
}
