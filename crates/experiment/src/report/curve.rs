//! Curves out of the metrics: of every run for the savings, and means over seeds for the figures.

use super::measure::Measure;
use anyhow::{Context, Result};
use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, col};

/// What a value of the metric cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evaluation {
    /// Optimiser steps of all stages so far.
    pub(super) steps: f64,
    /// FLOPs so far.
    pub(super) flops: f64,
    /// Seconds so far.
    pub(super) wall_seconds: f64,
    /// Validation loss or accuracy.
    pub(super) metric: f64,
}

/// The curves of all runs.
#[derive(Debug)]
pub(super) struct Curves {
    /// Label, seed, evaluations in order.
    runs: Vec<(String, u64, Vec<Evaluation>)>,
    /// Label, means over seeds.
    means: Vec<(String, Vec<Evaluation>)>,
}

impl Curves {
    /// Of everything in the metrics.
    ///
    /// # Errors
    /// If an evaluation lacks what is measured, or a cost.
    pub(super) fn new(metrics: &DataFrame, measure: Measure) -> Result<Self> {
        let names = ["total_steps", "flops", "wall_seconds", measure.column()];
        let real = |name: &str| col(name).cast(DataType::Float64);
        let listed = names.map(real);
        let runs = metrics.clone().lazy().group_by_stable([col("label"), col("seed")]).agg(listed).collect()?;
        let mean = |name: &str| real(name).mean();
        let columns = names.map(|name| -> Expr { col(name) });
        let means = metrics
            .clone()
            .lazy()
            .group_by_stable([col("label"), col("stage"), col("step")])
            .agg(names.map(mean))
            .group_by_stable([col("label")])
            .agg(columns)
            .collect()?;
        let label = |frame: &DataFrame, row: usize| -> Result<String> {
            Ok(frame.column("label")?.str()?.get(row).context("a run without a label")?.to_owned())
        };
        let seeds = runs.column("seed")?.u64()?;
        let of_run = |row: usize| {
            let seed = seeds.get(row).context("a run without a seed")?;
            Ok((label(&runs, row)?, seed, evaluations(&runs, row, names)?))
        };
        let of_label = |row: usize| Ok((label(&means, row)?, evaluations(&means, row, names)?));
        Ok(Self {
            runs: (0..runs.height()).map(of_run).collect::<Result<_>>()?,
            means: (0..means.height()).map(of_label).collect::<Result<_>>()?,
        })
    }

    /// The evaluations of a run, in order; empty if there is no such run.
    pub(super) fn of_run(&self, label: &str, seed: u64) -> &[Evaluation] {
        let run = self.runs.iter().find(|(known, of, _)| known == label && *of == seed);
        run.map_or(&[], |(_, _, curve)| curve)
    }

    /// The mean over the seeds of a label, evaluation by evaluation.
    pub(super) fn mean(&self, label: &str) -> &[Evaluation] {
        self.means.iter().find(|(known, _)| known == label).map_or(&[], |(_, curve)| curve)
    }
}

/// The evaluations in a row whose columns are lists.
fn evaluations(frame: &DataFrame, row: usize, names: [&str; 4]) -> Result<Vec<Evaluation>> {
    let values = |name: &str| -> Result<Vec<Option<f64>>> {
        let list = frame.column(name)?.list()?.get_as_series(row).context("no evaluations of a run")?;
        Ok(list.f64()?.iter().collect())
    };
    let [steps, flops, wall_seconds, metric] = names;
    let missing = || format!("an evaluation without a {} or a cost", metric.replace('_', " "));
    values(steps)?
        .into_iter()
        .zip(values(flops)?)
        .zip(values(wall_seconds)?)
        .zip(values(metric)?)
        .map(|(((steps, flops), wall_seconds), metric)| {
            Some(Evaluation { steps: steps?, flops: flops?, wall_seconds: wall_seconds?, metric: metric? })
        })
        .collect::<Option<Vec<_>>>()
        .with_context(missing)
}
