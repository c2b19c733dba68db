//! The README's chapter "Adding a baseline", followed word for word.
//!
//! Its `sh` commands run one after the other in a copy of the workspace under `target/new-baseline`, then formatter, clippy and rustdoc
//! see what they made. The crates of others are built once for both: the copy keeps its programs apart (`CARGO_TARGET_DIR`)
//! and shares everything else with the workspace (`CARGO_BUILD_BUILD_DIR`). Cargo tells two checkouts of the same crates in one
//! directory apart by their version alone, so that the copy has another.

use super::{Check, cargo, check};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const CHAPTER: &str = "## Adding a baseline";
/// Where the copy lies, and its programs: swept away by `cargo clean`.
const SCRATCH: &str = "target/new-baseline";
/// What tells the copy's crates from the workspace's own.
const SUFFIX: &str = "+copy";

/// The checks, in order. Makes the copy.
pub(super) fn checks() -> Result<Vec<Check>> {
    let root = workspace::root();
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let commands = commands(&readme).with_context(|| format!("{}", path.display()))?;
    let scratch = root.join(SCRATCH);
    let copy = scratch.join("workspace");
    let name = commands.iter().find_map(|command| command.strip_prefix("cargo xtask new baseline "));
    copy_workspace(&root, &copy, name.context("README.md: expected a command `cargo xtask new baseline …`")?)?;

    let package = commands.iter().find_map(|command| command.strip_prefix("cargo test -p "));
    let package = package.context("README.md: expected a command `cargo test -p …` that tests the new crate")?;
    let mut documentation = cargo(&format!("doc --package {package} --no-deps --quiet"));
    documentation.command.env("RUSTDOCFLAGS", "-D warnings");
    let mut checks: Vec<Check> = commands.iter().map(|command| shell(command)).collect();
    checks.extend([
        cargo(&format!("fmt --package {package} --check")),
        // The lock file has the new crate by now.
        cargo(&format!("clippy --package {package} --all-targets --locked -- -D warnings")),
        documentation,
    ]);
    for check in &mut checks {
        check.name = format!("README.md: {}", check.name);
        check.command.current_dir(&copy);
        check
            .command
            .env("CARGO_TARGET_DIR", scratch.join("target"))
            .env("CARGO_BUILD_BUILD_DIR", build_directory(&root));
    }
    Ok(checks)
}

fn shell(command: &str) -> Check {
    let mut check = check(Path::new("sh"), ["-c", command]);
    check.name = command.into();
    check
}

/// The lines of the chapter's `sh` blocks, without comments.
fn commands(readme: &str) -> Result<Vec<String>> {
    let chapter = readme.lines().skip_while(|line| line.trim_end() != CHAPTER).skip(1);
    let mut commands = Vec::new();
    let mut fence = None;
    for line in chapter.take_while(|line| !line.starts_with("## ")) {
        match (fence, line.trim().strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (Some("sh"), None) => {
                let command = line.split(" # ").next().unwrap_or_default().trim();
                if !command.is_empty() && !command.starts_with('#') {
                    commands.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    ensure!(!commands.is_empty(), "expected a chapter `{CHAPTER}` with fenced `sh` commands");
    Ok(commands)
}

/// Where the workspace's own build has its intermediate files.
fn build_directory(root: &Path) -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let given =
        set("CARGO_BUILD_BUILD_DIR").or_else(|| set("CARGO_TARGET_DIR")).or_else(|| set("CARGO_BUILD_TARGET_DIR"));
    root.join(given.map_or_else(|| "target".into(), PathBuf::from))
}

/// Copies every file that git knows or would add, as it is now and as old as it is, so that cargo builds only what has changed
/// since the last time. What someone who followed the chapter has of the baseline `name` is left out: it is to be made.
fn copy_workspace(root: &Path, copy: &Path, name: &str) -> Result<()> {
    let at = |path: &Path| format!("{}: cannot be copied", path.display());
    if copy.exists() {
        fs::remove_dir_all(copy).with_context(|| format!("{}: cannot be removed", copy.display()))?;
    }
    for path in tracked(root)? {
        let (from, to) = (root.join(&path), copy.join(&path));
        // One that was deleted and not committed yet is none, nor is a link.
        if !fs::symlink_metadata(&from).is_ok_and(|found| found.is_file()) || belongs_to(&path, name) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(copy)).with_context(|| at(&from))?;
        fs::copy(&from, &to).with_context(|| at(&from))?;
        let age = fs::metadata(&from).and_then(|found| found.modified());
        let set = age.and_then(|age| File::options().write(true).open(&to)?.set_modified(age));
        set.with_context(|| at(&from))?;
    }
    for path in crate::new::LISTS {
        let path = copy.join(path);
        let text = fs::read_to_string(&path).with_context(|| at(&path))?;
        if let Some(text) = without(&text, name) {
            fs::write(&path, text).with_context(|| at(&path))?;
        }
    }
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| at(&manifest))?;
    let text = another_version(&text).with_context(|| format!("{}", manifest.display()))?;
    fs::write(&manifest, text).with_context(|| at(&manifest))
}

/// Whether a file, relative to the workspace, is of the baseline `name` alone.
fn belongs_to(path: &Path, name: &str) -> bool {
    path.starts_with(Path::new("crates/baselines").join(name))
        || path == Path::new("experiments").join(format!("{name}.toml"))
}

/// A list of methods or crates without the baseline `name`; none if it does not have it.
fn without(text: &str, name: &str) -> Option<String> {
    let [key, inherited] = [" =", ".workspace"].map(|end| format!("ligo-{name}{end}"));
    let library = format!("ligo_{}::", name.replace('-', "_"));
    let row = format!("| `{name}` ");
    let is_other = |line: &&str| {
        !line.contains(&library) && [&key, &inherited, &row].iter().all(|start| !line.starts_with(start.as_str()))
    };
    let others: String = text.lines().filter(is_other).flat_map(|line| [line, "\n"]).collect();
    (others.len() < text.len()).then_some(others)
}

/// The files that git knows, and those that it would add.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output();
    let why = "the README is followed in a copy of what git knows; expected git, and a checkout";
    let output = output.with_context(|| format!("git cannot be started: {why}"))?;
    if !output.status.success() {
        bail!("git ls-files: {}: {why}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("git ls-files: a name that is not UTF-8")?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

/// The root manifest with another version of all crates.
fn another_version(manifest: &str) -> Result<String> {
    let mut inside = false;
    let mut changed = false;
    let mut text = String::with_capacity(manifest.len() + SUFFIX.len());
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[workspace.package]";
        }
        let version = line.strip_prefix("version = \"").and_then(|rest| rest.strip_suffix('"')).filter(|_| inside);
        match version {
            Some(version) => text.push_str(&format!("version = \"{version}{SUFFIX}\"\n")),
            None => text.extend([line, "\n"]),
        }
        changed |= version.is_some();
    }
    ensure!(changed, "expected `version = \"…\"` in [workspace.package]");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_those_of_the_chapter() {
        let readme = "# a\n```sh\nno\n```\n## Adding a baseline\ntext\n```sh\na b   # why\n# what\n\nc\n```\n```toml\nd = 1\n```\n\
                      ### more\n```sh\ne\n```\n## Next\n```sh\nno\n```\n";
        assert_eq!(commands(readme).unwrap(), ["a b", "c", "e"]);
        for without in ["", "## Adding a baseline\n```toml\na = 1\n```\n", "```sh\na\n```\n"] {
            assert!(commands(without).unwrap_err().to_string().contains("Adding a baseline"), "{without}");
        }
    }

    #[test]
    fn the_readme_makes_a_baseline_tests_it_and_runs_it() {
        let readme = fs::read_to_string(workspace::root().join("README.md")).unwrap();
        let commands = commands(&readme).unwrap();
        for start in ["cargo xtask new baseline ", "cargo test -p ligo-", "cargo xtask run "] {
            assert!(commands.iter().any(|command| command.starts_with(start)), "{start}: {commands:?}");
        }
    }

    #[test]
    fn the_copy_differs_in_nothing_but_its_version() {
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
        let copy = another_version(&manifest).unwrap();
        let differing: Vec<_> = manifest.lines().zip(copy.lines()).filter(|(a, b)| a != b).collect();
        let [(before, after)] = differing[..] else { panic!("{differing:?}") };
        assert_eq!(after.replace(SUFFIX, ""), before);
        assert_eq!(copy.len(), manifest.len() + SUFFIX.len());
        assert!(another_version("[workspace]\nversion = \"1\"\n").is_err());
    }

    #[test]
    fn a_baseline_of_that_name_is_left_out_of_the_copy() {
        for (path, expected) in [
            ("crates/baselines/noisy-copy/src/lib.rs", true),
            ("experiments/noisy-copy.toml", true),
            ("crates/baselines/noisy-copy-2/src/lib.rs", false),
            ("experiments/noisy.toml", false),
        ] {
            assert_eq!(belongs_to(Path::new(path), "noisy-copy"), expected, "{path}");
        }
        let lists = "ligo-noisy-copy = { path = \"…\" }\nligo-noisy-copy-2 = 1\nligo-noisy-copy.workspace = true\n        \
                     Box::new(ligo_noisy_copy::NoisyCopy),\n        Box::new(ligo::Ligo),\n";
        assert_eq!(without(lists, "noisy-copy").unwrap(), "ligo-noisy-copy-2 = 1\n        Box::new(ligo::Ligo),\n");
        assert_eq!(without(lists, "another"), None);
    }
}
