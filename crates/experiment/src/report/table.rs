//! The main table, in the layout of the paper's Tables 1 and 2: what was saved, the scores, then what is our own. The same cells
//! as Markdown, on the page, and, fewer of them, on a terminal.

use super::figures::{Figures, Role, Row, Spread};
use super::grid::{Cell, Contents, Grid, Line, markdown_escape};
use super::paper::Beside;
use super::savings::Savings;
use super::{equal_compute, number, operator, origin, pictures, prose, searches, tasks, thresholds};
use crate::record::Results;

/// What tables call the small model.
pub(super) const SMALL_MODEL: &str = "small model";

/// The table.
pub(super) fn grid(results: &Results, figures: &Figures) -> Grid {
    let beside = Beside::of(&results.experiment);
    let config = |row: &Row| results.experiment.methods.iter().find(|config| config.label == row.label);
    let of_rows = |cell: &dyn Fn(&Row) -> Cell| figures.rows.iter().map(cell).collect::<Vec<_>>();
    let plain = |show: &dyn Fn(&Row) -> String| of_rows(&|row: &Row| Cell::plain(show(row)));
    let images = results.experiment.large.family.reads_images();

    let mut columns = vec![
        (
            "FLOPs saved".to_owned(),
            of_rows(&|row| Cell::beside(saved(row, &row.savings.flops), config(row).and_then(|row| beside.flops(row)))),
        ),
        (
            "Wall time saved".to_owned(),
            of_rows(&|row| Cell::beside(saved(row, &row.savings.wall), config(row).and_then(|row| beside.wall(row)))),
        ),
    ];
    if figures.have_accuracy() {
        let cell = |row: &Row| {
            let accuracy = row.accuracy.show_with(|mean, sd| format!("{} %", number::spread(mean, sd, number::score)));
            Cell::beside(accuracy, config(row).and_then(|row| beside.accuracy(row)))
        };
        columns.push(("Validation accuracy".into(), of_rows(&cell)));
    }
    let before_tasks = columns.len();
    columns.extend(tasks::main_columns(results, figures));
    columns.push(("Small model charged: FLOPs / wall time".into(), plain(&|row| charged(row, &row.savings))));
    columns.push(("Final validation loss".into(), plain(&|row| row.loss.show(number::loss))));
    if !images {
        columns.push(("Perplexity".into(), plain(&|row| row.perplexity.show(number::perplexity))));
    }
    columns.push(("Steps to target".into(), plain(&steps_to_target)));
    columns.push(("Total FLOPs".into(), plain(&|row| row.flops.show(number::si))));
    columns.push(("Wall time".into(), plain(&|row| row.wall_seconds.show(number::seconds))));

    let cells = |index: usize| columns.iter().map(|(_, cells)| cells[index].clone()).collect();
    let lines = figures.rows.iter().enumerate().map(|(index, row)| Line::of(row, cells(index)));
    // The small model is no row: it stands here for its scores, as in the paper's Table 5.
    let small = tasks::small_model(results).map(|scores| {
        let mut cells = vec![Cell::plain(number::NONE); columns.len()];
        cells.splice(before_tasks..before_tasks + scores.len(), scores);
        Line::named(SMALL_MODEL, cells)
    });
    let lines = small.into_iter().chain(lines).collect();
    let headings = columns.iter().map(|(heading, _)| heading.clone());
    Grid {
        label: "Savings of every method".into(),
        contents: Contents::Figures,
        columns: std::iter::once("Method".to_owned()).chain(headings).collect(),
        lines,
    }
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
pub(super) fn charged(row: &Row, savings: &Savings) -> String {
    let (flops, wall) = (&savings.flops_charged, &savings.wall_charged);
    match (row.role, flops.mean, wall.mean) {
        (role, Some(mean), Some(wall_mean)) if role != Role::Reference => {
            number::percent_pair((mean, flops.sd), (wall_mean, wall.sd))
        }
        // It reached the target, but nobody knows what its small model cost.
        (role, ..) if role != Role::Reference && flops.reached() == 0 && savings.flops.reached() > 0 => {
            "not known".into()
        }
        _ => saved(row, flops),
    }
}

fn steps_to_target(row: &Row) -> String {
    if row.comparable == 0 {
        return number::NONE.into();
    }
    match row.savings.steps_to.mean {
        Some(mean) => number::spread(mean, row.savings.steps_to.sd, number::steps),
        None => not_reached(row, &row.savings.steps_to),
    }
}

pub(super) fn not_reached(row: &Row, figure: &Spread) -> String {
    match figure.reached() {
        0 => "not reached".into(),
        some => format!("reached with {some} of {} seeds", row.seeds.len()),
    }
}

/// `table.md`.
pub(super) fn markdown(results: &Results, figures: &Figures) -> String {
    let mut text = format!("# {}\n\n", markdown_escape(&results.experiment.title));
    for sentence in prose::what_was_run(results, figures) {
        text.push_str(&markdown_escape(&sentence));
        text.push('\n');
    }
    text.push_str(&format!("\n{}\n", grid(results, figures).markdown()));
    for paragraph in prose::how_to_read(results, figures) {
        text.push_str(&markdown_escape(&paragraph));
        text.push_str("\n\n");
    }
    text.push_str(&pictures::markdown(figures));
    let sections = [
        ("Every measure of every task", tasks::every_measure(results, figures), None),
        ("Other targets", thresholds::grid(figures), Some(thresholds::how_to_read(results, figures))),
        ("At equal compute", equal_compute::grid(results, figures), Some(equal_compute::how_to_read(results, figures))),
        ("The search", searches::grid(results, figures), searches::how_to_read(results)),
    ];
    for (heading, grid, how) in sections {
        if let Some(grid) = grid {
            let how = how.map(|how| format!("{}\n\n", markdown_escape(&how))).unwrap_or_default();
            text.push_str(&format!("\n## {heading}\n\n{how}{}", grid.markdown()));
        }
    }
    text.push_str(&operator::sections(results, figures));
    text.push_str(&format!(
        "\n## Where each row comes from\n\n<details>\n<summary>{}</summary>\n\n{}{}\n</details>\n",
        origin::SUMMARY,
        origin::not_listed(results).map(|sentence| format!("{}\n\n", markdown_escape(&sentence))).unwrap_or_default(),
        origin::grid(results, figures).markdown(),
    ));
    text
}

/// The columns that a terminal shows, and their short headings there.
fn terminal_columns(figures: &Figures) -> [(&'static str, &'static str); 5] {
    let ended = match figures.measure.short() {
        "accuracy" => ("Validation accuracy", "accuracy"),
        _ => ("Final validation loss", "final loss"),
    };
    [
        ("Method", "method"),
        ("FLOPs saved", "FLOPs saved"),
        ("Wall time saved", "time saved"),
        ended,
        ("Steps to target", "steps to target"),
    ]
}

/// The table for the end of a run: few columns, aligned.
pub(super) fn terminal(results: &Results, figures: &Figures) -> String {
    let grid = grid(results, figures);
    let columns = terminal_columns(figures);
    let mut lines = vec![columns.map(|(_, heading)| heading.to_owned()).to_vec()];
    // Of the small model there are scores on tasks alone, which are not shown.
    for line in grid.lines.iter().filter(|line| line.role.is_some()) {
        let cell = |(heading, _): (&str, &str)| match grid.columns.iter().position(|column| column == heading) {
            Some(0) => line.title.clone(),
            Some(place) => line.cells[place - 1].measured.clone(),
            None => number::NONE.into(),
        };
        lines.push(columns.map(cell).to_vec());
    }
    format!("{}\n{}\n", aligned(&lines), prose::target(results, figures))
}

/// Lines of cells as text: the first column to the left, the others to the right.
pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut written = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            match column {
                0 => written.push_str(&format!("{cell:<width$}")),
                _ => written.push_str(&format!("   {cell:>width$}")),
            }
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}
