//! Nobody watches.

use ligo_experiment::{Event, Observer};
use ligo_train::{MetricRow, Progress, StepReport};

/// Says nothing.
pub(super) struct Quiet;

impl Progress for Quiet {
    fn stage_started(&self, _: &str, _: u64, _: u64) {}
    fn step(&self, _: &StepReport) {}
    fn evaluated(&self, _: &MetricRow) {}
    fn stage_finished(&self, _: &str) {}
}

impl Observer for Quiet {
    fn event(&self, _: &Event<'_>) {}
}
