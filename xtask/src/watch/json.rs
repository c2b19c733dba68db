//! Events as lines of JSON on stdout, for programs. Every line has the key `event`.

use ligo_experiment::{Event, Observer, RunRecord};
use ligo_train::{MetricRow, Progress, StepReport};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Steps are told no more often than this.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

/// The run that the events belong to, and when a step was last told.
#[derive(Debug, Default)]
pub(super) struct Json(Mutex<(Value, Value, Option<Instant>)>);

/// Writes one event.
pub(crate) fn emit(event: &Value) {
    // A run does not end because its reader has gone away.
    let _ = writeln!(std::io::stdout().lock(), "{event}");
}

impl Json {
    fn with<R>(&self, act: impl FnOnce(&mut (Value, Value, Option<Instant>)) -> R) -> R {
        // A panic elsewhere leaves nothing half done here.
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Adds label and seed of the run and writes the event.
    fn emit(&self, event: &str, fields: Value) {
        self.with(|(label, seed, _)| {
            let mut line = json!({ "event": event, "label": label, "seed": seed });
            if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
                line.extend(fields);
            }
            emit(&line);
        });
    }
}

impl Progress for Json {
    fn stage_started(&self, stage: &str, steps: u64, done: u64) {
        self.emit("stage-started", json!({ "stage": stage, "steps": steps, "done": done }));
    }

    fn step(&self, report: &StepReport) {
        let due = self.with(|(_, _, last)| {
            let due = last.is_none_or(|last| last.elapsed() >= BETWEEN_STEPS) || report.step == report.steps;
            if due {
                *last = Some(Instant::now());
            }
            due
        });
        if due {
            let StepReport { step, steps, loss, learning_rate, steps_per_second, tokens_per_second } = report;
            self.emit(
                "step",
                json!({
                    "step": step, "steps": steps, "loss": loss, "learning_rate": learning_rate,
                    "steps_per_second": steps_per_second, "tokens_per_second": tokens_per_second,
                }),
            );
        }
    }

    fn evaluated(&self, row: &MetricRow) {
        self.emit("evaluated", json!(row));
    }

    fn stage_finished(&self, stage: &str) {
        self.emit("stage-finished", json!({ "stage": stage }));
    }
}

fn run(event: &str, record: &RunRecord) -> Value {
    json!({
        "event": event, "label": record.label, "seed": record.seed, "method": record.method,
        "parameters": record.parameters, "cost": record.total, "stages": record.stages,
        "validation_loss": record.rows.last().map(|row| row.validation_loss),
    })
}

impl Observer for Json {
    fn event(&self, event: &Event<'_>) {
        emit(&match event {
            Event::Preparing(what) => json!({ "event": "preparing", "what": what }),
            Event::ReadingCrates { done, of } if done < of => return,
            Event::ReadingCrates { of, .. } => json!({ "event": "crates-read", "packages": of }),
            Event::CorpusReady(report) => json!({ "event": "corpus-ready", "corpus": report }),
            Event::DataReady(data) => json!({ "event": "data-ready", "data": data }),
            Event::Stale { change, runs } => json!({
                "event": "stale", "key": change.key, "before": change.before, "after": change.after, "runs": runs,
            }),
            Event::RunStarted { label, seed, number, of } => {
                self.with(|place| (place.0, place.1) = (json!(label), json!(seed)));
                json!({ "event": "run-started", "label": label, "seed": seed, "number": number, "of": of })
            }
            Event::RunKept(record) => run("run-kept", record),
            Event::RunFinished(record) => run("run-finished", record),
            Event::TaskStarted { label, seed, task } => {
                self.with(|place| (place.0, place.1) = (json!(label), json!(seed)));
                json!({ "event": "task-started", "label": label, "seed": seed, "task": task })
            }
            Event::ProbeUnfinished { probe, slope } => {
                json!({ "event": "probe-unfinished", "probe": probe, "gradient": slope })
            }
            Event::TaskFinished(records) => json!({ "event": "task-finished", "scores": records }),
            Event::RunFailed { label, seed, reason } => {
                json!({ "event": "run-failed", "label": label, "seed": seed, "reason": reason })
            }
        });
    }
}
