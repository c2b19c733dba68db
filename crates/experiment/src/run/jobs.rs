//! The runs that an experiment consists of, and what of them is there.

use super::directory::{Found, RunDirectory};
use super::seeds::{Purpose, seed};
use crate::fingerprint::{Change, Inputs};
use crate::record::DataRecord;
use crate::registry::{Registry, find};
use crate::schema::{Experiment, OptimiserState};
use crate::strategies;
use anyhow::{Context, Result};
use ligo_growth::{Recipe, Stage, Start};
use ligo_kernels::Kernels;
use ligo_train::{Rate, TrainingConfig};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The label of the small model's runs.
pub(crate) const SMALL: &str = "small";

/// Runs that lie under another label than their row's: row and seed, and the label.
pub(crate) type Homes = BTreeMap<(String, u64), String>;

/// One run: the small model, or a method, with one seed.
#[derive(Debug)]
pub(crate) struct Job<'a, D: Kernels> {
    pub(crate) label: &'a str,
    pub(crate) method: &'a str,
    pub(crate) summary: &'static str,
    pub(crate) seed: u64,
    pub(crate) training: &'a TrainingConfig,
    pub(crate) recipe: Recipe<D>,
    /// For each stage of the recipe.
    pub(crate) rates: Vec<Rate>,
    pub(crate) optimiser_state: OptimiserState,
    pub(crate) inputs: Inputs,
    pub(crate) directory: RunDirectory,
}

impl<D: Kernels> Job<'_, D> {
    /// As it is called in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}, seed {}", self.label, self.seed)
    }

    pub(crate) fn is_small(&self) -> bool {
        self.label == SMALL
    }

    /// Whether what the optimiser remembers outlives a stage: into the next one, or for those that grow the small model.
    pub(crate) fn keeps_moments(&self) -> bool {
        self.is_small() || self.optimiser_state == OptimiserState::Grown
    }

    /// The seed of the order of the batches in training, and of what goes with it.
    pub(crate) fn training_seed(&self) -> u64 {
        seed(self.seed, if self.is_small() { Purpose::SmallTraining } else { Purpose::Training })
    }

    pub(crate) fn weights_seed(&self) -> u64 {
        seed(self.seed, if self.is_small() { Purpose::SmallWeights } else { Purpose::Weights })
    }
}

/// All runs of an experiment: the small model's (if a method needs it and it is no checkpoint), then the rows in order, seeds within.
///
/// # Errors
/// If a method refuses; [`Experiment::load`] has asked it before.
pub(crate) fn jobs<'a, D: Kernels>(
    experiment: &'a Experiment,
    registry: &Registry<D>,
    data: &DataRecord,
    results: &Path,
    homes: &Homes,
) -> Result<Vec<Job<'a, D>>> {
    let mut small = Vec::new();
    // A checkpoint is trained already.
    let trained_here = experiment.checkpoint.is_none();
    for &seed in experiment.seeds.iter().filter(|_| trained_here) {
        let inputs = Inputs::of_small(experiment, &data.fingerprint, seed)?;
        small.push(Job {
            label: SMALL,
            method: SMALL,
            summary: "Trains the small model that the others start from.",
            rates: vec![Rate::Schedule],
            optimiser_state: OptimiserState::Fresh,
            seed,
            training: &experiment.small_training,
            recipe: Recipe {
                start: Start::Random(experiment.small.clone().into()),
                stages: vec![Stage::train("train", 0..experiment.small_training.steps)],
            },
            inputs,
            directory: RunDirectory::new(results, SMALL, seed),
        });
    }
    let mut methods = Vec::new();
    for row in &experiment.methods {
        let method = find(registry, &row.method).with_context(|| format!("no method is called '{}'", row.method))?;
        for (i, &seed) in experiment.seeds.iter().enumerate() {
            let small = match &experiment.checkpoint {
                Some(checkpoint) => json!({ "checkpoint": checkpoint.content }),
                None => json!({ "small run": small[i].inputs.fingerprint }),
            };
            let recipe = strategies::recipe(experiment, row, method)?;
            let inputs = Inputs::of_method(experiment, row, &recipe, &data.fingerprint, &small, seed)?;
            methods.push(Job {
                label: &row.label,
                method: &row.method,
                summary: method.summary(),
                seed,
                training: &row.training,
                rates: strategies::rates(&recipe, row),
                optimiser_state: row.optimiser_state,
                recipe,
                inputs,
                directory: RunDirectory::new(
                    results,
                    homes.get(&(row.label.clone(), seed)).unwrap_or(&row.label),
                    seed,
                ),
            });
        }
    }
    if !methods.iter().any(|job: &Job<'_, D>| job.recipe.needs_small()) {
        small.clear();
    }
    small.extend(methods);
    Ok(small)
}

/// What makes runs worthless, with the runs that it does that to.
///
/// # Errors
/// If a run's directory cannot be read.
pub(crate) fn stale<D: Kernels>(jobs: &[Job<'_, D>]) -> Result<Vec<(Change, Vec<String>)>> {
    let mut by_change: BTreeMap<Change, Vec<String>> = BTreeMap::new();
    let mut of_small: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
    for job in jobs {
        let Found::Stale(earlier) = job.directory.look(&job.inputs)? else { continue };
        let changes = job.inputs.changes_since(&earlier);
        // Start, teacher and stages follow from keys of the TOML; they are shown only where no such key explains them.
        let derived = |change: &Change| ["start", "teacher", "stages"].iter().any(|key| change.key.starts_with(key));
        let (derived, edited): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(derived);
        let changes = match of_small.get(&job.seed) {
            Some(of_small) if edited.is_empty() => of_small.clone(),
            _ if edited.is_empty() => derived,
            _ => edited,
        };
        if job.is_small() {
            of_small.insert(job.seed, changes.clone());
        }
        for change in changes {
            by_change.entry(change).or_default().push(job.name());
        }
    }
    Ok(by_change.into_iter().collect())
}
