//! `cargo xtask report`: table, curves and page anew, from the runs that are there; of several experiments a comparison.

use crate::experiment::Named;
use crate::flags::Report;
use crate::output::say;
use crate::watch::{Watcher, log_to_stderr};
use crate::{outcome, workspace};
use anyhow::{Context, Result};
use indicatif::MultiProgress;
use ligo_experiment::{Experiment, Options, collect, report};
use ligo_train::StopFlag;
use std::process::ExitCode;
use std::time::Duration;

/// Writes the results of the finished runs anew, or a comparison of those of several experiments, and prints the table.
pub(crate) fn run(flags: &Report) -> Result<ExitCode> {
    log_to_stderr("warn", &MultiProgress::new());
    let named = Named::load(&flags.which)?;
    let observer = Watcher::NoOne.observe(&MultiProgress::new());
    let options = named.options(observer.as_ref(), StopFlag::default(), Duration::MAX);
    if !flags.others.is_empty() {
        return compare(flags, &named, &options);
    }
    let results = collect(&named.experiment, &named.registry, &options)?;
    let directory = &named.results;
    report::write(&results, directory)
        .with_context(|| format!("{}: the results cannot be written", directory.display()))?;
    say(outcome::text(&results, directory)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Holds the first experiment and the others beside one another.
fn compare(flags: &Report, named: &Named, options: &Options<'_>) -> Result<ExitCode> {
    let mut all = vec![collect(&named.experiment, &named.registry, options)?];
    for other in &flags.others {
        let path = workspace::find_experiment(other, &workspace::experiments())?;
        let experiment = Experiment::load(&path, &flags.which.set, &named.registry, &workspace::root())?;
        all.push(collect(&experiment, &named.registry, options)?);
    }
    let names: Vec<&str> = all.iter().map(|results| results.experiment.name.as_str()).collect();
    let directory = options.results_dir.join("compare").join(names.join("+"));
    let table = report::compare(&all, &directory)?;
    let files = ["table.md", "report.html"].map(|file| directory.join(file).display().to_string());
    say(format!("{table}\n{}", files.join("\n")))?;
    Ok(ExitCode::SUCCESS)
}
