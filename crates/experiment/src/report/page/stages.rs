//! What each method ran, stage by stage.

use super::{scrolling, swatch, text};
use crate::record::{Results, RunRecord, StageAction};
use crate::report::figures::Figures;
use crate::report::number;
use crate::report::svg::escape;

/// The section's content.
pub(super) fn section(results: &Results, figures: &Figures) -> String {
    let mut body = String::new();
    let small: Vec<&RunRecord> = results.small.iter().collect();
    if !small.is_empty() {
        body.push_str(&stages("small model", "", "Taken as given; charged in a column of its own.", &small));
    }
    for row in &figures.rows {
        let runs: Vec<&RunRecord> = results.methods.iter().filter(|run| run.label == row.label).collect();
        body.push_str(&stages(&row.title, &swatch(row.role), &row.summary, &runs));
    }
    let seen = if results.data.images.is_some() { "Images" } else { "Tokens" };
    let columns = ["Method", "Stage", "What it did", "Steps", seen, "FLOPs", "Wall time"];
    let head: String = columns
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let class = if column < 3 { " class=\"text\"" } else { "" };
            format!("<th scope=\"col\"{class}>{name}</th>")
        })
        .collect();
    scrolling("Stages of every method", &format!("<table>\n<thead><tr>{head}</tr></thead>\n{body}</table>\n"))
}

/// The stages of a row: steps, tokens and FLOPs are the same with every seed, the time is the mean.
fn stages(title: &str, swatch: &str, summary: &str, runs: &[&RunRecord]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let rows = first.stages.len();
    let mut body = String::from("<tbody>\n");
    for (index, stage) in first.stages.iter().enumerate() {
        let times: Vec<f64> =
            runs.iter().filter_map(|run| run.stages.get(index)).map(|stage| stage.cost.wall_seconds).collect();
        let name = match index {
            0 => format!(
                "<th scope=\"rowgroup\" rowspan=\"{rows}\">{swatch}{}<span class=\"aside\">{}</span></th>",
                escape(title),
                text(summary)
            ),
            _ => String::new(),
        };
        let action = match stage.action {
            StageAction::Grow => "grew",
            StageAction::Learn => "learnt an operator and grew",
            StageAction::Train => "trained",
        };
        body.push_str(&format!(
            "<tr>{name}<td class=\"text\">{}</td><td class=\"text\">{action}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&stage.name),
            number::count(stage.cost.steps),
            number::count(stage.cost.tokens),
            number::si(stage.cost.flops),
            number::seconds(times.iter().sum::<f64>() / times.len().max(1) as f64),
        ));
    }
    body.push_str("</tbody>\n");
    body
}
