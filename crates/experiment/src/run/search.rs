//! The grid of `[search]`: its runs, and what they say of each row.
//!
//! Every point of a row's grid is a run of its own on the experiment's first seed. The best of them *is* the row's run of that
//! seed; the other seeds are trained as it was. What diverged is remembered, so that it is not tried again.

use super::directory::{Found, read_json, write_json};
use super::jobs::{Homes, Job, jobs};
use crate::record::{Candidate, DataRecord, RunRecord, SearchRecord};
use crate::registry::Registry;
use crate::schema::{Experiment, ReportMetric};
use anyhow::Result;
use ligo_kernels::Kernels;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// In the directory of a candidate that diverged.
const DIVERGED: &str = "diverged.json";

/// Why a candidate has no record.
#[derive(Debug, Serialize, Deserialize)]
struct Diverged {
    fingerprint: String,
    reason: String,
}

/// An experiment whose rows are trained as their grids say, as far as that is known.
#[derive(Debug)]
pub(crate) struct Settled {
    /// With the chosen values, and without the rows that nothing is known of yet.
    pub(crate) experiment: Experiment,
    /// Where the chosen candidates lie.
    pub(crate) homes: Homes,
    /// What the grids gave.
    pub(crate) records: Vec<SearchRecord>,
}

/// The runs of the grid as an experiment: a row for each point, the first seed alone; none without a grid.
pub(crate) fn grid(experiment: &Experiment) -> Option<Experiment> {
    experiment.search.as_ref()?;
    let methods = experiment.methods.iter().flat_map(|row| experiment.candidates(row)).collect();
    let seeds = experiment.seeds.iter().take(1).copied().collect();
    Some(Experiment { methods, seeds, ..experiment.clone() })
}

/// Remembers that a candidate diverged.
pub(crate) fn diverged<D: Kernels>(job: &Job<'_, D>, reason: &str) -> Result<()> {
    let found = Diverged { fingerprint: job.inputs.fingerprint.clone(), reason: reason.into() };
    write_json(&job.directory.join(DIVERGED), &found)
}

/// Whether it is known that a candidate diverges.
pub(crate) fn diverges<D: Kernels>(job: &Job<'_, D>) -> Result<bool> {
    let found = read_json::<Diverged>(&job.directory.join(DIVERGED))?;
    Ok(found.is_some_and(|found| found.fingerprint == job.inputs.fingerprint))
}

/// What the runs of the grid say so far.
///
/// # Errors
/// A record that cannot be read.
pub(crate) fn settle<D: Kernels>(
    experiment: &Experiment,
    registry: &Registry<D>,
    data: &DataRecord,
    results: &Path,
) -> Result<Settled> {
    let mut settled = Settled { experiment: experiment.clone(), homes: Homes::new(), records: Vec::new() };
    let (Some(grid), Some(&seed)) = (grid(experiment), experiment.seeds.first()) else { return Ok(settled) };
    settled.experiment.methods.clear();
    let runs = jobs(&grid, registry, data, results, &Homes::new())?;
    for row in &experiment.methods {
        let candidates = experiment.candidates(row);
        let mut scores = Vec::new();
        for candidate in &candidates {
            let Some(run) = runs.iter().find(|run| run.label == candidate.label) else { continue };
            match run.directory.look(&run.inputs)? {
                Found::Done(record) => scores.push(Some(score(experiment, &record))),
                _ if diverges(run)? => scores.push(None),
                _ => {}
            }
        }
        // A row whose grid is not done has no choice yet; one that always diverges never has.
        let best = best(experiment.report.metric, &scores).filter(|_| scores.len() == candidates.len());
        let Some(chosen) = best else { continue };
        let found = candidates.iter().zip(&scores).map(|(candidate, &score)| Candidate {
            learning_rate: candidate.training.learning_rate,
            warmup_steps: candidate.training.warmup_steps,
            score,
        });
        settled.records.push(SearchRecord { label: row.label.clone(), candidates: found.collect(), chosen });
        settled.homes.insert((row.label.clone(), seed), candidates[chosen].label.clone());
        let mut row = row.clone();
        row.training = candidates[chosen].training.clone();
        settled.experiment.methods.push(row);
    }
    Ok(settled)
}

/// What a run ended with, by what the report measures; its loss where it has no accuracy.
pub(crate) fn score(experiment: &Experiment, record: &RunRecord) -> f64 {
    let last = record.rows.last();
    let loss = last.map_or(f64::NAN, |row| row.validation_loss);
    match experiment.report.metric {
        ReportMetric::Loss => loss,
        ReportMetric::Accuracy => last.and_then(|row| row.validation_accuracy).unwrap_or(loss),
    }
}

/// The first of the best scores.
fn best(metric: ReportMetric, scores: &[Option<f64>]) -> Option<usize> {
    let known = scores.iter().enumerate().filter_map(|(place, score)| score.map(|score| (place, score)));
    let better = |a: f64, b: f64| match metric {
        ReportMetric::Loss => a < b,
        ReportMetric::Accuracy => a > b,
    };
    known.reduce(|best, other| if better(other.1, best.1) { other } else { best }).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_best_is_chosen_and_what_diverged_is_passed_over() {
        let scores = [None, Some(2.0), Some(1.0), Some(1.0), Some(3.0)];
        assert_eq!(best(ReportMetric::Loss, &scores), Some(2));
        assert_eq!(best(ReportMetric::Accuracy, &scores), Some(4));
        assert_eq!(best(ReportMetric::Loss, &[None, None]), None);
    }
}
