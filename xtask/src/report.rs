//! `cargo xtask report`: table, curves and page anew, from the runs that are there.

use crate::experiment::Named;
use crate::flags::Report;
use crate::outcome;
use crate::output::say;
use crate::watch::{Watcher, log_to_stderr};
use anyhow::{Context, Result};
use indicatif::MultiProgress;
use ligo_experiment::{collect, report};
use ligo_train::StopFlag;
use std::process::ExitCode;
use std::time::Duration;

/// Writes the results of the finished runs anew and prints the table.
pub(crate) fn run(flags: &Report) -> Result<ExitCode> {
    log_to_stderr("warn", &MultiProgress::new());
    let named = Named::load(&flags.which)?;
    let observer = Watcher::NoOne.observe(&MultiProgress::new());
    let options = named.options(observer.as_ref(), StopFlag::default(), Duration::MAX);
    let results = collect(&named.experiment, &named.registry, &options)?;
    let directory = &named.results;
    report::write(&results, directory)
        .with_context(|| format!("{}: the results cannot be written", directory.display()))?;
    say(outcome::text(&results, directory)?)?;
    Ok(ExitCode::SUCCESS)
}
