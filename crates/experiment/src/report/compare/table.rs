//! The rows of all experiments in one table.

use super::Compared;
use super::lines::role;
use crate::report::figures::Row;
use crate::report::grid::{Cell, Contents, Grid, Line};
use crate::report::savings::Savings;
use crate::report::{number, table, tasks};

/// An experiment's columns of tasks: a heading, and a cell for each row.
type Scores = Vec<(String, Vec<Cell>)>;

/// Whether a row of another experiment can be held against the first one's reference.
fn any_alike(compared: &[Compared<'_>]) -> bool {
    compared.iter().skip(1).any(|one| one.alike)
}

/// The table.
pub(super) fn grid(compared: &[Compared<'_>]) -> Grid {
    let first = &compared[0];
    let measure = first.figures.measure;
    let mut columns = vec!["Experiment: method".to_owned(), "FLOPs saved".into(), "Wall time saved".into()];
    if any_alike(compared) {
        let against = format!("against {} of {}", first.figures.reference, first.name());
        columns.extend([format!("FLOPs saved {against}"), format!("Wall time saved {against}")]);
    }
    columns.push("Small model charged: FLOPs / wall time".into());
    columns.push(format!("Final {}", measure.name()));
    columns.extend(["Total FLOPs", "Wall time"].map(str::to_owned));
    let scores: Vec<Scores> = compared.iter().map(|one| tasks::main_columns(one.results, &one.figures)).collect();
    let tasks = headings(&scores);
    columns.extend(tasks.iter().map(|&heading| heading.to_owned()));
    let lines = compared.iter().zip(&scores).flat_map(|(one, scores)| {
        one.figures.rows.iter().enumerate().map(move |(place, row)| (one, row, scores, place))
    });
    let line = |(one, row, scores, place): (&Compared<'_>, &Row, &Scores, usize)| {
        let mut cells = vec![table::saved(row, &row.savings.flops), table::saved(row, &row.savings.wall)];
        if any_alike(compared) {
            cells.extend(against(one, first, row));
        }
        cells.push(table::charged(row, &row.savings));
        cells.push(row.metric(measure).show_with(|mean, sd| measure.show_spread(mean, sd)));
        cells.push(row.flops.show(number::si));
        cells.push(row.wall_seconds.show(number::seconds));
        cells.extend(tasks.iter().map(|heading| score(scores, heading, place)));
        Line {
            role: Some(role(compared, row)),
            title: format!("{}: {}", one.name(), row.title),
            cells: cells.into_iter().map(Cell::plain).collect(),
        }
    };
    Grid {
        label: "Every row of every experiment".into(),
        contents: Contents::Figures,
        columns,
        lines: lines.map(line).collect(),
    }
}

/// The headings of any experiment's tasks, each once.
fn headings(scores: &[Scores]) -> Vec<&str> {
    let mut headings = Vec::new();
    for (heading, _) in scores.iter().flatten() {
        if !headings.contains(&heading.as_str()) {
            headings.push(heading);
        }
    }
    headings
}

/// The score of the so many-th row under a heading; a dash where its experiment has no such task.
fn score(scores: &Scores, heading: &str, place: usize) -> String {
    let column = scores.iter().find(|(known, _)| known == heading);
    column.map_or_else(|| number::NONE.into(), |(_, cells)| cells[place].measured.clone())
}

/// FLOPs and wall time saved against the first experiment's reference; a dash for itself and where there is nothing to compare.
fn against(one: &Compared<'_>, first: &Compared<'_>, row: &Row) -> [String; 2] {
    let itself = one.name() == first.name() && row.label == first.figures.reference;
    if !one.alike || itself {
        return [number::NONE, number::NONE].map(str::to_owned);
    }
    let savings = one.against(first, row);
    [&savings.flops, &savings.wall].map(|spread| match spread.mean {
        Some(mean) => number::percent_spread(mean, spread.sd),
        None => missed(&savings),
    })
}

fn missed(savings: &Savings) -> String {
    match (savings.reached(), savings.steps_to.values.len()) {
        // No seed in common.
        (_, 0) => number::NONE.into(),
        (0, _) => "not reached".into(),
        (some, seeds) => format!("reached with {some} of {seeds} seeds"),
    }
}

/// How the table is read.
pub(super) fn how_to_read(compared: &[Compared<'_>]) -> String {
    let first = &compared[0];
    let mut sentences = vec![format!(
        "Saved is against the experiment's own reference ({}), until its final {}, the small model given.",
        compared
            .iter()
            .map(|one| format!("{} of {}", one.figures.reference, one.name()))
            .collect::<Vec<_>>()
            .join(", "),
        first.figures.measure.short(),
    )];
    let names = |alike: bool| {
        let found = compared.iter().skip(1).filter(|one| one.alike == alike).map(Compared::name);
        found.collect::<Vec<_>>().join(", ")
    };
    if any_alike(compared) {
        sentences.push(format!(
            "{} trained the same large model on the same data as {}: their rows are held against its {} as well, seed by seed.",
            names(true),
            first.name(),
            first.figures.reference
        ));
    }
    if compared.iter().any(|one| !one.alike) {
        sentences.push(format!(
            "Of {} the data or the large model are others than those of {}, so that final values and costs do not compare.",
            names(false),
            first.name()
        ));
    }
    let machine = |one: &Compared<'_>| {
        let from = &one.results.provenance;
        (from.machine.clone(), from.threads)
    };
    if compared.iter().any(|one| machine(one) != machine(first)) {
        sentences
            .push("They ran on different machines or with different numbers of threads: times do not compare.".into());
    }
    if compared.iter().any(|one| !one.results.downstream.is_empty()) {
        sentences.push("Scores on tasks are in percent; a dash stands where an experiment has no such task.".into());
    }
    sentences.join(" ")
}

/// The lines for a terminal, headings first.
pub(super) fn terminal(compared: &[Compared<'_>]) -> Vec<Vec<String>> {
    let grid = grid(compared);
    let lines = grid.lines.iter().map(|line| {
        let cells = line.cells.iter().map(|cell| cell.measured.clone());
        std::iter::once(line.title.clone()).chain(cells).collect()
    });
    std::iter::once(grid.columns.clone()).chain(lines).collect()
}
