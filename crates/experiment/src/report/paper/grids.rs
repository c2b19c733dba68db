//! The paper's own tables, as far as they are about what is at hand: for reading beside ours.

use super::{Beside, bert, growths, vision};
use crate::report::figures::Role;
use crate::report::grid::{Cell, Contents, Grid, Line};
use crate::report::number;

/// The tables with their names.
pub(in crate::report) fn grids(beside: Beside) -> Vec<(&'static str, Grid)> {
    let own = if beside.family.reads_images() {
        vec![("Table 2: DeiT-S grown to DeiT-B, accuracies", table_2())]
    } else {
        vec![
            ("Table 1: BERT-Small grown to BERT-Base", table_1()),
            ("Table 3: steps of the operator, BERT-Small to BERT-Base", table_3()),
            ("Table 5: fine-tuned without further pretraining", glue("Table 5", bert::TABLE_5)),
            ("Table 6: AdapterFusion in place of full fine-tuning", glue("Table 6", bert::TABLE_6)),
            ("Figure 5: what other strategies save on top of LiGO", figure_5()),
        ]
    };
    let all = ("What LiGO saved, every growth", savings());
    own.into_iter().chain(std::iter::once(all)).collect()
}

fn grid(label: &str, columns: &[&str], lines: Vec<Line>) -> Grid {
    Grid {
        label: format!("The paper's {label}"),
        contents: Contents::Figures,
        columns: columns.iter().map(|&name| name.into()).collect(),
        lines,
    }
}

fn line(method: &str, cells: Vec<String>) -> Line {
    let role = (method == "ligo").then_some(Role::Ligo);
    let title = match method {
        "scratch" => "Scratch",
        "stackbert" => "StackBERT",
        "mslt" => "MSLT",
        "ki" => "KI",
        "bert2bert" => "bert2BERT",
        "ligo" => "LiGO",
        other => other,
    };
    Line { role, title: title.into(), cells: cells.into_iter().map(Cell::plain).collect() }
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(|| number::NONE.into(), number::percent)
}

fn score(score: f64) -> String {
    format!("{score:.2}")
}

fn pair((f1, exact): (f64, f64)) -> String {
    format!("{f1:.2} / {exact:.2}")
}

const GLUE_HEADINGS: [&str; 7] = ["SST-2", "MNLI", "MRPC", "CoLA", "QNLI", "QQP", "STS-B"];

fn table_1() -> Grid {
    let mut columns = vec!["Method", "FLOPs saved", "Wall time saved"];
    columns.extend(GLUE_HEADINGS);
    columns.extend([
        "SQuAD 1.1 (F1 / exact match)",
        "SQuAD 2.0 (F1 / exact match)",
        "GLUE average",
        "SQuAD average (F1 / exact match)",
        "Log perplexity after 400,000 steps (read off Figure 2a; target 1.80)",
    ]);
    let lines = bert::TABLE_1.iter().map(|row| {
        let mut cells = vec![share(row.savings.map(|(flops, _)| flops)), share(row.savings.map(|(_, wall)| wall))];
        cells.extend(row.glue.map(score));
        cells.extend(row.squad.map(pair));
        let averages = row.averages.map(|(glue, squad)| [score(glue), pair(squad)]);
        cells.extend(averages.unwrap_or_default());
        let end = bert::ENDS.iter().find(|(method, _)| *method == row.method);
        cells.push(end.map_or_else(|| number::NONE.into(), |(_, end)| number::loss(*end)));
        line(row.method, cells)
    });
    grid("Table 1", &columns, lines.collect())
}

fn table_2() -> Grid {
    let mut columns = vec!["Method", "FLOPs saved", "Wall time saved"];
    columns.extend(["ImageNet", "CIFAR-10", "CIFAR-100", "Flowers", "Cars", "ChestXRay8"]);
    let lines = vision::TABLE_2.iter().map(|row| {
        let mut cells = vec![share(row.savings.map(|(flops, _)| flops)), share(row.savings.map(|(_, wall)| wall))];
        cells.extend(row.transfer.map(score));
        line(row.method, cells)
    });
    grid("Table 2", &columns, lines.collect())
}

fn table_3() -> Grid {
    let lines = bert::TABLE_3.iter().map(|(steps, flops, saved)| {
        Line::named(
            number::count(steps.unsigned_abs()),
            [number::si(*flops), number::percent(*saved)].map(Cell::plain).into(),
        )
    });
    grid("Table 3", &["Steps of the operator", "FLOPs that they add", "FLOPs saved"], lines.collect())
}

/// Tables of GLUE's tasks alone.
fn glue<const N: usize>(label: &str, rows: [(&str, [f64; 7], f64); N]) -> Grid {
    let mut columns = vec!["Method"];
    columns.extend(GLUE_HEADINGS);
    columns.push("Average");
    let lines = rows.iter().map(|(method, scores, mean)| {
        line(method, scores.iter().chain(std::iter::once(mean)).map(|value| score(*value)).collect())
    });
    grid(label, &columns, lines.collect())
}

fn figure_5() -> Grid {
    let lines = bert::FIGURE_5
        .iter()
        .map(|(_, name, saved)| Line::named(*name, vec![Cell::plain(format!("+{}", number::percent(*saved)))]));
    grid("Figure 5", &["Strategy", "FLOPs saved beyond LiGO's"], lines.collect())
}

fn savings() -> Grid {
    let lines = growths::GROWTHS.map(growths::growth).map(|told| {
        let cells = [number::percent(told.flops), share(told.wall), told.place.to_owned()];
        Line::named(told.name, cells.map(Cell::plain).into())
    });
    grid("savings of LiGO", &["Growth", "FLOPs saved", "Wall time saved", "Where"], lines.into())
}
