//! Where every row comes from: command, commit, machine, threads, time and date of each of its runs.

use super::figures::Figures;
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use crate::record::{Provenance, Results, RunRecord};

/// What opens the table.
pub(super) const SUMMARY: &str = "Command, commit, machine and time of every run";

/// A line for each run.
pub(super) fn grid(results: &Results, figures: &Figures) -> Grid {
    let columns = ["Method", "Seed", "Command", "Commit", "Version", "Machine", "Threads", "Time taken", "Date"];
    let line = |run: &RunRecord| {
        let from = &run.provenance;
        let cells = [
            run.seed.to_string(),
            from.command.clone(),
            commit(from),
            format!(
                "ligo {}{}",
                from.version,
                from.rustc.as_ref().map(|rustc| format!(", {rustc}")).unwrap_or_default()
            ),
            format!("{}, {}", from.machine, from.system),
            from.threads.to_string(),
            number::seconds(run.total.wall_seconds),
            from.date.clone(),
        ];
        let cells = cells.map(Cell::plain).into();
        match figures.row(&run.label).filter(|row| row.method == run.method) {
            Some(row) => Line::of(row, cells),
            None => Line::named("small model", cells),
        }
    };
    Grid {
        label: SUMMARY.into(),
        contents: Contents::Words,
        columns: columns.map(str::to_owned).into(),
        lines: results.small.iter().chain(&results.methods).map(line).collect(),
    }
}

/// The commit, and whether the working tree was that.
pub(super) fn commit(provenance: &Provenance) -> String {
    match (&provenance.commit, provenance.dirty) {
        (Some(commit), false) => commit.clone(),
        (Some(commit), true) => format!("{commit}, with changes"),
        (None, _) => "none".into(),
    }
}
