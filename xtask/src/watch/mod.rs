//! How a run is watched: progress bars on a terminal, log lines elsewhere, JSON for programs, nothing.

mod bars;
mod json;
mod lines;
mod logging;
mod quiet;

pub(crate) use json::emit;
pub(crate) use logging::log_to_stderr;

use crate::units::scaled;
use indicatif::MultiProgress;
use ligo_experiment::{DataRecord, DownstreamRecord, Observer, RunRecord};
use std::io::IsTerminal;

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watcher {
    /// Someone at a terminal.
    Terminal,
    /// A log.
    Log,
    /// A program.
    Program,
    /// No one.
    NoOne,
}

impl Watcher {
    /// Someone at the terminal that stderr is, or else a log.
    pub(crate) fn of_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Log }
    }

    /// Sets logging up for this watcher and returns what tells it of a run. `bars` is drawn on for a terminal only.
    pub(crate) fn observe(self, bars: &MultiProgress) -> Box<dyn Observer> {
        match self {
            Self::Terminal => {
                log_to_stderr("warn", bars);
                Box::new(bars::Bars::new(bars.clone()))
            }
            Self::Log => {
                log_to_stderr("info", bars);
                Box::new(lines::Lines::default())
            }
            Self::Program => {
                log_to_stderr("warn", bars);
                Box::new(json::Json::default())
            }
            Self::NoOne => {
                log_to_stderr("error", bars);
                Box::new(quiet::Quiet)
            }
        }
    }
}

/// How a run is called: by its label, and by its seed if that is not the usual 0.
fn name(label: &str, seed: u64) -> String {
    if seed == 0 { label.to_owned() } else { format!("{label}, seed {seed}") }
}

/// What the data are, in a line.
fn data_line(data: &DataRecord) -> String {
    if let Some(images) = data.images {
        let (train, validation, classes) = (images.train, images.validation, images.classes);
        return format!("{}, {train} images to train on, {validation} to validate on, {classes} classes", data.name);
    }
    format!(
        "{}, {} tokens to train on, {} to validate on, vocabulary {}",
        data.name,
        scaled(data.train_tokens as f64),
        scaled(data.validation_tokens as f64),
        data.vocab_size
    )
}

/// What batches are counted in.
fn unit(data: &DataRecord) -> &'static str {
    if data.images.is_some() { "images" } else { "tokens" }
}

/// A run's last validation loss, and its accuracy if it has one.
fn final_loss(record: &RunRecord) -> String {
    let accuracy = |accuracy| format!(", accuracy {:.2} %", 100.0 * accuracy);
    record.rows.last().map_or_else(
        || "none".into(),
        |row| format!("{:.4}{}", row.validation_loss, row.validation_accuracy.map(accuracy).unwrap_or_default()),
    )
}

/// `full: accuracy 0.7123, F1 0.8010`.
fn scores(record: &DownstreamRecord) -> String {
    let scores = record.scores.iter().map(|(name, value)| format!("{name} {value:.4}"));
    format!("{}: {}", record.way, scores.collect::<Vec<_>>().join(", "))
}
