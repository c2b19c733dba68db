//! The scores of the finished models on other tasks: columns of the main table, as the paper prints them, and a table of every
//! measure.

mod names;

use super::figures::{Figures, Row, Spread};
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use super::paper::{Beside, Tuning};
use crate::record::{DownstreamRecord, Results};
use names::{Group, Task};

/// A task, and how the models were measured on it: one column of the main table.
#[derive(Debug, PartialEq)]
struct Column<'a> {
    label: &'a str,
    way: &'a str,
    task: Task,
    /// The measures, in the order of the records.
    measures: Vec<&'a str>,
}

impl Column<'_> {
    fn heading(&self) -> String {
        let shown: Vec<String> = self.measures.iter().take(self.shown()).map(|name| names::measure(name)).collect();
        format!("{} ({})", self.name(), shown.join(" / "))
    }

    fn name(&self) -> String {
        names::with_way(&self.task.name, self.way)
    }

    /// The paper prints F1 and exact match of SQuAD, of all else one measure.
    fn shown(&self) -> usize {
        if self.task.group == Group::Squad { 2 } else { 1 }
    }

    /// The seeds with which a row was trained and tuned on the task; a seed that was not tuned has no second one.
    fn repeats(&self, results: &Results, row: &Row) -> Vec<(u64, Option<u64>)> {
        let tuned = |seed: u64| {
            let records = results.downstream.iter().filter(move |record| self.holds(record, row, seed));
            let mut seeds: Vec<Option<u64>> = records.map(|record| Some(record.tuning_seed)).collect();
            if seeds.is_empty() {
                seeds.push(None);
            }
            seeds.into_iter().map(move |tuning| (seed, tuning))
        };
        row.seeds.iter().flat_map(|&seed| tuned(seed)).collect()
    }

    /// A measure of one training and tuning.
    fn score(&self, results: &Results, row: &Row, repeat: (u64, Option<u64>), measure: &str) -> Option<f64> {
        let of_repeat =
            |record: &&DownstreamRecord| self.holds(record, row, repeat.0) && Some(record.tuning_seed) == repeat.1;
        let record = results.downstream.iter().find(of_repeat)?;
        record.scores.iter().find(|(name, _)| name == measure).map(|(_, score)| *score)
    }

    /// A measure over all seeds of a row.
    fn scores(&self, results: &Results, row: &Row, measure: &str) -> Spread {
        let repeats = self.repeats(results, row);
        Spread::of(repeats.into_iter().map(|repeat| self.score(results, row, repeat, measure)).collect())
    }

    fn holds(&self, record: &DownstreamRecord, row: &Row, seed: u64) -> bool {
        (record.label.as_str(), record.seed, record.task.as_str(), record.way.as_str())
            == (row.label.as_str(), seed, self.label, self.way)
    }
}

/// The columns, in the order of the records.
fn columns(results: &Results) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for record in &results.downstream {
        if !columns.iter().any(|known| known.label == record.task && known.way == record.way) {
            let measures = record.scores.iter().map(|(name, _)| name.as_str()).collect();
            columns.push(Column { label: &record.task, way: &record.way, task: Task::of(&record.task), measures });
        }
    }
    columns
}

/// The columns of the main table: a heading, and a cell for each row.
pub(super) fn main_columns(results: &Results, figures: &Figures) -> Vec<(String, Vec<Cell>)> {
    let beside = Beside::of(&results.experiment);
    let columns = columns(results);
    let of_rows = |cell: &dyn Fn(&Row) -> Cell| figures.rows.iter().map(cell).collect::<Vec<_>>();
    let mut found: Vec<(String, Vec<Cell>)> = columns
        .iter()
        .map(|column| {
            let measures = &column.measures[..column.shown().min(column.measures.len())];
            let cell = |row: &Row| {
                let scores = measures.iter().map(|measure| column.scores(results, row, measure)).collect::<Vec<_>>();
                let tuning = tuning(results, row, column.way);
                Cell::beside(
                    show(&scores),
                    tuning.and_then(|tuning| beside.score(&row.method, column.task.key, tuning)),
                )
            };
            (column.heading(), of_rows(&cell))
        })
        .collect();
    let mut ways: Vec<&str> = Vec::new();
    for column in &columns {
        if !ways.contains(&column.way) {
            ways.push(column.way);
        }
    }
    for way in ways {
        let of = |group| columns.iter().filter(|column| column.way == way && column.task.group == group).collect();
        let (glue, squad): (Vec<&Column<'_>>, Vec<&Column<'_>>) = (of(Group::Glue), of(Group::Squad));
        if glue.len() > 1 {
            let keys: Vec<&str> = glue.iter().map(|column| column.task.key).collect();
            let cell = |row: &Row| {
                let paper = tuning(results, row, way).and_then(|way| beside.glue_average(&row.method, &keys, way));
                Cell::beside(show(&[average(results, row, &glue, 0)]), paper)
            };
            found.push((names::with_way(&format!("GLUE average of {}", glue.len()), way), of_rows(&cell)));
        }
        if squad.len() > 1 {
            let cell = |row: &Row| {
                let scores = [0, 1].map(|measure| average(results, row, &squad, measure));
                let full = tuning(results, row, way) == Some(Tuning::Full);
                Cell::beside(show(&scores), beside.squad_average(&row.method).filter(|_| full))
            };
            found.push((names::with_way("SQuAD average", way), of_rows(&cell)));
        }
    }
    found
}

/// The mean over tasks, seed by seed, of the so many-th measure of each.
fn average(results: &Results, row: &Row, columns: &[&Column<'_>], measure: usize) -> Spread {
    let Some(first) = columns.first() else { return Spread::default() };
    let of_repeat = |repeat: (u64, Option<u64>)| {
        let score = |column: &&Column<'_>| column.score(results, row, repeat, column.measures.get(measure)?);
        let scores: Option<Vec<f64>> = columns.iter().map(score).collect();
        scores.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64)
    };
    Spread::of(first.repeats(results, row).into_iter().map(of_repeat).collect())
}

/// What of the paper a way of measuring stands beside.
fn tuning(results: &Results, row: &Row, way: &str) -> Option<Tuning> {
    let trained = results.experiment.methods.iter().find(|known| known.label == row.label)?.training.steps > 0;
    match way {
        "full" if trained => Some(Tuning::Full),
        "full" => Some(Tuning::Untrained),
        "adapters" => Some(Tuning::Adapters),
        _ => None,
    }
}

fn show(scores: &[Spread]) -> String {
    let shown: Vec<String> = scores.iter().map(|scores| scores.show(number::score)).collect();
    shown.join(" / ")
}

/// Every measure of every task; none if no task was asked for.
pub(super) fn every_measure(results: &Results, figures: &Figures) -> Option<Grid> {
    let columns = columns(results);
    let measures: Vec<(&Column<'_>, &str)> =
        columns.iter().flat_map(|column| column.measures.iter().map(move |measure| (column, *measure))).collect();
    if measures.is_empty() {
        return None;
    }
    let headings = measures.iter().map(|(column, measure)| format!("{}: {}", column.name(), names::measure(measure)));
    let cells = |row: &Row| {
        let score =
            |(column, measure): &(&Column<'_>, &str)| Cell::plain(show(&[column.scores(results, row, measure)]));
        measures.iter().map(score).collect()
    };
    Some(Grid {
        label: "Every measure of every task".into(),
        contents: Contents::Figures,
        columns: std::iter::once("Method".to_owned()).chain(headings).collect(),
        lines: figures.rows.iter().map(|row| Line::of(row, cells(row))).collect(),
    })
}

/// What the columns of tasks hold, for below the main table; none if no task was asked for.
pub(super) fn how_to_read(results: &Results) -> Option<String> {
    let columns = columns(results);
    if columns.is_empty() {
        return None;
    }
    let mut sentences = vec![
        "Scores on tasks are in percent, of the finished models, on each task's own validation set; as in the paper every \
         task of GLUE shows its accuracy, and a table below has all measures. Their spread is over the seeds of training and of \
         tuning together."
            .to_owned(),
    ];
    if columns.iter().filter(|column| column.task.group == Group::Glue).count() > 1 {
        sentences.push("The average of GLUE is over those of its tasks that the paper has and that were run.".into());
    }
    Some(sentences.join(" "))
}
