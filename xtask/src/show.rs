//! `cargo xtask show`: what an experiment is and what it will cost, before anything runs.

use crate::experiment::Named;
use crate::flags::Show;
use crate::output::say;
use crate::units::{bytes, duration, scaled};
use crate::watch::log_to_stderr;
use crate::workspace;
use anyhow::Result;
use indicatif::MultiProgress;
use ligo_experiment::{Plan, PlannedRun, PlannedStage, PlannedTask, TimeSource, plan};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints the resolved file and the plan.
pub(crate) fn run(flags: &Show) -> Result<ExitCode> {
    log_to_stderr("warn", &MultiProgress::new());
    let named = Named::load(&flags.which)?;
    let plan = plan(&named.experiment, &named.registry, &named.device, (&workspace::root(), &named.results))?;
    say(if flags.json { json_of(&plan).to_string() } else { text(&plan) })?;
    Ok(ExitCode::SUCCESS)
}

fn text(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.toml.trim_end());
    let mut line = |name: &str, value: String| text.push_str(&format!("\n{name:<14}{value}"));
    let checkpoint = plan.checkpoint.as_ref().map(|found| format!(", read from {}", found.directory.display()));
    line("small model", format!("{} weights{}", scaled(plan.small_parameters as f64), checkpoint.unwrap_or_default()));
    line("large model", format!("{} weights", scaled(plan.large_parameters as f64)));
    if let Some(run) = plan.largest_run() {
        let memory = run.memory;
        line(
            "memory",
            format!(
                "{} in the largest step ({}): weights {}, gradients {}, moments {}, activations {}",
                bytes(Some(memory.total())),
                run.label,
                bytes(Some(memory.weights)),
                bytes(Some(memory.gradients)),
                bytes(Some(memory.moments)),
                bytes(Some(memory.activations)),
            ),
        );
    }
    if let Some(images) = plan.images {
        let encoded = images.encoded.map_or("unknown, their files are not there".into(), |size| bytes(Some(size)));
        line("images", format!("kept in memory: encoded {encoded}, validation {}", bytes(Some(images.validation))));
    }
    let share = plan.evaluation_share;
    let long = if share > 1.0 { ", which takes less: raise evaluation.every" } else { "" };
    line("evaluation", format!("{:.0} % of the FLOPs of training up to the next one{long}", 100.0 * share));
    let (speed, source) = match plan.time_source {
        TimeSource::EarlierRuns { runs, flops_per_second } => {
            (flops_per_second, format!("as in {runs} earlier runs of this experiment"))
        }
        TimeSource::TimedStep { flops_per_second } => (flops_per_second, "as in a step timed just now".into()),
    };
    line("time", format!("about {} at {}FLOP/s, {source}", span(plan.seconds), scaled(speed)));
    let mut runs = if plan.seeds == 1 { "1 seed".into() } else { format!("{} seeds", plan.seeds) };
    if plan.points > 1 {
        runs.push_str(&format!(", the first of them with each of {} points of the grid", plan.points));
    }
    line("runs", runs);
    if let Some(paper) = plan.paper {
        // All digits, as the paper's script prints them.
        let (small, large, operator) = (paper.small, paper.large, paper.operator);
        line(
            "paper's count",
            format!(
                "a step of the small model {small:.5e}, of the large one {large:.5e}, of LiGO's operator {operator:.5e}"
            ),
        );
    }
    text.push_str("\n\n");
    text.push_str(&table(plan));
    if !plan.tasks.is_empty() {
        text.push('\n');
        text.push_str(&tasks(plan));
    }
    text.truncate(text.trim_end().len());
    text
}

/// A line for each stage of each run, once; beside its first how often it is run, and what all of that takes.
fn table(plan: &Plan) -> String {
    let longest = plan.runs().map(|run| run.label.chars().count()).max().unwrap_or(0).max(22) + 2;
    let counts = plan.paper.is_some();
    let script = |flops: String| if counts { format!("{flops:>14}") } else { String::new() };
    let mut text = format!(
        "{:<longest$}{:<20}{:>8}{:>12}{}{:>8}{:>12}{:>14}\n",
        "run",
        "stage",
        "steps",
        "FLOPs",
        script("paper's count".into()),
        "runs",
        "memory",
        "time of all"
    );
    for run in plan.runs() {
        for (i, stage) in run.stages.iter().enumerate() {
            let label = if i == 0 { run.label.as_str() } else { "" };
            let paper = script(stage.paper_flops.map_or("-".into(), scaled));
            let flops = scaled(stage.flops);
            text.push_str(&format!("{label:<longest$}{:<20}{:>8}{flops:>12}{paper}", stage.name, stage.steps));
            if i == 0 {
                let (memory, time) = (bytes(Some(run.memory.total())), span(seconds(plan, run)));
                text.push_str(&format!("{:>8}{memory:>12}{time:>14}", run.times));
            }
            text.push('\n');
        }
    }
    text
}

/// A line for each task that finished models are tuned on.
fn tasks(plan: &Plan) -> String {
    let longest = plan.tasks.iter().map(|task| task.label.chars().count()).max().unwrap_or(0).max(22) + 2;
    let (tuned, examples, once) = ("models tuned", "examples", "FLOPs of one");
    let mut text =
        format!("{:<longest$}{tuned:>14}{examples:>12}{once:>14}{:>14}\n", "task, at full length", "time of all");
    for task in &plan.tasks {
        let (label, models) = (&task.label, task.times + task.small_times);
        text.push_str(&match task.examples {
            Some(examples) => {
                let (flops, time) = (scaled(task.flops), span(task_seconds(plan, task)));
                format!("{label:<longest$}{models:>14}{examples:>12}{flops:>14}{time:>14}\n")
            }
            None => format!("{label:<longest$}{models:>14}   its files are not there: not in the time\n"),
        });
    }
    text
}

fn task_seconds(plan: &Plan, task: &PlannedTask) -> f64 {
    task.all_flops() / plan.time_source.flops_per_second()
}

/// Of a run, as often as it is run.
fn seconds(plan: &Plan, run: &PlannedRun) -> f64 {
    run.all_flops() / plan.time_source.flops_per_second()
}

/// A time, in days where it has many.
fn span(seconds: f64) -> String {
    const DAY: f64 = 86_400.0;
    if seconds.is_finite() && seconds >= 3.0 * DAY { format!("{:.0} days", seconds / DAY) } else { duration(seconds) }
}

fn json_of(plan: &Plan) -> Value {
    let run = |run: &PlannedRun| {
        let stages: Vec<Value> = run
            .stages
            .iter()
            .map(|stage| {
                let PlannedStage { name, steps, flops, paper_flops } = stage;
                json!({ "name": name, "steps": steps, "flops": flops, "paper_flops": paper_flops })
            })
            .collect();
        json!({
            "label": run.label, "times": run.times, "stages": stages, "flops": run.flops(),
            "paper_flops": run.paper_flops(), "evaluation_flops": run.evaluation_flops,
            "memory_bytes": memory_of(run), "seconds": seconds(plan, run),
        })
    };
    let speed = plan.time_source.flops_per_second();
    let source = match plan.time_source {
        TimeSource::EarlierRuns { .. } => "earlier runs",
        TimeSource::TimedStep { .. } => "a timed step",
    };
    json!({
        "toml": plan.toml,
        "small_parameters": plan.small_parameters,
        "checkpoint": plan.checkpoint.as_ref().map(|found| json!({
            "name": found.name, "directory": found.directory, "blake3": found.content,
        })),
        "large_parameters": plan.large_parameters,
        "seeds": plan.seeds,
        "points": plan.points,
        "paper_step_flops": plan.paper.map(|steps| json!({
            "small": steps.small, "large": steps.large, "operator": steps.operator,
        })),
        "small": plan.small.as_ref().map(run),
        "methods": plan.methods.iter().map(run).collect::<Vec<_>>(),
        "beside": plan.beside.iter().map(run).collect::<Vec<_>>(),
        "tasks": plan.tasks.iter().map(|task| json!({
            "label": task.label, "times": task.times, "small_times": task.small_times, "examples": task.examples,
            "flops": task.flops, "small_flops": task.small_flops, "seconds": task_seconds(plan, task),
        })).collect::<Vec<_>>(),
        "memory_bytes": plan.largest_run().map(memory_of),
        "image_bytes": plan.images.map(|images| json!({ "encoded": images.encoded, "validation": images.validation })),
        "evaluation_share": plan.evaluation_share,
        "seconds": plan.seconds,
        "flops_per_second": speed,
        "time_source": source,
    })
}

fn memory_of(run: &PlannedRun) -> Value {
    let memory = run.memory;
    json!({
        "total": memory.total(), "weights": memory.weights, "gradients": memory.gradients,
        "moments": memory.moments, "activations": memory.activations,
    })
}
