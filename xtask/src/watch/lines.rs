//! Log lines: one when something begins or ends, and in between one every ten seconds or so, at an evaluation where there is one.

use super::{data_line, final_loss, name, scores, unit};
use crate::units::{duration, scaled};
use ligo_experiment::{Event, Observer};
use ligo_train::{MetricRow, Progress, StepReport};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// An evaluation is told if nothing was for so long.
const BETWEEN_EVALUATIONS: Duration = Duration::from_secs(10);
/// A step is told if nothing was for so long: later, so that evaluations go first.
const BETWEEN_STEPS: Duration = Duration::from_secs(15);

/// Where the run stands.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    run: String,
    /// What batches are counted in.
    unit: &'static str,
    stage: String,
    steps: u64,
    latest: Option<StepReport>,
    last_line: Option<Instant>,
}

impl Place {
    /// Whether nothing was told for so long; if so, something is told now.
    fn is_due(&mut self, after: Duration) -> bool {
        let due = self.last_line.is_none_or(|last| last.elapsed() >= after);
        if due {
            self.last_line = Some(Instant::now());
        }
        due
    }
}

impl Lines {
    fn with<R>(&self, act: impl FnOnce(&mut Place) -> R) -> R {
        // A panic elsewhere leaves nothing half done in a Place.
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// `12.3 steps/s, 12.6 k tokens/s, 0:41 to go`.
fn speed(report: &StepReport, unit: &str) -> String {
    let left = report.steps.saturating_sub(report.step) as f64 / report.steps_per_second;
    format!(
        "{} steps/s, {} {unit}/s, {} to go",
        scaled(report.steps_per_second),
        scaled(report.tokens_per_second),
        duration(left)
    )
}

impl Progress for Lines {
    fn stage_started(&self, stage: &str, steps: u64, done: u64) {
        self.with(|place| {
            place.stage = stage.to_owned();
            place.steps = steps;
            place.latest = None;
            place.last_line = Some(Instant::now());
            match (steps, done) {
                (0, _) => info!("{}: {stage}", place.run),
                (_, 0) => info!("{}: {stage}, {steps} steps", place.run),
                _ => info!("{}: {stage} goes on at step {done} of {steps}", place.run),
            }
        });
    }

    fn step(&self, report: &StepReport) {
        self.with(|place| {
            place.latest = Some(*report);
            if place.is_due(BETWEEN_STEPS) {
                let (run, stage) = (&place.run, &place.stage);
                let StepReport { step, steps, loss, .. } = report;
                info!("{run}: {stage} {step}/{steps}, training loss {loss:.3}, {}", speed(report, place.unit));
            }
        });
    }

    fn evaluated(&self, row: &MetricRow) {
        self.with(|place| {
            let last = row.step == place.steps;
            if place.is_due(if last { Duration::ZERO } else { BETWEEN_EVALUATIONS }) {
                let (run, stage, steps) = (&place.run, &place.stage, place.steps);
                let speed = place
                    .latest
                    .as_ref()
                    .filter(|_| !last)
                    .map(|report| speed(report, place.unit))
                    .map(|s| format!(", {s}"));
                let (step, loss) = (row.step, row.validation_loss);
                info!("{run}: {stage} {step}/{steps}, validation loss {loss:.4}{}", speed.unwrap_or_default());
            }
        });
    }

    fn stage_finished(&self, _: &str) {}
}

impl Observer for Lines {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Preparing(what) => info!("data: {what}"),
            Event::ReadingCrates { done, of } => {
                if done == of {
                    info!("data: {of} packages read");
                }
            }
            Event::CorpusReady(report) => report.to_string().lines().for_each(|line| info!("data: {line}")),
            Event::DataReady(data) => {
                self.with(|place| place.unit = unit(data));
                info!("data: {}", data_line(data));
            }
            Event::Stale { change, runs } => warn!("{change}: to do again: {}", runs.join("; ")),
            Event::RunStarted { label, seed, number, of } => self.with(|place| {
                place.run = name(label, *seed);
                info!("{}: run {number} of {of}", place.run);
            }),
            Event::RunKept(record) => {
                info!("{}: kept, validation loss {}", name(&record.label, record.seed), final_loss(record));
            }
            Event::RunFinished(record) => info!(
                "{}: done, validation loss {}, {}FLOPs in {}",
                name(&record.label, record.seed),
                final_loss(record),
                scaled(record.total.flops),
                duration(record.total.wall_seconds)
            ),
            Event::TaskStarted { label, seed, task } => self.with(|place| {
                place.run = format!("{} on {task}", name(label, *seed));
                info!("{}", place.run);
            }),
            Event::ProbeUnfinished { probe, slope } => self.with(|place| {
                warn!("{}: {probe} has not come to rest, the largest gradient left is {slope:.1e}", place.run);
            }),
            Event::TaskFinished(records) => {
                let run = self.with(|place| place.run.clone());
                records.iter().for_each(|record| info!("{run}: {}", scores(record)));
            }
            Event::RunFailed { label, seed, reason } => error!("{}: failed: {reason}", name(label, *seed)),
        }
    }
}
