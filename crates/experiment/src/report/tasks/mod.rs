//! The scores of the finished models on other tasks: columns of the main table, as the paper prints them, and a table of every
//! measure.

mod names;

use super::figures::{Figures, Row, Spread};
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use super::paper::{Beside, Tuning};
use super::table::SMALL_MODEL;
use crate::record::{DownstreamRecord, Results};
use crate::run::jobs::SMALL;
use crate::schema::TaskKind;
use names::{Group, Task};

/// Whose scores are shown: a row of the table, or the small model.
#[derive(Debug, Clone)]
struct Model<'a> {
    label: &'a str,
    method: &'a str,
    seeds: Vec<u64>,
}

impl<'a> Model<'a> {
    fn of(row: &'a Row) -> Self {
        Self { label: &row.label, method: &row.method, seeds: row.seeds.clone() }
    }

    /// The small model, if it was measured on tasks.
    fn small(results: &Results) -> Option<Self> {
        let seeds = results.small.iter().map(|run| run.seed).collect();
        let measured = results.downstream.iter().any(|record| record.label == SMALL);
        measured.then_some(Self { label: SMALL, method: SMALL, seeds })
    }

    /// What of the paper a way of measuring it stands beside.
    fn tuning(&self, results: &Results, way: &str) -> Option<Tuning> {
        if self.label == SMALL {
            return (way == "full").then_some(Tuning::Full);
        }
        Tuning::of(results.experiment.methods.iter().find(|known| known.label == self.label)?, way)
    }
}

/// A task, and how the models were measured on it: one column of the main table.
#[derive(Debug, PartialEq)]
struct Column<'a> {
    label: &'a str,
    way: &'a str,
    kind: TaskKind,
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

    /// The paper prints F1 and exact match of SQuAD, of all else one measure; which one of CoLA is open, so that both are shown.
    fn shown(&self) -> usize {
        if matches!(self.kind, TaskKind::Cola | TaskKind::Squad | TaskKind::SquadV2) { 2 } else { 1 }
    }

    /// The seeds with which a model was trained and tuned on the task; a seed that was not tuned has no second one.
    fn repeats(&self, results: &Results, model: &Model<'_>) -> Vec<(u64, Option<u64>)> {
        let tuned = |seed: u64| {
            let records = results.downstream.iter().filter(move |record| self.holds(record, model, seed));
            let mut seeds: Vec<Option<u64>> = records.map(|record| Some(record.tuning_seed)).collect();
            if seeds.is_empty() {
                seeds.push(None);
            }
            seeds.into_iter().map(move |tuning| (seed, tuning))
        };
        model.seeds.iter().flat_map(|&seed| tuned(seed)).collect()
    }

    /// A measure of one training and tuning.
    fn score(&self, results: &Results, model: &Model<'_>, repeat: (u64, Option<u64>), measure: &str) -> Option<f64> {
        let of_repeat =
            |record: &&DownstreamRecord| self.holds(record, model, repeat.0) && Some(record.tuning_seed) == repeat.1;
        let record = results.downstream.iter().find(of_repeat)?;
        record.scores.iter().find(|(name, _)| name == measure).map(|(_, score)| *score)
    }

    /// A measure over all seeds of a model.
    fn scores(&self, results: &Results, model: &Model<'_>, measure: &str) -> Spread {
        let repeats = self.repeats(results, model);
        Spread::of(repeats.into_iter().map(|repeat| self.score(results, model, repeat, measure)).collect())
    }

    fn holds(&self, record: &DownstreamRecord, model: &Model<'_>, seed: u64) -> bool {
        (record.label.as_str(), record.seed, record.task.as_str(), record.way.as_str())
            == (model.label, seed, self.label, self.way)
    }
}

/// The columns, in the order of the records.
fn columns(results: &Results) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for record in &results.downstream {
        if columns.iter().any(|known| known.label == record.task && known.way == record.way) {
            continue;
        }
        // Only scores on the experiment's tasks are collected.
        let Some(config) = results.experiment.tasks.iter().find(|config| config.label == record.task) else { continue };
        columns.push(Column {
            label: &record.task,
            way: &record.way,
            kind: config.task,
            task: Task::of(config.task, &config.label),
            measures: record.scores.iter().map(|(name, _)| name.as_str()).collect(),
        });
    }
    columns
}

/// The columns of the main table: a heading, and a cell for each row.
pub(super) fn main_columns(results: &Results, figures: &Figures) -> Vec<(String, Vec<Cell>)> {
    let rows: Vec<Model<'_>> = figures.rows.iter().map(Model::of).collect();
    main_cells(results, &rows)
}

/// The cells of the small model in those columns; none if it was measured on no task.
pub(super) fn small_model(results: &Results) -> Option<Vec<Cell>> {
    let columns = main_cells(results, &[Model::small(results)?]);
    Some(columns.into_iter().flat_map(|(_, cells)| cells).collect())
}

fn main_cells(results: &Results, models: &[Model<'_>]) -> Vec<(String, Vec<Cell>)> {
    let beside = Beside::of(&results.experiment);
    let columns = columns(results);
    let of_models = |cell: &dyn Fn(&Model<'_>) -> Cell| models.iter().map(cell).collect::<Vec<_>>();
    let mut found: Vec<(String, Vec<Cell>)> = columns
        .iter()
        .map(|column| {
            let measures = &column.measures[..column.shown().min(column.measures.len())];
            let cell = |model: &Model<'_>| {
                let scores = measures.iter().map(|measure| column.scores(results, model, measure)).collect::<Vec<_>>();
                let tuning = model.tuning(results, column.way);
                Cell::beside(
                    show(&scores),
                    tuning.and_then(|tuning| beside.score(model.method, column.task.key, tuning)),
                )
            };
            (column.heading(), of_models(&cell))
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
            let cell = |model: &Model<'_>| {
                let tuning = model.tuning(results, way);
                let paper = tuning.and_then(|tuning| beside.glue_average(model.method, &keys, tuning));
                Cell::beside(show(&[average(results, model, &glue, 0)]), paper)
            };
            found.push((names::with_way(&format!("GLUE average of {}", glue.len()), way), of_models(&cell)));
        }
        if squad.len() > 1 {
            let cell = |model: &Model<'_>| {
                let scores = [0, 1].map(|measure| average(results, model, &squad, measure));
                let full = model.tuning(results, way) == Some(Tuning::Full);
                Cell::beside(show(&scores), beside.squad_average(model.method).filter(|_| full))
            };
            found.push((names::with_way("SQuAD average", way), of_models(&cell)));
        }
    }
    found
}

/// The mean over tasks, seed by seed, of the so many-th measure of each.
fn average(results: &Results, model: &Model<'_>, columns: &[&Column<'_>], measure: usize) -> Spread {
    let Some(first) = columns.first() else { return Spread::default() };
    let of_repeat = |repeat: (u64, Option<u64>)| {
        let score = |column: &&Column<'_>| column.score(results, model, repeat, column.measures.get(measure)?);
        let scores: Option<Vec<f64>> = columns.iter().map(score).collect();
        scores.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64)
    };
    Spread::of(first.repeats(results, model).into_iter().map(of_repeat).collect())
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
    let cells = |model: &Model<'_>| -> Vec<Cell> {
        let score =
            |(column, measure): &(&Column<'_>, &str)| Cell::plain(show(&[column.scores(results, model, measure)]));
        measures.iter().map(score).collect()
    };
    let small = Model::small(results).map(|model| Line::named(SMALL_MODEL, cells(&model)));
    let rows = figures.rows.iter().map(|row| Line::of(row, cells(&Model::of(row))));
    Some(Grid {
        label: "Every measure of every task".into(),
        contents: Contents::Figures,
        columns: std::iter::once("Method".to_owned()).chain(headings).collect(),
        lines: small.into_iter().chain(rows).collect(),
    })
}

/// What the columns of tasks hold, for below the main table; none if no task was asked for.
pub(super) fn how_to_read(results: &Results) -> Option<String> {
    let columns = columns(results);
    if columns.is_empty() {
        return None;
    }
    let mut sentences = vec![
        "Scores on tasks are in percent, of the finished models, on each task's own validation set; a table below has all \
         measures. Their spread is over the seeds of training and of tuning together."
            .to_owned(),
    ];
    if columns.iter().any(|column| column.kind.glue().is_some()) {
        sentences.push(
            "The paper heads every task of GLUE with accuracy, and that is the first figure here but of STS-B, which has none and \
             shows the mean of its two correlations; beside CoLA's accuracy stands Matthews' correlation, GLUE's own measure of it \
             and by their size the likelier one of the paper's figures."
                .into(),
        );
    }
    if columns.iter().filter(|column| column.task.group == Group::Glue).count() > 1 {
        sentences.push(
            "The average of GLUE is over those of its tasks that the paper has and that were run, of the first figure of each.".into(),
        );
    }
    Some(sentences.join(" "))
}
