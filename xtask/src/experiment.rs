//! What `run`, `show` and `report` have in common: an experiment as the command line names it.

use crate::flags::Which;
use crate::workspace;
use anyhow::{Context, Result};
use ligo_experiment::{Experiment, Observer, Options, methods};
use ligo_growth::Method;
use ligo_kernels::Cpu;
use ligo_train::StopFlag;
use std::path::PathBuf;
use std::time::Duration;

/// An experiment, the methods that it can name, and where its files lie.
pub(crate) struct Named {
    pub(crate) experiment: Experiment,
    pub(crate) registry: Vec<Box<dyn Method<Cpu>>>,
    pub(crate) device: Cpu,
    /// The experiment's own directory of results.
    pub(crate) results: PathBuf,
    results_of_all: PathBuf,
    data: PathBuf,
    threads: usize,
}

impl Named {
    /// Reads the file, and makes as many threads as it or the command line asks for.
    ///
    /// # Errors
    /// No such experiment, or anything wrong with it.
    pub(crate) fn load(which: &Which) -> Result<Self> {
        let registry = methods::<Cpu>();
        let path = workspace::find_experiment(&which.experiment, &workspace::experiments())?;
        let experiment = Experiment::load(&path, &which.set, &registry, &workspace::root())?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = which.threads.map(usize::from).or(experiment.threads).unwrap_or_else(cores);
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("threads cannot be started")?;
        let results_of_all = workspace::results(&which.places);
        Ok(Self {
            results: results_of_all.join(&experiment.name),
            data: workspace::data(which.places.data.clone()),
            device: Cpu::default(),
            experiment,
            registry,
            results_of_all,
            threads,
        })
    }

    /// What a run of it needs to know.
    pub(crate) fn options<'a>(
        &self,
        observer: &'a dyn Observer,
        stop: StopFlag,
        checkpoint_every: Duration,
    ) -> Options<'a> {
        Options {
            workspace: workspace::root(),
            results_dir: self.results_of_all.clone(),
            data_dir: self.data.clone(),
            threads: self.threads,
            command: command_line(),
            checkpoint_every,
            stop,
            observer,
        }
    }
}

/// As it was typed.
pub(crate) fn command_line() -> String {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    format!("cargo xtask {arguments}")
}
