//! `cargo xtask bench grow`: growing a checkpoint beside what the disk takes for it, and an operator's step beside a plain one.

use super::bars::{Bar, Of};
use super::session::Session;
use super::table::{Group, Row};
use crate::flags::GrowPart;
use anyhow::Result;
use ligo_bench::{
    Case, Contender, GrowthJob, GrowthWork, Measured, ModelJob, Plan, Precision, Work, compare, compare_fresh,
};
use ligo_models::{Family, ModelConfig};
use serde_json::json;

/// A growth takes at most so many times the disk's time, an operator's step so many times a plain one.
const BAR: f64 = 1.1;

/// Measures the parts that are asked for, or both.
pub(super) fn measure(session: &mut Session<'_>, parts: &[GrowPart]) -> Result<()> {
    session.begin(None, "growing, medians; processes take turns")?;
    let wants = |part| parts.is_empty() || parts.contains(&part);
    if wants(GrowPart::Write) {
        let group = write(session)?;
        session.add(group)?;
    }
    if wants(GrowPart::Operator) {
        let cases = if session.is_tiny() {
            let mut case = Case::tiny(Family::Gpt2);
            case.model.max_position_embeddings = 1024;
            case.sequence_length = 1024;
            vec![case]
        } else {
            vec![Case::standard(Family::Gpt2), Case::standard(Family::Bert)]
        };
        for case in cases {
            let group = operator(session, &case.grown())?;
            session.add(group)?;
        }
    }
    Ok(())
}

/// Read, grown and written, beside read and as many bytes written; each in a fresh process.
fn write(session: &Session<'_>) -> Result<Group> {
    let (small, large) = if session.is_tiny() {
        let small = Case::tiny(Family::Gpt2).model;
        (small.clone(), ModelConfig { hidden_size: 24, num_attention_heads: 12, num_hidden_layers: 3, ..small })
    } else {
        (Case::gpt2_124m().model, Case::gpt2_355m().model)
    };
    let directory = session.directory()?;
    let (source, target) = (directory.path().join("small"), directory.path().join("large"));
    let case = Case { model: small, ..Case::tiny(Family::Gpt2) };
    let write = ModelJob::new(case, Work::Write, session.threads(), Some(source.clone()));
    drop(session.ours(&write.into())?);
    let start = |work| {
        let (source, target, large) = (source.clone(), target.clone(), large.clone());
        session.ours(&GrowthJob { work, threads: session.threads(), source, target, large }.into())
    };
    let contenders: Vec<Box<dyn Fn() -> Result<Contender> + '_>> =
        vec![Box::new(|| start(GrowthWork::Grow)), Box::new(|| start(GrowthWork::Disk))];
    let mut measured = compare_fresh(&contenders, session.rounds(), |round| session.progress("growing", round))?;
    if let Some(disk) = measured.get_mut(1) {
        disk.engine = "read and write alone".into();
    }
    let megabytes = measured.first().and_then(|ours| ours.prepared).unwrap_or_default() as f64 / 1e6;
    let what = format!("gpt2 grown by direct copy to {} × {}", large.num_hidden_layers, large.hidden_size);
    let notes = vec![format!("written and synced: {megabytes:.0} MB")];
    let row = |(measured, who): (Measured, &'static str)| Row {
        who,
        figures: vec![format!("{:.0}", megabytes / measured.seconds)],
        details: json!({ "part": "write", "megabytes": megabytes }),
        measured,
    };
    let bars = bars(&what, &measured);
    let rows = measured.into_iter().zip(["ours", "disk"]).map(row).collect();
    Ok(Group { bench: "grow", what, columns: &["MB/s written"], rows, notes, bars, point: None })
}

/// The operator's step and the plain step of the same large model.
fn operator(session: &Session<'_>, case: &Case) -> Result<Group> {
    let works = [Work::Operator, Work::Plain];
    let start = |&work| session.ours(&ModelJob::new(case.clone(), work, session.threads(), None).into());
    let mut contenders = works.iter().map(start).collect::<Result<Vec<_>>>()?;
    let plan = Plan { rounds: session.rounds(), same_start: None, precision: Precision::F32 };
    let mut measured = compare(&mut contenders, plan, |round| session.progress(case, round))?;
    if let Some(operator) = measured.first_mut() {
        operator.engine.push_str(", operator");
    }
    let what = format!("{case}: operator's step");
    let bars = bars(&what, &measured);
    let mut rows = Vec::new();
    for ((measured, work), who) in measured.into_iter().zip(works).zip(["ours", "plain"]) {
        let (flops, tokens) = (case.step_flops(work)?, case.tokens() as f64 / measured.seconds);
        let speed = flops / measured.seconds / 1e9;
        rows.push(Row {
            who,
            figures: vec![format!("{tokens:.0}"), format!("{speed:.1}")],
            details: json!({
                "part": "operator",
                "case": case.to_string(),
                "work": work,
                "tokens_per_second": tokens,
                "gflops_per_second": speed,
                "flops": flops,
            }),
            measured,
        });
    }
    let columns = &["tokens/s", "GFLOP/s"];
    Ok(Group { bench: "grow", what, columns, rows, notes: Vec::new(), bars, point: None })
}

fn bars(name: &str, measured: &[Measured]) -> Vec<Bar> {
    match measured {
        [ours, other] => {
            vec![Bar { name: name.into(), of: Of::Time, value: ours.seconds / other.seconds, goal: BAR }]
        }
        _ => Vec::new(),
    }
}
