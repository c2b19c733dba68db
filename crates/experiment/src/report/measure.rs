//! What rows are compared by, in words: its name, which way is better, how it is written.

use super::number;
use crate::record::Results;
use crate::schema::ReportMetric;
use ligo_eval::Better;

/// What rows are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure(pub(super) ReportMetric);

impl Measure {
    /// Of an experiment.
    pub(super) fn of(results: &Results) -> Self {
        Self(results.experiment.report.metric)
    }

    /// Its column in `metrics.parquet`.
    pub(super) fn column(self) -> &'static str {
        match self.0 {
            ReportMetric::Loss => "validation_loss",
            ReportMetric::Accuracy => "validation_accuracy",
        }
    }

    /// In a sentence: `validation loss`.
    pub(super) fn name(self) -> &'static str {
        match self.0 {
            ReportMetric::Loss => "validation loss",
            ReportMetric::Accuracy => "validation accuracy",
        }
    }

    /// In a file's name, or after "final": `loss`.
    pub(super) fn short(self) -> &'static str {
        match self.0 {
            ReportMetric::Loss => "loss",
            ReportMetric::Accuracy => "accuracy",
        }
    }

    /// At the axis of a figure, with its unit.
    pub(super) fn axis(self) -> &'static str {
        match self.0 {
            ReportMetric::Loss => "validation loss",
            ReportMetric::Accuracy => "validation accuracy, %",
        }
    }

    /// Which way is better.
    pub(super) fn better(self) -> Better {
        match self.0 {
            ReportMetric::Loss => Better::Lower,
            ReportMetric::Accuracy => Better::Higher,
        }
    }

    /// A value in a table: `4.512`, `81.71 %`.
    pub(super) fn show(self, value: f64) -> String {
        match self.0 {
            ReportMetric::Loss => number::loss(value),
            ReportMetric::Accuracy => number::score_percent(value),
        }
    }

    /// A mean with its spread.
    pub(super) fn show_spread(self, mean: f64, sd: Option<f64>) -> String {
        match self.0 {
            ReportMetric::Loss => number::spread(mean, sd, number::loss),
            ReportMetric::Accuracy => format!("{} %", number::spread(mean, sd, number::score)),
        }
    }

    /// A difference with its sign.
    pub(super) fn show_difference(self, mean: f64, sd: Option<f64>) -> String {
        let sign = if mean < 0.0 { "−" } else { "+" };
        format!("{sign}{}", self.show_spread(mean.abs(), sd))
    }

    /// Where a value lies on the axis: an accuracy in percent.
    pub(super) fn plotted(self, value: f64) -> f64 {
        match self.0 {
            ReportMetric::Loss => value,
            ReportMetric::Accuracy => 100.0 * value,
        }
    }
}
