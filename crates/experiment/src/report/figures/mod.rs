//! What the table says of each row, worked out from `metrics.parquet` by polars: final losses, costs, savings, mean and
//! standard deviation over seeds.
//!
//! When a curve reaches the target and what that saves is [`ligo_eval`]'s to say; nothing here formats.

use super::paper::{self, Published};
use super::savings::{Saved, saved, target};
use super::{curve, number};
use crate::record::{Results, RunRecord};
use anyhow::{Context, Result};
use ligo_train::Cost;
use polars::prelude::{Column, DataFrame, Expr, IntoLazy, col, lit};

/// Everything that the table, the figures and the summary show.
#[derive(Debug)]
pub(super) struct Figures {
    /// In the order of the experiment file.
    pub(super) rows: Vec<Row>,
    /// The label of the row whose final validation loss is the target.
    pub(super) reference: String,
    /// The target, by seed.
    pub(super) target: Spread,
    /// The small model's final validation loss, by seed; none where no method needs one.
    pub(super) small: Option<Spread>,
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
    pub(super) steps: Spread,
    pub(super) tokens: Spread,
    pub(super) flops: Spread,
    pub(super) wall_seconds: Spread,
    pub(super) steps_to_target: Spread,
    pub(super) flops_to_target: Spread,
    pub(super) wall_to_target: Spread,
    pub(super) flops_saved: Spread,
    pub(super) wall_saved: Spread,
    pub(super) flops_saved_charged: Spread,
    pub(super) wall_saved_charged: Spread,
    /// What the paper reports for the method.
    pub(super) paper: Option<Published>,
}

/// What a row is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its final loss is the target.
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
    /// Seeds that have a figure.
    pub(super) fn reached(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// `mean ± sd`, or a dash.
    pub(super) fn show(&self, show: impl Fn(f64) -> String) -> String {
        self.mean.map_or_else(|| number::NONE.into(), |mean| number::spread(mean, self.sd, show))
    }
}

/// The built-in method that grows nothing.
const SCRATCH: &str = "scratch";
/// The small model's name among the methods.
const SMALL: &str = "small";

/// Columns of a run that are averaged over its seeds.
const FIGURES: [&str; 13] = [
    "validation_loss",
    "perplexity",
    "total_steps",
    "tokens",
    "flops",
    "wall_seconds",
    "steps_to_target",
    "flops_to_target",
    "wall_to_target",
    "flops_saved",
    "wall_saved",
    "flops_saved_charged",
    "wall_saved_charged",
];

impl Figures {
    /// Works everything out from the metrics, as they were read back.
    pub(super) fn new(results: &Results, metrics: &DataFrame) -> Result<Self> {
        let methods = with_savings(results, metrics, last_of_each_run(metrics, false)?)?;
        let by_label = over_seeds(methods, &FIGURES)?;
        let small = over_seeds(last_of_each_run(metrics, true)?, &["validation_loss"])?;
        let reference = results.experiment.report.reference.clone();
        let rows = rows(results, &by_label)?;
        let target = targets(results, metrics)?;
        let small = if small.height() > 0 { Some(spread(&small, "validation_loss", 0)?) } else { None };
        Ok(Self { rows, reference, target, small })
    }
}

/// The last evaluation of each run, in order: of the small models, or of the methods.
fn last_of_each_run(metrics: &DataFrame, small: bool) -> Result<DataFrame> {
    let is_small = col("method").eq(lit(SMALL));
    let last = ["validation_loss", "perplexity", "total_steps", "tokens", "flops", "wall_seconds"];
    Ok(metrics
        .clone()
        .lazy()
        .filter(if small { is_small } else { is_small.not() })
        .group_by_stable([col("label"), col("seed")])
        .agg(last.map(|name| col(name).last()))
        .collect()?)
}

/// Adds what [`ligo_eval`] says of each run. `runs`: a row per run, in the order of `results.methods`.
fn with_savings(results: &Results, metrics: &DataFrame, runs: DataFrame) -> Result<DataFrame> {
    let (labels, seeds) = (runs.column("label")?.str()?, runs.column("seed")?.u64()?);
    let smoothing = results.experiment.report.smoothing;
    let mut found: Vec<Option<Saved>> = Vec::with_capacity(runs.height());
    for (label, seed) in labels.iter().zip(seeds.iter()) {
        let (label, seed) = label.zip(seed).context("a run without a label or a seed")?;
        let reference = curve::of_run(metrics, &results.experiment.report.reference, seed)?;
        let run = curve::of_run(metrics, label, seed)?;
        found.push(saved(&run, small_cost(results, label, seed), &reference, smoothing));
    }
    let column = |name: &str, get: fn(&Saved) -> Option<f64>| {
        Column::new(name.into(), found.iter().map(|saved| saved.as_ref().and_then(get)).collect::<Vec<_>>())
    };
    let columns = [
        column("steps_to_target", |saved| Some(saved.steps)),
        column("flops_to_target", |saved| Some(saved.flops)),
        column("wall_to_target", |saved| Some(saved.wall_seconds)),
        column("flops_saved", |saved| Some(saved.given.flops)),
        column("wall_saved", |saved| Some(saved.given.wall_time)),
        column("flops_saved_charged", |saved| saved.charged.map(|shares| shares.flops)),
        column("wall_saved_charged", |saved| saved.charged.map(|shares| shares.wall_time)),
    ];
    Ok(runs.hstack(&columns)?)
}

/// The target that each run of the reference sets.
fn targets(results: &Results, metrics: &DataFrame) -> Result<Spread> {
    let report = &results.experiment.report;
    let mut found = Vec::new();
    for run in results.methods.iter().filter(|run| run.label == report.reference) {
        found.push(target(&curve::of_run(metrics, &run.label, run.seed)?, report.smoothing));
    }
    let labels = Column::new("label".into(), vec![report.reference.as_str(); found.len()]);
    let runs = DataFrame::new_infer_height(vec![labels, Column::new("target".into(), found)])?;
    let by_label = over_seeds(runs, &["target"])?;
    if by_label.height() > 0 { spread(&by_label, "target", 0) } else { Ok(Spread::default()) }
}

/// Of each label, of each figure: all values as a list, mean, standard deviation.
fn over_seeds(runs: DataFrame, figures: &[&str]) -> Result<DataFrame> {
    let aggregates: Vec<Expr> = figures
        .iter()
        .flat_map(|&name| {
            let figure = || col(name).cast(polars::prelude::DataType::Float64);
            [figure(), figure().mean().alias(mean_of(name)), figure().std(1).alias(sd_of(name))]
        })
        .collect();
    Ok(runs.lazy().group_by_stable([col("label")]).agg(aggregates).collect()?)
}

fn mean_of(name: &str) -> String {
    format!("{name}_mean")
}

fn sd_of(name: &str) -> String {
    format!("{name}_sd")
}

fn spread(by_label: &DataFrame, name: &str, row: usize) -> Result<Spread> {
    let values = by_label.column(name)?.list()?.get_as_series(row).context("no values of a label")?;
    let values: Vec<Option<f64>> = values.f64()?.iter().collect();
    // A mean over the seeds that reached the target alone would flatter the row.
    let whole = |name: String| -> Result<Option<f64>> {
        let figure = by_label.column(&name)?.f64()?.get(row);
        Ok(figure.filter(|_| values.iter().all(Option::is_some)))
    };
    Ok(Spread { mean: whole(mean_of(name))?, sd: whole(sd_of(name))?, values })
}

fn rows(results: &Results, by_label: &DataFrame) -> Result<Vec<Row>> {
    let experiment = &results.experiment;
    let mut baselines = 0;
    let mut rows = Vec::new();
    for (index, label) in by_label.column("label")?.str()?.iter().enumerate() {
        let label = label.context("a run without a label")?;
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
        let of = |name: &str| spread(by_label, name, index);
        let seed_of_reference =
            |seed: u64| results.methods.iter().any(|run| run.label == experiment.report.reference && run.seed == seed);
        rows.push(Row {
            label: label.into(),
            title: title(results, label, &first.method),
            role,
            method: first.method.clone(),
            summary: first.summary.clone(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            parameters: first.parameters,
            comparable: runs.iter().filter(|run| seed_of_reference(run.seed)).count(),
            loss: of("validation_loss")?,
            perplexity: of("perplexity")?,
            steps: of("total_steps")?,
            tokens: of("tokens")?,
            flops: of("flops")?,
            wall_seconds: of("wall_seconds")?,
            steps_to_target: of("steps_to_target")?,
            flops_to_target: of("flops_to_target")?,
            wall_to_target: of("wall_to_target")?,
            flops_saved: of("flops_saved")?,
            wall_saved: of("wall_saved")?,
            flops_saved_charged: of("flops_saved_charged")?,
            wall_saved_charged: of("wall_saved_charged")?,
            paper: paper::published(&first.method, experiment.large.family),
        });
    }
    Ok(rows)
}

/// The label; with the learning rate where it differs from `[training]`'s, and beside such a row of the same method.
fn title(results: &Results, label: &str, method: &str) -> String {
    let experiment = &results.experiment;
    let usual = experiment.training.learning_rate;
    let of_method = || experiment.methods.iter().filter(|row| row.method == method);
    let differs = of_method().any(|row| row.training.learning_rate != usual);
    match of_method().find(|row| row.label == label) {
        Some(row) if differs => format!("{label} (rate {})", number::rate(row.training.learning_rate)),
        _ => label.into(),
    }
}

/// What the small model of a run cost: nothing where it started from none; none where it is not known.
fn small_cost(results: &Results, label: &str, seed: u64) -> Option<Cost> {
    let run = results.methods.iter().find(|run| run.label == label && run.seed == seed)?;
    if run.checkpoint.is_some() { None } else { Some(run.small.unwrap_or_default()) }
}
