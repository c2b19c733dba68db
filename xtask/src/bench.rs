//! `cargo xtask bench step`: tokens/s, GFLOP/s and peak memory of one training step, beside a peer's or an operator's.

use crate::experiment::command_line;
use crate::flags::{BenchStep, Families, Sizes};
use crate::output::{note, say};
use crate::{units, workspace};
use anyhow::{Context, Result};
use ligo_bench::{Case, Contender, Job, Measured, Plan, Python, Work, compare, load, serve as serve_jobs};
use ligo_experiment::Provenance;
use ligo_kernels::Cpu;
use ligo_models::Family;
use serde_json::json;
use std::process::{Command, ExitCode};

/// The project's bar: a step takes at most so many times the peer's, and an operator's step so many times a plain one.
const BAR: f64 = 1.15;
/// For steps as small as the quickstart's, where the overhead of each operation is what counts.
const SMALL_BAR: f64 = 0.5;

/// Load above which figures are doubtful.
const BUSY: f64 = 0.5;

/// A case and what is asked of it.
struct Entry {
    case: Case,
    bar: f64,
}

/// Measures what the flags ask for, case by case.
pub(crate) fn run(flags: &BenchStep) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = flags.threads.map_or(cores, usize::from);
    let python = match flags.peer {
        Some(_) => Some(Python::find(flags.python.as_deref())?),
        None => None,
    };
    let machine = Provenance::here(&workspace::root(), threads, &command_line());
    if !flags.json {
        say(format!("one training step in f32, medians; processes take turns\n{}\n", describe(&machine)))?;
    }
    if let Some(load) = load().filter(|&load| load > BUSY) {
        note(format!(
            "other programs are computing (load {load:.1}): the figures will be worse and less certain than they are"
        ));
    }
    for entry in entries(flags) {
        let measured = measure(flags, &entry.case, threads, python.as_ref())?;
        let works = works(flags, python.is_some());
        let flops = works.iter().map(|&work| entry.case.flops(work)).collect::<Result<Vec<_>>>()?;
        if flags.json {
            for ((measured, flops), work) in measured.iter().zip(&flops).zip(&works) {
                say(json_line(&entry.case, *work, measured, *flops, &machine).to_string())?;
            }
        } else {
            say(table(&entry, &works, &measured, &flops))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask bench worker`: one of the processes.
pub(crate) fn serve() -> Result<ExitCode> {
    serve_jobs(&Cpu::default(), std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// `AMD EPYC, linux x86_64, 2 threads, rustc 1.95.0 (…), commit 0123abcd (changed), 2026-11-24T12:00:00Z`.
fn describe(machine: &Provenance) -> String {
    let mut parts = vec![machine.machine.clone(), machine.system.clone(), format!("{} threads", machine.threads)];
    parts.extend(machine.rustc.clone());
    if let Some(commit) = &machine.commit {
        let changed = if machine.dirty { " (changed)" } else { "" };
        parts.push(format!("commit {}{changed}", commit.get(..8).unwrap_or(commit)));
    }
    parts.push(machine.date.clone());
    parts.join(", ")
}

fn entries(flags: &BenchStep) -> Vec<Entry> {
    let families: &[Family] = match flags.family {
        Families::Gpt2 => &[Family::Gpt2],
        Families::Bert => &[Family::Bert],
        Families::All => &[Family::Gpt2, Family::Bert],
    };
    let (standard, quickstart) = match flags.size {
        Sizes::Standard => (true, false),
        Sizes::Quickstart => (false, true),
        Sizes::All => (true, true),
    };
    let mut entries = Vec::new();
    for &family in families {
        if standard {
            entries.push(Entry { case: Case::standard(family), bar: BAR });
        }
        if quickstart {
            entries.push(Entry { case: Case::quickstart(family), bar: if flags.operator { BAR } else { SMALL_BAR } });
        }
    }
    if flags.operator {
        entries = entries.into_iter().map(|entry| Entry { case: entry.case.grown(), ..entry }).collect();
    }
    entries
}

/// What each contender does, in the order in which they are started.
fn works(flags: &BenchStep, has_peer: bool) -> Vec<Work> {
    match (flags.operator, has_peer) {
        (true, _) => vec![Work::Operator, Work::Plain],
        (false, true) => vec![Work::Plain, Work::Plain],
        (false, false) => vec![Work::Plain],
    }
}

fn measure(flags: &BenchStep, case: &Case, threads: usize, python: Option<&Python>) -> Result<Vec<Measured>> {
    let directory = tempfile::tempdir().context("a directory for the weights cannot be made")?;
    let weights = python.map(|_| directory.path().join("weights.safetensors"));
    let us = || -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("this program's own path is unknown")?);
        command.args(["bench", "worker"]);
        Ok(command)
    };
    let mut contenders = Vec::new();
    for (i, work) in works(flags, python.is_some()).into_iter().enumerate() {
        let command = match python {
            Some(python) if i > 0 => python.command(threads),
            _ => us()?,
        };
        // The peer is started second, when the weights are written.
        contenders.push(Contender::start(command, &Job::new(case.clone(), work, threads, weights.clone()))?);
    }
    let rounds = usize::from(flags.rounds);
    let plan = Plan { rounds, same_start: python.is_some() };
    compare(case, &mut contenders, plan, |round| {
        if !flags.json {
            note(format!("{case}: round {round} of {rounds}"));
        }
    })
}

fn name(work: Work, measured: &Measured) -> String {
    match work {
        Work::Plain => measured.engine.clone(),
        Work::Operator => format!("{}, operator", measured.engine),
    }
}

fn table(entry: &Entry, works: &[Work], measured: &[Measured], flops: &[f64]) -> String {
    let case = &entry.case;
    let mut lines = vec![
        case.to_string(),
        format!(
            "  {:<24} {:>9} {:>17} {:>10} {:>9} {:>10} {:>12} {:>9}",
            "", "ms/step", "turns", "tokens/s", "GFLOP/s", "peak", "of it before", "loss"
        ),
    ];
    for ((measured, flops), work) in measured.iter().zip(flops).zip(works) {
        let (fast, slow) = measured.turns;
        lines.push(format!(
            "  {:<24} {:>9.1} {:>17} {:>10.0} {:>9.1} {:>10} {:>12} {:>9.4}",
            name(*work, measured),
            1e3 * measured.seconds,
            format!("{:.1} to {:.1}", 1e3 * fast, 1e3 * slow),
            case.tokens() as f64 / measured.seconds,
            flops / measured.seconds / 1e9,
            units::bytes(measured.peak_bytes),
            units::bytes(measured.before_bytes),
            measured.first_loss,
        ));
    }
    let disturbed: usize = measured.iter().map(|measured| measured.disturbed).sum();
    if disturbed > 0 {
        lines.push(format!(
            "  doubtful: other programs were computing during {disturbed} turns, and those suffer unequally"
        ));
    }
    if let [ours, other] = measured {
        let ratio = ours.seconds / other.seconds;
        let met = if ratio <= entry.bar { "met" } else { "missed" };
        let memory = match ours.peak_bytes.zip(other.peak_bytes) {
            Some((ours, other)) => format!(", memory {:.2}", ours as f64 / other as f64),
            None => String::new(),
        };
        lines.push(format!("  ratio: time {ratio:.2} (at most {:.2}: {met}){memory}", entry.bar));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn json_line(case: &Case, work: Work, measured: &Measured, flops: f64, machine: &Provenance) -> serde_json::Value {
    json!({
        "case": case.to_string(),
        "work": work,
        "tokens_per_second": case.tokens() as f64 / measured.seconds,
        "gflops_per_second": flops / measured.seconds / 1e9,
        "flops": flops,
        "measured": measured,
        "provenance": machine,
    })
}
