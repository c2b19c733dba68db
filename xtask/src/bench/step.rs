//! `cargo xtask bench step`: tokens/s, GFLOP/s and peak memory of one training step, beside a peer's or an operator's.

use super::session::Session;
use crate::flags::{BenchStep, Families, Sizes};
use crate::output::say;
use crate::units;
use anyhow::Result;
use ligo_bench::{Case, Contender, Measured, ModelJob, Peer, Plan, Work, compare};
use ligo_experiment::Provenance;
use ligo_models::Family;
use serde_json::json;
use std::process::ExitCode;

/// The project's bar: a step takes at most so many times the peer's, and an operator's step so many times a plain one.
const BAR: f64 = 1.15;
/// For steps as small as the quickstart's, where the overhead of each operation is what counts.
const SMALL_BAR: f64 = 0.5;

/// A case and what is asked of it.
struct Entry {
    case: Case,
    bar: f64,
}

/// Measures what the flags ask for, case by case.
pub(crate) fn run(flags: &BenchStep) -> Result<ExitCode> {
    let session = Session::start(&flags.turns, Peer::Plain, "one training step in f32, medians; processes take turns")?;
    for entry in entries(flags) {
        let works = works(flags, session.has_peer());
        let measured = measure(&session, &entry.case, &works)?;
        let flops = works.iter().map(|&work| entry.case.step_flops(work)).collect::<Result<Vec<_>>>()?;
        if flags.turns.json {
            for ((measured, flops), work) in measured.iter().zip(&flops).zip(&works) {
                say(json_line(&entry.case, *work, measured, *flops, session.machine()).to_string())?;
            }
        } else {
            say(table(&entry, &works, &measured, &flops))?;
        }
    }
    Ok(ExitCode::SUCCESS)
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

fn measure(session: &Session<'_>, case: &Case, works: &[Work]) -> Result<Vec<Measured>> {
    let directory = session.directory()?;
    let weights = session.has_peer().then(|| directory.path().to_owned());
    let mut contenders: Vec<Contender> = Vec::new();
    for (i, &work) in works.iter().enumerate() {
        let job = ModelJob::new(case.clone(), work, session.threads(), weights.clone()).into();
        // The peer is started second, when the weights are written.
        contenders.push(if session.has_peer() && i > 0 { session.peer(&job)? } else { session.ours(&job)? });
    }
    let plan = Plan { rounds: session.rounds(), same_start: session.has_peer().then_some(case) };
    compare(&mut contenders, plan, |round| session.progress(case, round))
}

fn name(work: Work, measured: &Measured) -> String {
    if work == Work::Operator { format!("{}, operator", measured.engine) } else { measured.engine.clone() }
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
            "  {:<24} {:>9.1} {:>17} {:>10.0} {:>9.1} {:>10} {:>12} {:>9}",
            name(*work, measured),
            1e3 * measured.seconds,
            format!("{:.1} to {:.1}", 1e3 * fast, 1e3 * slow),
            case.tokens() as f64 / measured.seconds,
            flops / measured.seconds / 1e9,
            units::bytes(measured.peak_bytes),
            units::bytes(measured.before_bytes),
            measured.first_loss.map_or_else(String::new, |loss| format!("{loss:.4}")),
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
