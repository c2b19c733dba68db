//! What a growth tells while it runs: a line that changes and a bar on a terminal, log lines elsewhere.

use crate::watch::Watcher;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ligo_experiment::{Event, Observer};
use ligo_grow::Watch;
use ligo_train::{MetricRow, Progress, StepReport};
use std::time::Duration;

/// Tells of what is done, and hands the steps of learning on to what tells of any training.
pub(super) struct Told<'a> {
    watcher: Watcher,
    observer: Box<dyn Observer>,
    spinner: ProgressBar,
    method: &'a str,
}

impl<'a> Told<'a> {
    pub(super) fn new(watcher: Watcher, observer: Box<dyn Observer>, bars: &MultiProgress, method: &'a str) -> Self {
        let spinner = match watcher {
            Watcher::Terminal => bars.add(ProgressBar::new_spinner()),
            _ => ProgressBar::hidden(),
        };
        let style =
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self { watcher, observer, spinner: spinner.with_style(style), method }
    }

    /// Nothing is told any more.
    pub(super) fn done(&self) {
        self.spinner.finish_and_clear();
    }
}

impl Watch for Told<'_> {
    fn doing(&self, what: &str) {
        if self.watcher == Watcher::Terminal {
            self.spinner.enable_steady_tick(Duration::from_millis(100));
            self.spinner.set_message(what.to_owned());
        } else {
            tracing::info!("{what}");
        }
    }
}

impl Progress for Told<'_> {
    fn stage_started(&self, stage: &str, steps: u64, done: u64) {
        self.spinner.disable_steady_tick();
        self.spinner.set_message(String::new());
        self.observer.event(&Event::RunStarted { label: self.method, seed: 0, number: 1, of: 1 });
        self.observer.stage_started(stage, steps, done);
    }

    fn step(&self, report: &StepReport) {
        self.observer.step(report);
    }

    fn evaluated(&self, row: &MetricRow) {
        self.observer.evaluated(row);
    }

    fn stage_finished(&self, stage: &str) {
        self.observer.stage_finished(stage);
    }
}
