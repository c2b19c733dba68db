//! `summary.json`: the table's figures for a program. `metrics` and `target` are functions of the experiment file alone;
//! whatever depends on the clock is under `timing`, and what on the machine under `provenance`.

use super::figures::{Figures, Row, Spread};
use crate::record::{OperatorLoss, Results};
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
            "validation_loss": spread(&figures.target),
        },
        "small": figures.small.as_ref().map(|loss| small(results, loss)),
        "metrics": by_label(&|row| metrics(results, row)),
        "timing": by_label(&timing),
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

fn small(results: &Results, loss: &Spread) -> Value {
    let first = results.small.first();
    json!({
        "parameters": first.map(|run| run.parameters),
        "final_validation_loss": spread(loss),
        "flops": first.map(|run| run.total.flops),
    })
}

fn metrics(results: &Results, row: &Row) -> Value {
    let operator: Vec<OperatorLoss> =
        results.methods.iter().filter(|run| run.label == row.label).filter_map(|run| run.operator).collect();
    json!({
        "method": row.method,
        "seeds": row.seeds,
        "parameters": row.parameters,
        "final_validation_loss": spread(&row.loss),
        "perplexity": spread(&row.perplexity),
        "steps": spread(&row.steps),
        "tokens": spread(&row.tokens),
        "flops": spread(&row.flops),
        "reached_target": row.steps_to_target.reached(),
        "steps_to_target": spread(&row.steps_to_target),
        "flops_to_target": spread(&row.flops_to_target),
        "flops_saved": spread(&row.flops_saved),
        "flops_saved_small_model_charged": spread(&row.flops_saved_charged),
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

fn timing(row: &Row) -> Value {
    json!({
        "wall_seconds": spread(&row.wall_seconds),
        "wall_seconds_to_target": spread(&row.wall_to_target),
        "wall_time_saved": spread(&row.wall_saved),
        "wall_time_saved_small_model_charged": spread(&row.wall_saved_charged),
    })
}
