//! `cargo xtask test`: every check. `.ci/run` calls it.

mod python;
mod readme;

use crate::flags::Test;
use crate::output::note;
use crate::{units, workspace};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A check: a command that passes by exiting with 0.
struct Check {
    /// What is said about it.
    name: String,
    command: Command,
}

/// Runs the checks one after the other; the exit code is that of the first that fails.
pub(crate) fn run(flags: &Test) -> Result<ExitCode> {
    let start = Instant::now();
    let mut checks = checks()?;
    if flags.with_python {
        checks.extend(python::checks(flags.python.as_deref())?);
    }
    for mut check in checks {
        let begun = Instant::now();
        note(format!("── {}", check.name));
        let status = check.command.status().with_context(|| format!("{} cannot be started", check.name))?;
        if !status.success() {
            note(format!("── failed: {}", check.name));
            // None where a signal ended it.
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(ExitCode::from(code));
        }
        note(format!("── passed in {}", units::duration(begun.elapsed().as_secs_f64())));
    }
    note(format!("── every check passed in {}", units::duration(start.elapsed().as_secs_f64())));
    Ok(ExitCode::SUCCESS)
}

/// What fails fastest comes first; the tests come last, so that their own closing lines are the last thing to be read.
///
/// All of them select the whole workspace in the profile that `cargo xtask run` uses, so that what one has built the others need
/// not.
fn checks() -> Result<Vec<Check>> {
    let mut documentation = cargo("doc --workspace --no-deps --locked --quiet");
    documentation.command.env("RUSTDOCFLAGS", "-D warnings");
    let mut checks = vec![
        cargo("fmt --all --check"),
        cargo("clippy --workspace --all-targets --locked -- -D warnings"),
        documentation,
    ];
    checks.extend(readme::checks()?);
    // Unit, integration and doc tests.
    checks.push(cargo("test --workspace --locked"));
    Ok(checks)
}

/// `cargo <arguments>` in the workspace.
fn cargo(arguments: &str) -> Check {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut check = check(Path::new(&program), arguments.split(' '));
    check.name = format!("cargo {arguments}");
    check
}

/// A program with its arguments, run in the workspace.
fn check<'a>(program: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Check {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root());
    // Cargo set these for this binary; a build script that watches one of them would be run again because of it.
    for (name, _) in std::env::vars_os() {
        let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let name = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    Check { name, command }
}
