//! Curves out of the metrics: of one run for the savings, and means over seeds for the figures.

use anyhow::{Context, Result};
use polars::prelude::{DataFrame, IntoLazy, col, lit};

/// What a validation loss cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evaluation {
    /// Optimiser steps of all stages so far.
    pub(super) steps: f64,
    /// FLOPs so far.
    pub(super) flops: f64,
    /// Seconds so far.
    pub(super) wall_seconds: f64,
    /// Validation loss.
    pub(super) loss: f64,
}

/// The evaluations of a run, in order; empty if there is no such run.
pub(super) fn of_run(metrics: &DataFrame, label: &str, seed: u64) -> Result<Vec<Evaluation>> {
    let run = metrics
        .clone()
        .lazy()
        .filter(col("label").eq(lit(label)).and(col("seed").eq(lit(seed))))
        .select([
            col("total_steps").cast(polars::prelude::DataType::Float64),
            col("flops"),
            col("wall_seconds"),
            col("validation_loss"),
        ])
        .collect()?;
    evaluations(&run)
}

/// The mean over the seeds of a label, evaluation by evaluation.
pub(super) fn mean(metrics: &DataFrame, label: &str) -> Result<Vec<Evaluation>> {
    let figures = ["total_steps", "flops", "wall_seconds", "validation_loss"];
    let means = metrics
        .clone()
        .lazy()
        .filter(col("label").eq(lit(label)))
        .group_by_stable([col("stage"), col("step")])
        .agg(figures.map(|name| col(name).mean()))
        .collect()?;
    evaluations(&means)
}

fn evaluations(frame: &DataFrame) -> Result<Vec<Evaluation>> {
    let column = |name| Ok::<_, polars::prelude::PolarsError>(frame.column(name)?.f64()?.iter());
    column("total_steps")?
        .zip(column("flops")?)
        .zip(column("wall_seconds")?)
        .zip(column("validation_loss")?)
        .map(|(((steps, flops), wall_seconds), loss)| {
            Some(Evaluation { steps: steps?, flops: flops?, wall_seconds: wall_seconds?, loss: loss? })
        })
        .collect::<Option<Vec<_>>>()
        .context("an evaluation without a loss or a cost")
}
