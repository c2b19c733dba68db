//! `report.html`: one page that needs nothing else, no script, no request; light, dark, printed, on a phone, by keyboard.
//! Everything that comes from a result or an experiment file is escaped.

mod frame;
mod sections;
mod stages;
mod tables;

pub(super) use frame::{document, section, text};
pub(super) use sections::figure;
pub(super) use tables::{grid, scrolling, swatch};

use super::chart::Chart;
use super::figures::Figures;
use super::operator;
use super::prose;
use super::svg::escape;
use crate::record::Results;
use anyhow::Result;

/// The page. `charts`: the figures, in order.
pub(super) fn page(results: &Results, figures: &Figures, charts: &[Chart]) -> Result<String> {
    let experiment = &results.experiment;
    let curves = format!("{} against cost", capital(figures.measure.name()));
    let sections = [
        section("savings", "What was saved", &sections::savings(results, figures)),
        section("tasks", "Every measure of every task", &sections::tasks(results, figures)),
        section("thresholds", "Savings to other targets", &sections::thresholds(results, figures)),
        section("curves", &curves, &sections::curves(figures, charts)),
        section("equal-compute", "At equal compute", &sections::equal_compute(results, figures)),
        section("search", "The search", &sections::search(results, figures)),
        section("stages", "What each method ran", &stages::section(results, figures)),
        section("operator", "Learnt operators", &operator::section(results, figures)),
        section("paper", "What the paper reports", &sections::paper(results)),
        section("experiment", "The experiment", &sections::resolved(&experiment.to_toml()?)),
        section("provenance", "Where this comes from", &sections::provenance(results, figures)),
    ];
    let header = format!(
        "<p class=\"lead\">{}</p>\n{}",
        text(&prose::what_was_run(results, figures).join(" ")),
        findings(figures)
    );
    Ok(document(&experiment.title, &header, &sections.concat()))
}

fn findings(figures: &Figures) -> String {
    let sentences = prose::findings(figures);
    if sentences.is_empty() {
        return String::new();
    }
    let sentences: String = sentences.iter().map(|sentence| format!("<p>{}</p>\n", text(sentence))).collect();
    format!("<div class=\"findings\">\n{sentences}</div>\n")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A paragraph of small print.
fn note(sentence: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", text(sentence))
}

/// What can be opened. `content`: HTML.
fn details(summary: &str, content: &str) -> String {
    format!("<details>\n<summary>{}</summary>\n{content}</details>\n", escape(summary))
}
