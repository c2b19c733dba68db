//! `cargo xtask bench step`: tokens/s, GFLOP/s and peak memory of one training step, beside a peer's two ways.

use super::bars::{Bar, Of};
use super::session::Session;
use super::table::{Group, Point, Row};
use crate::flags::{self, StepModel, WhichSteps};
use anyhow::Result;
use ligo_bench::{Case, Contender, Measured, Mode, ModelJob, Named, Peaks, Peer, Plan, Precision, Work, compare};
use serde_json::json;

/// Our memory in that of the peer, at most.
const MEMORY_BAR: f64 = 1.0;

/// Measures the models that are asked for, case by case.
pub(super) fn measure(session: &mut Session<'_>, which: &WhichSteps, precisions: &[flags::Precision]) -> Result<()> {
    session.begin(Some(Peer::Plain), "one training step, medians; processes take turns")?;
    let peaks = session.peaks()?;
    for precision in asked(precisions) {
        for named in models(which, session.is_tiny()) {
            for case in cases(named, which) {
                let group = compare_steps(session, named, &case, precision, peaks)?;
                session.add(group)?;
            }
        }
    }
    Ok(())
}

fn asked(precisions: &[flags::Precision]) -> Vec<Precision> {
    let one = |precision: &flags::Precision| match precision {
        flags::Precision::F32 => Precision::F32,
        flags::Precision::Bf16 => Precision::Bf16,
    };
    if !precisions.is_empty() {
        return precisions.iter().map(one).collect();
    }
    let bf16 = ligo_kernels::Precision::Bf16.has_hardware().then_some(Precision::Bf16);
    std::iter::once(Precision::F32).chain(bf16).collect()
}

/// Those that are asked for, or all.
pub(super) fn models(which: &WhichSteps, tiny: bool) -> Vec<Named> {
    let named = |model: &StepModel| match model {
        StepModel::BertSmall => Named::BertSmall,
        StepModel::BertBase => Named::BertBase,
        StepModel::Gpt2 => Named::Gpt2,
        StepModel::VitS => Named::VitS,
        StepModel::QuickstartGpt2 => Named::QuickstartGpt2,
        StepModel::QuickstartBert => Named::QuickstartBert,
    };
    match (tiny, &which.model[..]) {
        (true, _) => vec![Named::Tiny],
        (false, []) => vec![
            Named::BertSmall,
            Named::BertBase,
            Named::Gpt2,
            Named::VitS,
            Named::QuickstartGpt2,
            Named::QuickstartBert,
        ],
        (false, asked) => asked.iter().map(named).collect(),
    }
}

/// A model's cases in the shapes and vocabularies that are asked for.
pub(super) fn cases(named: Named, which: &WhichSteps) -> Vec<Case> {
    let vocabularies: Vec<usize> = which.vocab.iter().map(|&size| size as usize).collect();
    named.cases(&which.shape, &vocabularies)
}

/// Ours and, if there is one, the peer, eager and compiled.
fn compare_steps(
    session: &Session<'_>,
    named: Named,
    case: &Case,
    precision: Precision,
    peaks: Peaks,
) -> Result<Group> {
    let directory = session.directory()?;
    let weights = session.has_peer().then(|| directory.path().to_owned());
    let job = |mode| {
        let job = ModelJob::new(case.clone(), Work::Plain, session.threads(), weights.clone());
        job.in_precision(precision).in_mode(mode).into()
    };
    let (mut contenders, mut who): (Vec<Contender>, _) = (vec![session.ours(&job(Mode::Eager))?], vec!["ours"]);
    let mut notes = Vec::new();
    // The peer is started when the weights are written.
    for (mode, name) in [(Mode::Eager, "eager"), (Mode::Compile, "compiled")] {
        if !session.has_peer() {
            break;
        }
        match session.peer_if_it_can(&job(mode))? {
            Ok(contender) => {
                contenders.push(contender);
                who.push(name);
            }
            Err(reason) => notes.push(format!("left out: the peer, {name} ({reason})")),
        }
    }
    let same_start = session.has_peer().then_some(case);
    let plan = Plan { rounds: session.rounds(), same_start, precision };
    let measured = compare(&mut contenders, plan, |round| session.progress(case, round))?;
    let flops = case.step_flops(Work::Plain)?;
    let what = format!("{case}, {precision}");
    let bars = bars(&what, &measured, named.goal(precision));
    if let Some(fastest) = fastest(&measured) {
        notes.push(format!("held against the faster: {}", fastest.engine));
    }
    let point = measured.first().map(|ours| Point {
        label: format!("step of {case}, {precision}"),
        precision,
        intensity: flops / least_bytes(ours.parameters),
        flops_per_second: flops / ours.seconds,
    });
    let rows = measured.into_iter().zip(who).map(|(measured, who)| row(measured, who, case, precision, flops, peaks));
    let columns = &["tokens/s", "GFLOP/s", "of peak", "before model", "loss"];
    Ok(Group { bench: "step", what, columns, rows: rows.collect(), notes, bars, point })
}

/// Bytes that a step moves at least: weights read forward and backward, gradients written; weights, gradients and two moments
/// read and all but the gradients written by AdamW. Activations may stay in a cache.
fn least_bytes(parameters: u64) -> f64 {
    10.0 * size_of::<f32>() as f64 * parameters as f64
}

/// The peer's faster way.
fn fastest(measured: &[Measured]) -> Option<&Measured> {
    measured.iter().skip(1).min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn bars(name: &str, measured: &[Measured], goal: f64) -> Vec<Bar> {
    let Some((ours, other)) = measured.first().zip(fastest(measured)) else { return Vec::new() };
    let mut bars = vec![Bar { name: name.into(), of: Of::Speedup, value: other.seconds / ours.seconds, goal }];
    if let Some((ours, other)) = ours.peak_bytes.zip(other.peak_bytes) {
        let value = ours as f64 / other as f64;
        bars.push(Bar { name: name.into(), of: Of::Memory, value, goal: MEMORY_BAR });
    }
    bars
}

fn row(measured: Measured, who: &'static str, case: &Case, precision: Precision, flops: f64, peaks: Peaks) -> Row {
    let (tokens, speed) = (case.tokens() as f64 / measured.seconds, flops / measured.seconds);
    Row {
        who,
        figures: vec![
            format!("{tokens:.0}"),
            format!("{:.1}", speed / 1e9),
            format!("{:.0} %", 100.0 * speed / peaks.gemm(precision)),
            crate::units::bytes(measured.before_bytes),
            measured.first_loss.map_or_else(String::new, |loss| format!("{loss:.4}")),
        ],
        details: json!({
            "case": case.to_string(),
            "precision": precision,
            "work": Work::Plain,
            "tokens_per_second": tokens,
            "gflops_per_second": speed / 1e9,
            "share_of_peak": speed / peaks.gemm(precision),
            "flops": flops,
        }),
        measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_of_the_peers_ways_is_what_ours_is_held_against() {
        let of = |seconds, peak| Measured { seconds, peak_bytes: Some(peak), ..Measured::default() };
        let found = bars("gpt2", &[of(1.0, 80), of(1.5, 200), of(1.25, 100)], 1.25);
        let figures: Vec<_> = found.iter().map(|bar| (bar.of, bar.value)).collect();
        assert_eq!(figures, [(Of::Speedup, 1.25), (Of::Memory, 0.8)]);
        assert_eq!(bars("gpt2", &[of(1.0, 80)], 1.25), []);
    }
}
