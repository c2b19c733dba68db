//! What a run tells whoever watches, beyond the steps of a stage.

use crate::fingerprint::Change;
use crate::record::{DataRecord, DownstreamRecord, RunRecord};
use ligo_train::Progress;

/// Watches an experiment: its events, and through [`Progress`] the steps of each stage.
pub trait Observer: Progress {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// Something that happens in an experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// The data are being prepared: what is done now.
    Preparing(&'a str),
    /// The corpus of the crates' documentation is being made. Called from many threads.
    ReadingCrates {
        /// Packages read.
        done: u64,
        /// Packages in all.
        of: u64,
    },
    /// The corpus of the crates' documentation is there: what it holds, and from which crates.
    CorpusReady(&'a ligo_data::crate_docs::Report),
    /// The data are there.
    DataReady(&'a DataRecord),
    /// A change in the TOML makes runs worthless.
    Stale {
        /// What changed.
        change: &'a Change,
        /// The runs to do again, as `label, seed k`.
        runs: &'a [String],
    },
    /// A run begins, or goes on where an earlier process left it.
    RunStarted {
        /// The row's label, or `small`.
        label: &'a str,
        /// Its seed.
        seed: u64,
        /// Counting from 1 over all runs of the experiment.
        number: usize,
        /// Runs of the experiment.
        of: usize,
    },
    /// A run was done by an earlier process.
    RunKept(&'a RunRecord),
    /// A run is done.
    RunFinished(&'a RunRecord),
    /// A run diverged; the others go on.
    RunFailed {
        /// The row's label.
        label: &'a str,
        /// Its seed.
        seed: u64,
        /// What happened.
        reason: &'a str,
    },
    /// A finished model is about to be tuned on a task, or that goes on.
    TaskStarted {
        /// The row's label, or `small`.
        label: &'a str,
        /// Its seed.
        seed: u64,
        /// The task's label.
        task: &'a str,
    },
    /// A probe ended before it came to rest; what it scored counts all the same.
    ProbeUnfinished {
        /// The probe, as in the TOML.
        probe: &'a str,
        /// The largest number of the gradient that is left.
        slope: f64,
    },
    /// What it scored.
    TaskFinished(&'a [DownstreamRecord]),
}
