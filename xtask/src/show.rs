//! `cargo xtask show`: what an experiment is and what it will cost, before anything runs.

use crate::experiment::Named;
use crate::flags::Show;
use crate::output::say;
use crate::units::{bytes, duration, scaled};
use crate::watch::log_to_stderr;
use anyhow::Result;
use indicatif::MultiProgress;
use ligo_experiment::{Plan, PlannedRun, TimeSource, plan};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints the resolved file and the plan.
pub(crate) fn run(flags: &Show) -> Result<ExitCode> {
    log_to_stderr("warn", &MultiProgress::new());
    let named = Named::load(&flags.which)?;
    let plan = plan(&named.experiment, &named.registry, &named.device, &named.results)?;
    say(if flags.json { json_of(&plan).to_string() } else { text(&plan) })?;
    Ok(ExitCode::SUCCESS)
}

fn text(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.toml.trim_end());
    let mut line = |name: &str, value: String| text.push_str(&format!("\n{name:<14}{value}"));
    let checkpoint = plan.checkpoint.as_ref().map(|found| format!(", read from {}", found.directory.display()));
    line("small model", format!("{} weights{}", scaled(plan.small_parameters as f64), checkpoint.unwrap_or_default()));
    line("large model", format!("{} weights", scaled(plan.large_parameters as f64)));
    let memory = plan.memory;
    line(
        "memory",
        format!(
            "{} in the largest step: weights {}, gradients {}, moments {}, activations {}",
            bytes(Some(memory.total())),
            bytes(Some(memory.weights)),
            bytes(Some(memory.gradients)),
            bytes(Some(memory.moments)),
            bytes(Some(memory.activations)),
        ),
    );
    let (speed, source) = match plan.time_source {
        TimeSource::EarlierRuns { runs, flops_per_second } => {
            (flops_per_second, format!("as in {runs} earlier runs of this experiment"))
        }
        TimeSource::TimedStep { flops_per_second } => (flops_per_second, "as in a step timed just now".into()),
    };
    line("time", format!("about {} at {}FLOP/s, {source}", duration(plan.seconds), scaled(speed)));
    let seeds = if plan.seeds == 1 { "1 seed".into() } else { format!("each of {} seeds", plan.seeds) };
    text.push_str(&format!("\n\nfor {seeds}\n"));
    text.push_str(&format!("{:<24}{:<20}{:>8}{:>12}\n", "run", "stage", "steps", "FLOPs"));
    for run in plan.small.iter().chain(&plan.methods) {
        for (i, stage) in run.stages.iter().enumerate() {
            let label = if i == 0 { run.label.as_str() } else { "" };
            text.push_str(&format!("{label:<24}{:<20}{:>8}{:>12}\n", stage.name, stage.steps, scaled(stage.flops)));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn json_of(plan: &Plan) -> Value {
    let run = |run: &PlannedRun| {
        let stages: Vec<Value> = run
            .stages
            .iter()
            .map(|stage| json!({ "name": stage.name, "steps": stage.steps, "flops": stage.flops }))
            .collect();
        json!({ "label": run.label, "stages": stages, "flops": run.flops(), "evaluation_flops": run.evaluation_flops })
    };
    let memory = plan.memory;
    let (speed, source) = match plan.time_source {
        TimeSource::EarlierRuns { flops_per_second, .. } => (flops_per_second, "earlier runs"),
        TimeSource::TimedStep { flops_per_second } => (flops_per_second, "a timed step"),
    };
    json!({
        "toml": plan.toml,
        "small_parameters": plan.small_parameters,
        "checkpoint": plan.checkpoint.as_ref().map(|found| json!({
            "name": found.name, "directory": found.directory, "blake3": found.content,
        })),
        "large_parameters": plan.large_parameters,
        "seeds": plan.seeds,
        "small": plan.small.as_ref().map(run),
        "methods": plan.methods.iter().map(run).collect::<Vec<_>>(),
        "memory_bytes": {
            "total": memory.total(), "weights": memory.weights, "gradients": memory.gradients,
            "moments": memory.moments, "activations": memory.activations,
        },
        "seconds": plan.seconds,
        "flops_per_second": speed,
        "time_source": source,
    })
}
