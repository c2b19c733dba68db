//! Where every row comes from: command, commit, machine, threads, time and date of each of its runs.

use super::figures::Figures;
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use super::table::SMALL_MODEL;
use crate::record::{Provenance, Results, RunRecord};

/// What opens the table.
pub(super) const SUMMARY: &str = "Command, commit, machine and time of the small model's runs and of every row's";

/// What was trained beside those runs, and is not in the table; none if nothing was.
pub(super) fn not_listed(results: &Results) -> Option<String> {
    let others = [
        ("the points of the search that were not chosen", !results.searches.is_empty()),
        ("scratch trained anew at equal compute", !results.equal_compute.is_empty()),
        ("the tuning on tasks", !results.downstream.is_empty()),
    ];
    let others: Vec<&str> = others.iter().filter(|(_, done)| *done).map(|(what, _)| *what).collect();
    (!others.is_empty()).then(|| format!("Not listed are other runs of this experiment: {}.", others.join(", ")))
}

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
            None => Line::named(SMALL_MODEL, cells),
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
