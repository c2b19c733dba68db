//! Finds out where and from what a run is made. Whatever cannot be found out is left out, never guessed.

use crate::record::Provenance;
use std::path::Path;
use std::process::Command;

impl Provenance {
    /// As of now, for the repository at `workspace`.
    pub fn here(workspace: &Path, threads: usize, command: &str) -> Self {
        let git = |arguments: &[&str]| output(Command::new("git").arg("-C").arg(workspace).args(arguments));
        let commit = git(&["rev-parse", "HEAD"]);
        // Results are what a run writes: that they changed says nothing of the code.
        let status = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"]);
        Self {
            dirty: commit.is_some() && status.is_some_and(|lines| !lines.is_empty()),
            commit,
            version: env!("CARGO_PKG_VERSION").into(),
            rustc: output(Command::new("rustc").arg("--version")),
            machine: cpu_model().unwrap_or_else(|| std::env::consts::ARCH.into()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            threads,
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: command.into(),
        }
    }
}

/// What a command prints, trimmed; none if it fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
