//! Progress bars: a line per run, which stays with its final loss when the run is done.

use super::{data_line, final_loss, name, scores, unit};
use crate::output;
use crate::units::{duration, scaled};
use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};
use ligo_experiment::{Event, Observer, RunRecord};
use ligo_train::{MetricRow, Progress, StepReport};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The text beside a bar changes no more often than this, so that it can be read.
const BETWEEN_TEXTS: Duration = Duration::from_millis(250);

/// The bars, and the run that the newest belongs to.
#[derive(Debug)]
pub(super) struct Bars {
    bars: MultiProgress,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    bar: ProgressBar,
    /// What batches are counted in.
    unit: &'static str,
    stage: String,
    validation_loss: Option<f64>,
    last_text: Option<Instant>,
}

impl Bars {
    pub(super) fn new(bars: MultiProgress) -> Self {
        let current = Current {
            bar: ProgressBar::hidden(),
            unit: "tokens",
            stage: String::new(),
            validation_loss: None,
            last_text: None,
        };
        Self { bars, current: Mutex::new(current) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Current) -> R) -> R {
        // A panic elsewhere leaves nothing half done in a Current.
        act(&mut self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn bar(&self, prefix: String, template: &str) -> ProgressBar {
        // The templates are fixed and a test parses them; the default bar would do, too.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bars.add(
            ProgressBar::new(0)
                .with_style(style.progress_chars("━╸─"))
                .with_prefix(prefix)
                .with_finish(ProgressFinish::Abandon),
        )
    }

    fn done(&self, bar: &ProgressBar, record: &RunRecord, how: &str) {
        bar.set_length(record.total.steps);
        bar.set_position(record.total.steps);
        bar.abandon_with_message(format!(
            "validation loss {}, {}FLOPs in {}{how}",
            final_loss(record),
            scaled(record.total.flops),
            duration(record.total.wall_seconds),
        ));
    }
}

const PLAIN: &str = "{prefix:<20} {bar:24} {pos:>6}/{len:<6} {wide_msg}";
const COLOURED: &str = "{prefix:<20.bold} {bar:24.cyan/dim} {pos:>6}/{len:<6} {wide_msg}";
const WAITING: &str = "{prefix:<20} {spinner} {wide_msg}";

fn template() -> &'static str {
    if output::colours() { COLOURED } else { PLAIN }
}

/// `learn-operator  12.3 steps/s  12.6 k tokens/s  loss 4.632 (4.7001 on validation)  0:41 to go`.
fn text(stage: &str, report: &StepReport, unit: &str, validation_loss: Option<f64>) -> String {
    let left = report.steps.saturating_sub(report.step) as f64 / report.steps_per_second;
    let validation = validation_loss.map(|loss| format!(" ({loss:.4} on validation)")).unwrap_or_default();
    format!(
        "{stage}  {} steps/s  {} {unit}/s  loss {:.3}{validation}  {} to go",
        scaled(report.steps_per_second),
        scaled(report.tokens_per_second),
        report.loss,
        duration(left)
    )
}

impl Progress for Bars {
    fn stage_started(&self, stage: &str, steps: u64, done: u64) {
        self.with(|current| {
            current.stage = stage.to_owned();
            current.last_text = None;
            current.bar.set_length(steps);
            current.bar.set_position(done);
            current.bar.set_message(stage.to_owned());
        });
    }

    fn step(&self, report: &StepReport) {
        self.with(|current| {
            current.bar.set_position(report.step);
            if current.last_text.is_none_or(|last| last.elapsed() >= BETWEEN_TEXTS) {
                current.last_text = Some(Instant::now());
                current.bar.set_message(text(&current.stage, report, current.unit, current.validation_loss));
            }
        });
    }

    fn evaluated(&self, row: &MetricRow) {
        self.with(|current| current.validation_loss = Some(row.validation_loss));
    }

    fn stage_finished(&self, _: &str) {}
}

impl Observer for Bars {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Preparing(what) => self.with(|current| {
                if current.bar.is_hidden() || current.bar.is_finished() {
                    current.bar = self.bar("data".into(), WAITING);
                    current.bar.enable_steady_tick(Duration::from_millis(100));
                }
                current.bar.set_message((*what).to_owned());
            }),
            Event::ReadingCrates { done, of } => {
                self.with(|current| current.bar.set_message(format!("crate-docs: {done} of {of} packages read")));
            }
            Event::CorpusReady(report) => {
                let corpus = self.bar("data".into(), "{prefix:<20} {wide_msg}");
                corpus.abandon_with_message(report.to_string().lines().next().unwrap_or_default().to_owned());
            }
            Event::DataReady(data) => self.with(|current| {
                if !current.bar.is_finished() {
                    current.bar.finish_and_clear();
                }
                let ready = self.bar("data".into(), "{prefix:<20} {wide_msg}");
                ready.abandon_with_message(data_line(data));
                current.unit = unit(data);
            }),
            Event::Stale { change, runs } => {
                tracing::warn!("{change}: to do again: {}", runs.join("; "));
            }
            Event::RunStarted { label, seed, .. } => self.with(|current| {
                current.bar = self.bar(name(label, *seed), template());
                current.validation_loss = None;
            }),
            Event::RunKept(record) => {
                let bar = self.bar(name(&record.label, record.seed), template());
                self.done(&bar, record, ", earlier");
            }
            Event::RunFinished(record) => self.with(|current| self.done(&current.bar, record, "")),
            Event::TaskStarted { label, seed, task } => self.with(|current| {
                current.bar = self.bar(format!("{} on {task}", name(label, *seed)), template());
                current.validation_loss = None;
            }),
            Event::ProbeUnfinished { probe, slope } => {
                tracing::warn!("{probe} has not come to rest, the largest gradient left is {slope:.1e}");
            }
            Event::TaskFinished(records) => self.with(|current| {
                let scores = records.iter().map(scores).collect::<Vec<_>>().join("; ");
                current.bar.abandon_with_message(scores);
            }),
            Event::RunFailed { reason, .. } => {
                self.with(|current| current.bar.abandon_with_message(format!("failed: {reason}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [PLAIN, COLOURED, WAITING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_text_beside_a_bar_has_speed_loss_and_time_to_go() {
        let report = StepReport {
            step: 100,
            steps: 600,
            loss: 4.6321,
            learning_rate: 1e-3,
            steps_per_second: 12.3,
            tokens_per_second: 12_600.0,
        };
        assert_eq!(
            text("train", &report, "tokens", Some(4.70006)),
            "train  12.3 steps/s  12.6 k tokens/s  loss 4.632 (4.7001 on validation)  0:41 to go"
        );
    }
}
