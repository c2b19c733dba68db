//! `cargo xtask test`: every check. `.ci/run` calls it.

use crate::output::note;
use crate::{units, workspace};
use anyhow::{Context, Result};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A check: a cargo command, and what has to be set for it. All of them select the whole workspace in the profile that
/// `cargo xtask run` uses, so that what one has built the others need not.
struct Check {
    arguments: &'static str,
    environment: Option<(&'static str, &'static str)>,
}

/// What fails fastest comes first; the tests come last, so that their own closing lines are the last thing to be read.
const CHECKS: [Check; 4] = [
    Check { arguments: "fmt --all --check", environment: None },
    Check { arguments: "clippy --workspace --all-targets --locked -- -D warnings", environment: None },
    Check {
        arguments: "doc --workspace --no-deps --locked --quiet",
        environment: Some(("RUSTDOCFLAGS", "-D warnings")),
    },
    // Unit, integration and doc tests.
    Check { arguments: "test --workspace --locked", environment: None },
];

/// Runs the checks one after the other; the exit code is that of the first that fails.
pub(crate) fn run() -> Result<ExitCode> {
    let start = Instant::now();
    for check in &CHECKS {
        let begun = Instant::now();
        note(format!("── cargo {}", check.arguments));
        let status =
            check.command().status().with_context(|| format!("cargo {} cannot be started", check.arguments))?;
        if !status.success() {
            note(format!("── failed: cargo {}", check.arguments));
            // None where a signal ended it.
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(ExitCode::from(code));
        }
        note(format!("── passed in {}", units::duration(begun.elapsed().as_secs_f64())));
    }
    note(format!("── every check passed in {}", units::duration(start.elapsed().as_secs_f64())));
    Ok(ExitCode::SUCCESS)
}

impl Check {
    fn command(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(self.arguments.split(' ')).current_dir(workspace::root()).envs(self.environment);
        // Cargo set these for this binary; a build script that watches one of them would be run again because of it.
        for (name, _) in std::env::vars_os() {
            let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command
    }
}
