//! `summary.json`: the table's figures for a program. `metrics` and `target` are functions of the experiment file alone;
//! whatever depends on the clock is under `timing`, and what on the machine under `provenance`.

use super::figures::{Figures, Row, Spread};
use super::savings::Savings;
use crate::record::{DownstreamRecord, OperatorLoss, Results};
use crate::run::jobs::SMALL;
use crate::schema::ROW_KEYS;
use serde_json::{Map, Value, json};

/// The summary as a JSON text.
pub(super) fn summary(results: &Results, figures: &Figures) -> anyhow::Result<String> {
    let experiment = &results.experiment;
    let by_label = |of: &dyn Fn(&Row) -> Value| -> Value {
        figures.rows.iter().map(|row| (row.label.clone(), of(row))).collect::<Map<_, _>>().into()
    };
    let document = json!({
        "experiment": experiment.name,
        "title": experiment.title,
        "seeds": experiment.seeds,
        "data": results.data,
        "target": {
            "reference": figures.reference,
            "smoothing": experiment.report.smoothing,
            figures.measure.column(): spread(&figures.target),
        },
        "small": figures.small.as_ref().map(|ended| small(results, figures, ended)),
        "metrics": by_label(&|row| metrics(results, figures, row)),
        "search": results.searches,
        "equal_compute": results.equal_compute,
        "downstream": by_label(&|row| downstream(results, &row.label)),
        "timing": by_label(&|row| timing(figures, row)),
        "provenance": results.provenance,
    });
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

/// Mean, standard deviation, and the value of each seed; null where the target was not reached.
fn spread(spread: &Spread) -> Value {
    json!({ "mean": spread.mean, "sd": spread.sd, "per_seed": spread.values })
}

fn small(results: &Results, figures: &Figures, ended: &Spread) -> Value {
    let first = results.small.first();
    json!({
        "parameters": first.map(|run| run.parameters),
        format!("final_{}", figures.measure.column()): spread(ended),
        "flops": first.map(|run| run.total.flops),
        "downstream": downstream(results, SMALL),
    })
}

fn metrics(results: &Results, figures: &Figures, row: &Row) -> Value {
    let operator: Vec<OperatorLoss> =
        results.methods.iter().filter(|run| run.label == row.label).filter_map(|run| run.operator).collect();
    json!({
        "method": row.method,
        "seeds": row.seeds,
        "parameters": row.parameters,
        "final_validation_loss": spread(&row.loss),
        "final_validation_accuracy": figures.have_accuracy().then(|| spread(&row.accuracy)),
        "perplexity": spread(&row.perplexity),
        "steps": spread(&row.steps),
        "tokens": spread(&row.tokens),
        "flops": spread(&row.flops),
        "reached_target": row.savings.reached(),
        "steps_to_target": spread(&row.savings.steps_to),
        "flops_to_target": spread(&row.savings.flops_to),
        "flops_saved": spread(&row.savings.flops),
        "flops_saved_small_model_charged": spread(&row.savings.flops_charged),
        "thresholds": thresholds(figures, row, &|savings| json!({
            "flops_to": spread(&savings.flops_to),
            "flops_saved": spread(&savings.flops),
            "flops_saved_small_model_charged": spread(&savings.flops_charged),
        })),
        "operator_loss": operator,
        "strategies": strategies(results, row),
    })
}

/// The keys of the row that any method can have, as the experiment file has them; those that it leaves out are left out.
fn strategies(results: &Results, row: &Row) -> Value {
    let config = results.experiment.methods.iter().find(|config| config.label == row.label);
    let mut strategies = Map::new();
    // A row is a table of TOML: it cannot fail to be one of JSON.
    if let Some(Ok(Value::Object(config))) = config.map(serde_json::to_value) {
        strategies.extend(config.into_iter().filter(|(key, _)| ROW_KEYS.contains(&key.as_str())));
    }
    strategies.into()
}

/// Of each threshold what `of` says of the row's savings to it.
fn thresholds(figures: &Figures, row: &Row, of: &dyn Fn(&Savings) -> Value) -> Value {
    let each = figures.thresholds.iter().zip(&row.thresholds);
    each.map(|(threshold, savings)| json!({ "target": threshold, "savings": of(savings) })).collect()
}

/// A row's scores on other tasks, or the small model's; their costs but for the time, which is no function of the experiment file.
fn downstream(results: &Results, label: &str) -> Value {
    let records = results.downstream.iter().filter(|record| record.label == label);
    let score = |record: &DownstreamRecord| {
        let scores: Map<String, Value> =
            record.scores.iter().map(|(name, score)| (name.clone(), json!(score))).collect();
        json!({
            "task": record.task,
            "way": record.way,
            "seed": record.seed,
            "tuning_seed": record.tuning_seed,
            "examples": record.examples,
            "scores": scores,
            "flops": record.cost.flops,
        })
    };
    records.map(score).collect()
}

fn timing(figures: &Figures, row: &Row) -> Value {
    json!({
        "wall_seconds": spread(&row.wall_seconds),
        "wall_seconds_to_target": spread(&row.savings.wall_to),
        "wall_time_saved": spread(&row.savings.wall),
        "wall_time_saved_small_model_charged": spread(&row.savings.wall_charged),
        "thresholds": thresholds(figures, row, &|savings| json!({
            "wall_time_saved": spread(&savings.wall),
            "wall_time_saved_small_model_charged": spread(&savings.wall_charged),
        })),
    })
}
