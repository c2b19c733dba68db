//! Scratch with the compute of each row: as many steps as the row's FLOPs pay for, its schedule spanning just those.
//!
//! "Savings to scratch's end" favours whoever starts ahead: scratch's rate is still high where a grown model passes it. At
//! equal compute both have decayed theirs fully.

use super::directory::Found;
use super::jobs::{Homes, jobs};
use super::search::score;
use crate::cost;
use crate::record::{DataRecord, EqualCompute, RunRecord};
use crate::registry::Registry;
use crate::schema::{Experiment, MethodConfig};
use anyhow::Result;
use ligo_kernels::Kernels;
use std::path::Path;

/// Steps are rounded to this share of the reference's, so that rows that cost the same share a run of scratch.
const ROUNDED_TO: u64 = 100;

/// The reference trained for `steps`, under a label that no file can give; itself if it is trained for as many.
pub(crate) fn scratch_for(reference: &MethodConfig, steps: u64) -> MethodConfig {
    if steps == reference.training.steps {
        return reference.clone();
    }
    let mut row = reference.clone();
    row.label = format!("{}@{steps}-steps", reference.label);
    row.training.steps = steps;
    row.training.warmup_steps = row.training.warmup_steps.min(steps);
    row
}

/// The steps of the reference that `flops` pay for.
pub(crate) fn steps_for(experiment: &Experiment, reference: &MethodConfig, flops: f64) -> u64 {
    let step = cost::train_step(experiment, &reference.training, &experiment.large);
    let unit = (reference.training.steps / ROUNDED_TO).max(1);
    ((flops / step / unit as f64).round() as u64 * unit).max(1)
}

/// The rows of scratch that the finished `runs` are to be compared with, for the seeds that ask for it; none if none do.
pub(crate) fn rows(experiment: &Experiment, runs: &[RunRecord]) -> Option<Experiment> {
    let reference = experiment.methods.iter().find(|row| row.label == experiment.report.reference)?;
    let mut methods: Vec<MethodConfig> = Vec::new();
    for run in runs.iter().filter(|run| experiment.equal_compute_seeds.contains(&run.seed)) {
        let row = scratch_for(reference, steps_for(experiment, reference, run.total.flops));
        if row.label != reference.label && !methods.iter().any(|known| known.label == row.label) {
            methods.push(row);
        }
    }
    let seeds = experiment.equal_compute_seeds.clone();
    (!methods.is_empty()).then(|| Experiment { methods, seeds, ..experiment.clone() })
}

/// Each finished run beside scratch, as far as that is there.
///
/// # Errors
/// A record that cannot be read.
pub(crate) fn compared<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    data: &DataRecord,
    results: &Path,
    runs: &[RunRecord],
) -> Result<Vec<EqualCompute>> {
    let Some(reference) = experiment.methods.iter().find(|row| row.label == experiment.report.reference) else {
        return Ok(Vec::new());
    };
    let mut scratch: Vec<RunRecord> = runs.iter().filter(|run| run.label == reference.label).cloned().collect();
    if let Some(rows) = rows(experiment, runs) {
        for job in jobs(&rows, registry, data, results, &Homes::new())? {
            if let Found::Done(record) = job.directory.look(&job.inputs)? {
                scratch.push(*record);
            }
        }
    }
    let mut compared = Vec::new();
    let asked = |run: &&RunRecord| run.label != reference.label && experiment.equal_compute_seeds.contains(&run.seed);
    for run in runs.iter().filter(asked) {
        let row = scratch_for(reference, steps_for(experiment, reference, run.total.flops));
        let Some(found) = scratch.iter().find(|found| found.label == row.label && found.seed == run.seed) else {
            continue;
        };
        compared.push(EqualCompute {
            label: run.label.clone(),
            seed: run.seed,
            flops: run.total.flops,
            scratch_steps: row.training.steps,
            score: score(experiment, run),
            scratch_score: score(experiment, found),
        });
    }
    Ok(compared)
}
