//! `cargo xtask bench kernels`: each fused operation by itself, forward and backward, beside the peer's same operation.

use super::session::Session;
use super::table::{Group, Point, Row};
use anyhow::Result;
use ligo_bench::{Bound, KernelJob, Measured, Operation, Peaks, Peer, Plan, Precision, compare};
use serde_json::json;

/// Measures the operations whose names contain one of `only`, or all.
pub(super) fn measure(session: &mut Session<'_>, only: &[String]) -> Result<()> {
    session.begin(Some(Peer::Operations), "operations in f32, forward and backward, medians; processes take turns")?;
    let peaks = session.peaks()?;
    let all = if session.is_tiny() { Operation::tiny() } else { Operation::all() };
    let wanted = |operation: &Operation| {
        only.is_empty() || only.iter().any(|name| operation.to_string().contains(&name.replace('-', "_")))
    };
    for operation in all.into_iter().filter(wanted) {
        let job = KernelJob { operation, threads: session.threads() }.into();
        let mut contenders = vec![session.ours(&job)?];
        if session.has_peer() {
            contenders.push(session.peer(&job)?);
        }
        let plan = Plan { rounds: session.rounds(), same_start: None, precision: Precision::F32 };
        let measured = compare(&mut contenders, plan, |round| session.progress(operation, round))?;
        session.add(group(operation, measured, peaks))?;
    }
    Ok(())
}

fn group(operation: Operation, measured: Vec<Measured>, peaks: Peaks) -> Group {
    let speedup = match &measured[..] {
        [ours, other] => Some(other.seconds / ours.seconds),
        _ => None,
    };
    let point = measured.first().map(|ours| Point {
        label: operation.to_string(),
        precision: Precision::F32,
        intensity: operation.intensity(),
        flops_per_second: operation.flops() / ours.seconds,
    });
    let columns: &[&str] = match operation.bound() {
        Bound::Compute => &["GFLOP/s", "of peak"],
        Bound::Memory => &["GB/s", "of bandwidth"],
    };
    let rows = measured.into_iter().zip(["ours", "peer"]).map(|(measured, who)| row(operation, measured, who, peaks));
    let notes = speedup.map(|speedup| format!("speedup {speedup:.2}")).into_iter().collect();
    let (what, rows, bars) = (operation.to_string(), rows.collect(), Vec::new());
    Group { bench: "kernels", what, columns, rows, notes, bars, point }
}

fn row(operation: Operation, measured: Measured, who: &'static str, peaks: Peaks) -> Row {
    let (flops, bytes) = (operation.flops() / measured.seconds, operation.bytes() / measured.seconds);
    let (rate, share) = match operation.bound() {
        Bound::Compute => (flops, flops / peaks.gemm_flops),
        Bound::Memory => (bytes, bytes / peaks.bandwidth),
    };
    Row {
        who,
        figures: vec![format!("{:.1}", rate / 1e9), format!("{:.0} %", 100.0 * share)],
        details: json!({
            "operation": operation,
            "flops": operation.flops(),
            "least_bytes": operation.bytes(),
            "gflops_per_second": flops / 1e9,
            "gbytes_per_second": bytes / 1e9,
            "share": share,
        }),
        measured,
    }
}
