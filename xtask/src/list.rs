//! `cargo xtask list`: the experiments, how far each has come, and one line about it.

use crate::flags::List;
use crate::output::say;
use crate::watch::log_to_stderr;
use crate::workspace;
use anyhow::Result;
use indicatif::MultiProgress;
use ligo_experiment::{Status, methods, states};
use ligo_kernels::Cpu;
use serde_json::json;
use std::process::ExitCode;

/// Prints a line per experiment.
pub(crate) fn run(flags: &List) -> Result<ExitCode> {
    log_to_stderr("warn", &MultiProgress::new());
    let directory = workspace::experiments();
    let results = workspace::results(&flags.places);
    let all = states(&directory, &methods::<Cpu>(), &workspace::root(), &results)?;
    if flags.json {
        for status in &all {
            let line = json!({
                "name": status.name, "path": status.path, "state": status.state.to_string(), "description": about(status),
            });
            say(line.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        say(format!("{} holds no experiment", directory.display()))?;
    }
    let width = |of: &dyn Fn(&Status) -> String| all.iter().map(|status| of(status).chars().count()).max().unwrap_or(0);
    let (names, states) = (width(&|status| status.name.clone()), width(&|status| status.state.to_string()));
    for status in &all {
        let state = status.state.to_string();
        say(format!("{:<names$}  {state:<states$}  {}", status.name, about(status)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file's own line, or what is wrong with it.
fn about(status: &Status) -> String {
    match &status.experiment {
        Ok(experiment) if experiment.description.is_empty() => experiment.title.clone(),
        Ok(experiment) => experiment.description.clone(),
        Err(error) => error.to_string(),
    }
}
