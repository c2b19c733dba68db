//! The rows of the table: what each run ended with, then, against the reference, what it saved.

use super::{Role, Row, Spread};
use crate::record::{Results, RunRecord};
use crate::report::curve::Curves;
use crate::report::number;
use crate::report::savings::{Reading, Savings, saved, target};
use anyhow::{Context, Result};
use ligo_train::Cost;
use polars::prelude::{DataFrame, DataType, IntoLazy, col, lit};

/// The built-in method that grows nothing.
const SCRATCH: &str = "scratch";
/// The small model's name among the methods.
const SMALL: &str = "small";
/// What a run ended with.
const FINAL: [&str; 7] =
    ["validation_loss", "validation_accuracy", "perplexity", "total_steps", "tokens", "flops", "wall_seconds"];

/// What the runs of a label ended with: of each of [`FINAL`] a value per seed.
#[derive(Debug)]
pub(super) struct Ended {
    label: String,
    values: [Vec<Option<f64>>; FINAL.len()],
}

impl Ended {
    /// The values of a column; none if there is no such column.
    pub(super) fn of(&self, name: &str) -> &[Option<f64>] {
        FINAL.iter().position(|known| *known == name).map_or(&[], |index| &self.values[index])
    }

    fn spread(&self, name: &str) -> Spread {
        Spread::of(self.of(name).to_vec())
    }
}

/// The last evaluations, by label: of the small models, or of the methods.
pub(super) fn final_values(metrics: &DataFrame, small: bool) -> Result<Vec<Ended>> {
    let is_small = col("method").eq(lit(SMALL));
    let by_label = metrics
        .clone()
        .lazy()
        .filter(if small { is_small } else { is_small.not() })
        .group_by_stable([col("label"), col("seed")])
        .agg(FINAL.map(|name| col(name).cast(DataType::Float64).last()))
        .group_by_stable([col("label")])
        .agg(FINAL.map(col))
        .collect()?;
    let labels = by_label.column("label")?.str()?;
    let ended = |(index, label): (usize, Option<&str>)| -> Result<Ended> {
        let mut values = FINAL.map(|_| Vec::new());
        for (name, values) in FINAL.iter().zip(&mut values) {
            let series = by_label.column(name)?.list()?.get_as_series(index).context("no values of a label")?;
            *values = series.f64()?.iter().collect();
        }
        Ok(Ended { label: label.context("a run without a label")?.into(), values })
    };
    labels.iter().enumerate().map(ended).collect()
}

/// The rows, in the order of the labels.
pub(super) fn rows(results: &Results, curves: &Curves, reading: Reading, ended: Vec<Ended>) -> Result<Vec<Row>> {
    let experiment = &results.experiment;
    let mut baselines = 0;
    let mut rows = Vec::new();
    for ended in ended {
        let label = ended.label.as_str();
        let runs: Vec<&RunRecord> = results.methods.iter().filter(|run| run.label == label).collect();
        let Some(first) = runs.first() else { continue };
        let role = if label == experiment.report.reference {
            Role::Reference
        } else if first.method == SCRATCH {
            Role::Scratch
        } else if first.method.starts_with("ligo") {
            Role::Ligo
        } else {
            baselines += 1;
            Role::Baseline(baselines - 1)
        };
        let seed_of_reference =
            |seed: u64| results.methods.iter().any(|run| run.label == experiment.report.reference && run.seed == seed);
        let reference = Reference { curves, label: &experiment.report.reference, reading };
        let until = |aim: Option<f64>| savings(&runs, curves, reference, aim);
        rows.push(Row {
            label: label.into(),
            title: title(results, label, &first.method),
            role,
            method: first.method.clone(),
            summary: first.summary.clone(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            parameters: first.parameters,
            comparable: runs.iter().filter(|run| seed_of_reference(run.seed)).count(),
            loss: ended.spread("validation_loss"),
            perplexity: ended.spread("perplexity"),
            accuracy: ended.spread("validation_accuracy"),
            steps: ended.spread("total_steps"),
            tokens: ended.spread("tokens"),
            flops: ended.spread("flops"),
            wall_seconds: ended.spread("wall_seconds"),
            savings: until(None),
            thresholds: experiment.report.thresholds.iter().map(|&aim| until(Some(aim))).collect(),
        });
    }
    Ok(rows)
}

/// The runs that others are compared with.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Reference<'a> {
    pub(in crate::report) curves: &'a Curves,
    pub(in crate::report) label: &'a str,
    pub(in crate::report) reading: Reading,
}

/// What runs of a row saved against the reference's of the same seeds, until `aim`, or until where each of those ended.
pub(in crate::report) fn savings(
    runs: &[&RunRecord],
    curves: &Curves,
    reference: Reference<'_>,
    aim: Option<f64>,
) -> Savings {
    let reading = reference.reading;
    let of_run = |run: &&RunRecord| {
        let beside = reference.curves.of_run(reference.label, run.seed);
        let aim = aim.or_else(|| target(beside, reading))?;
        saved(curves.of_run(&run.label, run.seed), small_cost(run), beside, aim, reading)
    };
    Savings::of(&runs.iter().map(of_run).collect::<Vec<_>>())
}

/// The label; with the learning rate where it differs from `[training]`'s, and beside such a row of the same method. Where rates
/// were searched for, the search has a table of its own.
fn title(results: &Results, label: &str, method: &str) -> String {
    let experiment = &results.experiment;
    let usual = experiment.training.learning_rate;
    let of_method = || experiment.methods.iter().filter(|row| row.method == method);
    let differs = experiment.search.is_none() && of_method().any(|row| row.training.learning_rate != usual);
    match of_method().find(|row| row.label == label) {
        Some(row) if differs => format!("{label} (rate {})", number::rate(row.training.learning_rate)),
        _ => label.into(),
    }
}

/// What the small model of a run cost: nothing where it started from none; none where it is not known.
fn small_cost(run: &RunRecord) -> Option<Cost> {
    if run.checkpoint.is_some() { None } else { Some(run.small.unwrap_or_default()) }
}
