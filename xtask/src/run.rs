//! `cargo xtask run`: from an experiment file to its table.

use crate::experiment::{Named, command_line};
use crate::flags::Run;
use crate::output::{note, say};
use crate::watch::{Watcher, emit};
use crate::{interrupt, outcome};
use anyhow::Result;
use indicatif::MultiProgress;
use ligo_experiment::{Outcome, run as run_experiment};
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// Runs what is not there yet, then prints the table and where the files are.
pub(crate) fn run(flags: &Run) -> Result<ExitCode> {
    let bars = MultiProgress::new();
    let watcher = match (flags.json, flags.quiet) {
        (true, _) => Watcher::Program,
        (_, true) => Watcher::NoOne,
        _ => Watcher::of_stderr(),
    };
    let observer = watcher.observe(&bars);
    let named = Named::load(&flags.which)?;
    let stop = interrupt::stop_on_ctrl_c(bars)?;
    let options = named.options(observer.as_ref(), stop, Duration::from_secs(flags.checkpoint_every));
    match run_experiment(&named.experiment, &named.registry, &named.device, &options)? {
        Outcome::Finished(results) if flags.json => {
            emit(&json!({
                "event": "finished", "experiment": results.experiment.name, "directory": named.results,
                "summary": outcome::summary(&named.results),
            }));
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Finished(results) => {
            if watcher == Watcher::Terminal {
                // The last bar ends without a line break; then an empty line.
                note("\n");
            }
            say(outcome::text(&results, &named.results)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped => {
            if flags.json {
                emit(&json!({ "event": "stopped", "experiment": named.experiment.name }));
            }
            note(format!("stopped; nothing is lost, the same command goes on from here:\n  {}", command_line()));
            Ok(interrupt::exit_code())
        }
    }
}
