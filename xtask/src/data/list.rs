//! `cargo xtask data list`: the sets that can be fetched, and how much of each is here.

use super::{licences, size};
use crate::output::say;
use crate::workspace;
use anyhow::Result;
use ligo_fetch::{Set, Sets, State};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints a line per set and per group.
pub(super) fn run(data: Option<PathBuf>, as_json: bool) -> Result<ExitCode> {
    let directory = workspace::data(data);
    let sets = Sets::read(&directory)?;
    if as_json {
        return lines_of_json(&sets, &directory);
    }
    let mut rows: Vec<[String; 5]> = Vec::new();
    for set in &sets.sets {
        let (state, bytes, about) = match State::of(set, &directory) {
            Ok(state) => (word(state), state.bytes(), set.about.clone()),
            Err(error) => ("unknown", 0, error.to_string()),
        };
        let bytes = if bytes == 0 { String::new() } else { size(bytes) };
        rows.push([set.name.clone(), state.to_owned(), bytes, licence(set), about]);
    }
    for group in &sets.groups {
        let about = format!("{}: {}", group.about, group.sets.join(", "));
        rows.push([group.name.clone(), "group".into(), String::new(), String::new(), about]);
    }
    if rows.is_empty() {
        say(format!("{} describes no set", directory.display()))?;
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [name, state, bytes, licence] = [0, 1, 2, 3].map(width);
    for [n, s, b, l, about] in &rows {
        say(format!("{n:<name$}  {s:<state$}  {b:>bytes$}  {l:<licence$}  {about}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn lines_of_json(sets: &Sets, directory: &Path) -> Result<ExitCode> {
    for set in &sets.sets {
        let state = State::of(set, directory)?;
        let line = json!({
            "name": set.name, "state": word(state), "bytes": state.bytes(), "repository": set.repository,
            "revision": set.revision, "licence": set.licence, "gated": set.gated, "about": set.about,
        });
        say(line.to_string())?;
    }
    for group in &sets.groups {
        say(json!({ "name": group.name, "state": "group", "sets": group.sets, "about": group.about }).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn licence(set: &Set) -> String {
    let licence = licences(&set.licence);
    if set.gated { format!("{licence} (gated)") } else { licence }
}

fn word(state: State) -> &'static str {
    match state {
        State::Absent => "not here",
        State::Part { .. } => "in part",
        State::Whole { .. } => "fetched",
        State::Brought { .. } => "your own",
    }
}
