//! Whether what an optimiser remembers can grow with the model, found out before anything is trained for it.

use super::directory::{Found, RunDirectory};
use super::jobs::{Job, SMALL};
use crate::schema::{Experiment, OptimiserState};
use crate::strategies::OPTIMISER;
use anyhow::{Result, bail};
use ligo_growth::{Action, Growth, Moments, Start};
use ligo_kernels::Kernels;
use ligo_models::{Model, ModelConfig, Parameters};
use std::path::Path;

/// Goes through the growths of every run that asks for it and is not done, with weights and moments that mean nothing.
///
/// # Errors
/// A method without maps for it; a small model whose optimiser's state is not there.
pub(super) fn check<D: Kernels>(
    jobs: &[Job<'_, D>],
    experiment: &Experiment,
    device: &D,
    results: &Path,
) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for job in jobs.iter().filter(|job| job.optimiser_state == OptimiserState::Grown) {
        if matches!(job.directory.look(&job.inputs)?, Found::Done(_)) {
            continue;
        }
        if job.recipe.start == Start::Small && experiment.checkpoint.is_none() {
            small_has_one(jobs, job.seed, results)?;
        }
        // The seeds of a row differ in nothing that matters here.
        if !seen.contains(&job.label) {
            seen.push(job.label);
            grows(job, experiment, device)?;
        }
    }
    Ok(())
}

/// A small model that was trained by a version that kept none has to be trained again.
fn small_has_one<D: Kernels>(jobs: &[Job<'_, D>], seed: u64, results: &Path) -> Result<()> {
    let Some(small) = jobs.iter().find(|job| job.is_small() && job.seed == seed) else { return Ok(()) };
    let path = RunDirectory::new(results, SMALL, seed).join(OPTIMISER);
    if matches!(small.directory.look(&small.inputs)?, Found::Done(_)) && !path.is_file() {
        bail!(
            "{}: no such file, which optimiser_state = \"grown\" needs; remove its directory to train the small model again",
            path.display()
        );
    }
    Ok(())
}

fn grows<D: Kernels>(job: &Job<'_, D>, experiment: &Experiment, device: &D) -> Result<()> {
    let fresh = |config: &ModelConfig| -> Result<(Model, Parameters<D>)> {
        let model = Model::new(config.clone())?;
        let parameters = model.fresh(device, 0)?;
        Ok((model, parameters))
    };
    let (mut current, mut trained) = match &job.recipe.start {
        Start::Small => (fresh(&experiment.small)?, true),
        Start::Random(config) => (fresh(config)?, false),
    };
    for stage in &job.recipe.stages {
        let (Action::Grow { to, .. } | Action::Learn { to, .. }) = &stage.action else {
            trained = true;
            continue;
        };
        let large = fresh(to)?;
        if trained {
            let growth = Growth { small: &current.0, parameters: &current.1, large: &large.0, device, seed: 0 };
            let moments = Moments { first: current.1.clone(), second: current.1.clone(), steps: 1 };
            let grown = match &stage.action {
                Action::Grow { operator, .. } => operator.grow_moments(&growth, &moments)?,
                Action::Learn { operator, .. } => operator.start(&growth)?.grow_moments(&moments)?,
                Action::Train { .. } => None,
            };
            if grown.is_none() {
                bail!(no_maps(job, &stage.name));
            }
        }
        current = large;
    }
    Ok(())
}

/// What is said of a stage through which the optimiser's state cannot grow.
pub(super) fn no_maps<D: Kernels>(job: &Job<'_, D>, stage: &str) -> String {
    format!(
        "'methods.{}.optimiser_state' is grown, expected fresh: the method {} has no maps for it (stage '{stage}')",
        job.label, job.method
    )
}
