//! A piece of work that a contender of ours does again and again.

use crate::files::{Import, Read, Write};
use crate::forward::Forward;
use crate::generate::Generation;
use crate::protocol::Answer;
use crate::step::Stepper;
use crate::{Job, ModelJob, Work, data, growth, kernel, machine};
use anyhow::{Context, Result};
use ligo_kernels::Kernels;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Model, Parameters};
use std::path::Path;

/// The seed of all weights.
pub(crate) const SEED: u64 = 1;

/// See the module's documentation.
pub(crate) trait Task: Send {
    /// Does it once.
    fn work(&mut self) -> Result<()>;

    /// What came out the last time.
    fn answer(&self) -> Answer;

    /// Numbers that are trained; none where nothing is.
    fn parameters(&self) -> usize {
        0
    }
}

/// Prepares what the job asks for: models are made, and written where it says; data is read.
pub(crate) fn prepare<D: Kernels + 'static>(job: Job, device: &D) -> Result<Box<dyn Task>> {
    match job {
        Job::Model(job) => of_model(*job, device),
        Job::Data(job) => data::prepare(&job),
        Job::Kernel(job) => kernel::prepare(&job),
        Job::Growth(job) => growth::prepare(&job, device),
        Job::Machine(job) => Ok(Box::new(machine::Measuring::new(job))),
    }
}

fn of_model<D: Kernels + 'static>(job: ModelJob, device: &D) -> Result<Box<dyn Task>> {
    Ok(match job.work {
        Work::Plain | Work::Operator => Box::new(Stepper::new(job, device)?),
        Work::Forward => Box::new(Forward::new(&job, device)?),
        Work::Generate => Box::new(Generation::new(&job, device)?),
        Work::Write => Box::new(Write::new(&job, FloatType::F32, device)?),
        Work::WriteHalf => Box::new(Write::new(&job, FloatType::BF16, device)?),
        Work::Import => Box::new(Import::<D>::new(directory(&job)?, device)),
        Work::Read => Box::new(Read::new(directory(&job)?)),
    })
}

/// The job's model with the weights that all start from; written to the job's directory, if it names one.
pub(crate) fn fresh<D: Kernels>(job: &ModelJob, device: &D) -> Result<(Model, Parameters<D>)> {
    let model = job.model()?;
    let parameters = model.fresh(device, SEED)?;
    if let Some(directory) = &job.directory {
        hub::export(directory, &model, &parameters, &ExportOptions::default())?;
    }
    Ok((model, parameters))
}

pub(crate) fn directory(job: &ModelJob) -> Result<&Path> {
    job.directory.as_deref().context("the job names no directory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, Precision};
    use ligo_kernels::Cpu;
    use ligo_models::Family;

    fn run(case: &Case, work: Work, directory: Option<&Path>) -> Box<dyn Task> {
        let job = ModelJob::new(case.clone(), work, 1, directory.map(Path::to_owned));
        let mut task = prepare(job.into(), &Cpu::default()).unwrap_or_else(|error| panic!("{case}, {work:?}: {error}"));
        for _ in 0..2 {
            task.work().unwrap_or_else(|error| panic!("{case}, {work:?}: {error}"));
        }
        task
    }

    #[test]
    fn every_family_passes_forward_and_takes_steps() {
        for family in Family::ALL {
            let case = Case::tiny(family);
            assert_eq!(run(&case, Work::Forward, None).answer().logits.len(), 16, "{case}");
            let loss = run(&case, Work::Plain, None).answer().loss.expect("a step has a loss");
            assert!((loss - case.loss_of_chance()).abs() < 0.2, "{case}: {loss}");
        }
    }

    #[test]
    fn products_in_bf16_move_the_loss_by_little() {
        if !ligo_kernels::Precision::Bf16.has_hardware() {
            return;
        }
        let case = Case { batch_size: 8, ..Case::tiny(Family::Gpt2) };
        let loss = |precision| {
            let job = ModelJob::new(case.clone(), Work::Plain, 1, None).in_precision(precision);
            let mut task = prepare(job.into(), &Cpu::default()).expect("both precisions are there");
            task.work().expect("a step can be taken");
            task.answer().loss.expect("a step has a loss")
        };
        let (exact, rounded) = (loss(Precision::F32), loss(Precision::Bf16));
        assert!((exact - rounded).abs() < 0.01 * exact, "{exact}, {rounded}");
    }

    #[test]
    fn each_generated_token_has_its_lead() {
        let case = Case { sequence_length: 7, ..Case::tiny(Family::Gpt2) };
        let answer = run(&case, Work::Generate, None).answer();
        assert_eq!((answer.tokens.len(), answer.leads.len()), (crate::NEW_TOKENS, crate::NEW_TOKENS));
        assert!(answer.leads.iter().all(|&lead| lead >= 0.0));
    }

    #[test]
    fn a_checkpoint_is_read_as_a_model_and_as_bytes_and_a_job_that_cannot_be_done_says_why() {
        let case = Case::tiny(Family::Gpt2);
        for write in [Work::Write, Work::WriteHalf] {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let written = run(&case, write, Some(directory.path())).parameters();
            assert!(written > 0);
            assert_eq!(run(&case, Work::Import, Some(directory.path())).parameters(), written, "{write:?}");
            run(&case, Work::Read, Some(directory.path()));
        }
        let nowhere = ModelJob::new(case, Work::Import, 1, None);
        let error = prepare(nowhere.into(), &Cpu::default()).err().expect("there is nothing to read").to_string();
        assert_eq!(error, "the job names no directory");
    }
}
