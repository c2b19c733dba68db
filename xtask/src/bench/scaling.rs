//! `cargo xtask bench scaling`: a training step with 1, 2, 4 … threads.

use super::session::Session;
use super::step;
use super::table::{Group, Row};
use crate::flags::WhichSteps;
use anyhow::Result;
use ligo_bench::{Case, Contender, ModelJob, Named, Plan, Precision, Scaling, Work, compare, thread_counts};
use serde_json::json;

/// What is measured where nothing is asked for.
const SHAPE: (usize, usize) = (8, 128);
const VOCABULARY: u32 = 8192;

/// The names of what threads do, by their number's place: they tell the rows apart in what is kept.
const WHO: [&str; 9] = ["1", "2", "4", "8", "16", "32", "64", "128", "256"];

/// Measures each case that is asked for, or BERT-Base alone.
pub(super) fn measure(session: &mut Session<'_>, which: &WhichSteps) -> Result<()> {
    session.begin(None, "one training step with several numbers of threads, medians; processes take turns")?;
    let named = match (&which.model[..], session.is_tiny()) {
        ([], false) => vec![Named::BertBase],
        _ => step::models(which, session.is_tiny()),
    };
    let mut which = which.clone();
    if which.shape.is_empty() {
        which.shape.push(SHAPE);
    }
    if which.vocab.is_empty() {
        which.vocab.push(VOCABULARY);
    }
    for case in named.into_iter().flat_map(|named| step::cases(named, &which)) {
        let group = scale(session, &case)?;
        session.add(group)?;
    }
    Ok(())
}

fn scale(session: &Session<'_>, case: &Case) -> Result<Group> {
    let counts = thread_counts(session.threads());
    let start = |&threads| session.ours(&ModelJob::new(case.clone(), Work::Plain, threads, None).into());
    let mut contenders = counts.iter().map(start).collect::<Result<Vec<Contender>>>()?;
    let plan = Plan { rounds: session.rounds(), same_start: None, precision: Precision::F32 };
    let measured = compare(&mut contenders, plan, |round| session.progress(case, round))?;
    let times = counts.iter().copied().zip(measured.iter().map(|one| one.seconds)).collect();
    let mut notes = Vec::new();
    let mut rows = Vec::new();
    if let Some(scaling) = Scaling::new(times) {
        for (i, (mut measured, (threads, speedup))) in measured.into_iter().zip(scaling.speedups()).enumerate() {
            measured.engine = format!("{threads} threads");
            let efficiency = speedup / threads as f64;
            rows.push(Row {
                who: if i + 1 < counts.len() { WHO[i.min(WHO.len() - 1)] } else { "all" },
                figures: vec![format!("{speedup:.2}"), format!("{:.0} %", 100.0 * efficiency)],
                details: json!({
                    "case": case.to_string(),
                    "threads": threads,
                    "speedup": speedup,
                    "efficiency": efficiency,
                    "serial_share": scaling.serial_share(),
                }),
                measured,
            });
        }
        if let Some(serial) = scaling.serial_share() {
            let at_64 = 1.0 / (serial + (1.0 - serial) / 64.0);
            notes.push(format!(
                "serial by Amdahl's law: {:.1} %; 64 threads would be {at_64:.0} times as fast as one",
                100.0 * serial
            ));
        }
    }
    let columns = &["speedup", "efficiency"];
    Ok(Group { bench: "scaling", what: case.to_string(), columns, rows, notes, bars: Vec::new(), point: None })
}
