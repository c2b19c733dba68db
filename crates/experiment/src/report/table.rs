//! The table: its columns and cells once, then as Markdown and for a terminal. The page lays out the same cells.

use super::figures::{Figures, Role, Row, Spread};
use super::paper::Quoted;
use super::{number, operator, prose};
use crate::record::Results;
use ligo_models::Family;

/// Headings of the columns, in the paper's order.
pub(super) const COLUMNS: [&str; 9] = [
    "Method",
    "FLOPs saved",
    "Wall time saved",
    "Small model charged: FLOPs / wall time",
    "Final validation loss",
    "Perplexity",
    "Steps to target",
    "Total FLOPs",
    "Wall time",
];

/// A cell: what was measured, and beside it what the paper reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) measured: String,
    pub(super) paper: Option<String>,
}

/// The cells of a row, one for each of [`COLUMNS`].
pub(super) fn cells(row: &Row, family: Family) -> [Cell; 9] {
    let plain = |measured: String| Cell { measured, paper: None };
    let quoted =
        |measured: String, quoted: Option<Quoted>| Cell { measured, paper: quoted.map(|quoted| quoted.show(family)) };
    [
        plain(row.title.clone()),
        quoted(saved(row, &row.flops_saved), row.paper.and_then(|paper| paper.flops)),
        quoted(saved(row, &row.wall_saved), row.paper.and_then(|paper| paper.wall_time)),
        plain(charged(row)),
        plain(row.loss.show(number::loss)),
        plain(row.perplexity.show(number::perplexity)),
        plain(steps_to_target(row)),
        plain(row.flops.show(number::si)),
        plain(row.wall_seconds.show(number::seconds)),
    ]
}

/// A saving in words: a dash for the reference and where there is nothing to compare with, never a number where the target
/// was not reached.
pub(super) fn saved(row: &Row, saving: &Spread) -> String {
    if row.role == Role::Reference || row.comparable == 0 {
        return number::NONE.into();
    }
    match saving.mean {
        Some(mean) => number::percent_spread(mean, saving.sd),
        None => not_reached(row, saving),
    }
}

/// Savings of FLOPs and of wall time with the small model charged.
fn charged(row: &Row) -> String {
    let (flops, wall) = (&row.flops_saved_charged, &row.wall_saved_charged);
    match (row.role, flops.mean, wall.mean) {
        (role, Some(mean), Some(wall_mean)) if role != Role::Reference => {
            number::percent_pair((mean, flops.sd), (wall_mean, wall.sd))
        }
        // It reached the target, but nobody knows what its small model cost.
        (role, ..) if role != Role::Reference && flops.reached() == 0 && row.flops_saved.reached() > 0 => {
            "not known".into()
        }
        _ => saved(row, flops),
    }
}

fn steps_to_target(row: &Row) -> String {
    if row.comparable == 0 {
        return number::NONE.into();
    }
    match row.steps_to_target.mean {
        Some(mean) => number::spread(mean, row.steps_to_target.sd, number::steps),
        None => not_reached(row, &row.steps_to_target),
    }
}

fn not_reached(row: &Row, figure: &Spread) -> String {
    match figure.reached() {
        0 => "not reached".into(),
        some => format!("reached with {some} of {} seeds", row.seeds.len()),
    }
}

/// `table.md`.
pub(super) fn markdown(results: &Results, figures: &Figures) -> String {
    let family = results.experiment.large.family;
    let mut text = format!("# {}\n\n", markdown_escape(&results.experiment.title));
    for sentence in prose::what_was_run(results, figures) {
        text.push_str(&markdown_escape(&sentence));
        text.push('\n');
    }
    text.push_str(&format!("\n| {} |\n|:---|{}\n", COLUMNS.join(" | "), "---:|".repeat(COLUMNS.len() - 1)));
    for row in &figures.rows {
        let cells = cells(row, family).map(|cell| match cell.paper {
            Some(paper) => format!("{}<br>*({paper})*", markdown_escape(&cell.measured)),
            None => markdown_escape(&cell.measured),
        });
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    for paragraph in prose::how_to_read(results, figures) {
        text.push_str(&markdown_escape(&paragraph));
        text.push_str("\n\n");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text.push_str(&operator::sections(results, figures));
    text
}

/// Text that Markdown would take for something else.
pub(super) fn markdown_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '`' | '[' | ']' | '\\' => escaped.extend(['\\', character]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The columns that a terminal shows, by their place in [`COLUMNS`], and their short headings there.
const TERMINAL: [(usize, &str); 5] =
    [(0, "method"), (1, "FLOPs saved"), (2, "time saved"), (4, "final loss"), (6, "steps to target")];

/// The table for the end of a run: few columns, aligned.
pub(super) fn terminal(results: &Results, figures: &Figures) -> String {
    let family = results.experiment.large.family;
    let mut lines = vec![TERMINAL.map(|(_, heading)| heading.to_owned())];
    for row in &figures.rows {
        let cells = cells(row, family);
        lines.push(TERMINAL.map(|(column, _)| cells[column].measured.clone()));
    }
    let mut widths = [0; TERMINAL.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for [name, figures @ ..] in &lines {
        let mut line = format!("{name:<width$}", width = widths[0]);
        for (figure, width) in figures.iter().zip(&widths[1..]) {
            line.push_str(&format!("   {figure:>width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&prose::target(results, figures));
    text.push('\n');
    text
}
