//! `report.html`: one page that needs nothing else, no script, no request, light and dark. Everything that comes from a
//! result or an experiment file is escaped.

use super::chart::Chart;
use super::figures::{Figures, Role, Row};
use super::palette::{DARK, LIGHT, PAGE, variables};
use super::svg::{draw, escape};
use super::{number, operator, prose, table};
use crate::record::{Results, RunRecord, StageAction};
use anyhow::Result;

/// The page. `charts`: the figures, in order.
pub(super) fn page(results: &Results, figures: &Figures, charts: &[Chart]) -> Result<String> {
    let experiment = &results.experiment;
    let title = escape(&experiment.title);
    let sections = [
        section("savings", "What was saved", &savings(results, figures)),
        section("curves", "Validation loss against cost", &curves(figures, charts)),
        section("stages", "What each method ran", &stages(results, figures)),
        section("operator", "Learnt operators", &operator::section(results, figures)),
        section("experiment", "The experiment", &resolved(&experiment.to_toml()?)),
        section("provenance", "Where this comes from", &provenance(results)),
    ];
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n\
         :root {{ {} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n{}</style>\n</head>\n\
         <body>\n<main>\n<header>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n{}</header>\n{}</main>\n</body>\n</html>\n",
        variables(&LIGHT),
        variables(&DARK),
        include_str!("page.css"),
        text(&prose::what_was_run(results, figures).join(" ")),
        findings(figures),
        sections.concat(),
    ))
}

/// Escaped prose whose figures and units stay on one line.
pub(super) fn text(sentence: &str) -> String {
    escape(sentence).replace(" %", "\u{a0}%").replace(" × ", "\u{a0}×\u{a0}").replace(" ± ", "\u{a0}±\u{a0}")
}

/// A section; nothing if it has nothing to say.
fn section(id: &str, heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{heading}</h2>\n{content}</section>\n")
}

fn findings(figures: &Figures) -> String {
    let sentences = prose::findings(figures);
    if sentences.is_empty() {
        return String::new();
    }
    let sentences: String = sentences.iter().map(|sentence| format!("<p>{}</p>\n", text(sentence))).collect();
    format!("<div class=\"findings\">\n{sentences}</div>\n")
}

/// A table that scrolls by itself where the screen is narrow, also from the keyboard.
pub(super) fn scrolling(label: &str, table: &str) -> String {
    format!("<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n{table}</div>\n")
}

fn savings(results: &Results, figures: &Figures) -> String {
    let family = results.experiment.large.family;
    let head: String = table::COLUMNS.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let mut body = String::new();
    for row in &figures.rows {
        let class = if row.role == Role::Ligo { " class=\"ligo\"" } else { "" };
        body.push_str(&format!("<tr{class}>"));
        for (column, cell) in table::cells(row, family).into_iter().enumerate() {
            let measured = escape(&cell.measured);
            let paper = cell.paper.as_ref().map(|paper| format!("<span class=\"aside\">{}</span>", text(paper)));
            let paper = paper.unwrap_or_default();
            match column {
                0 => body.push_str(&format!("<th scope=\"row\">{}{measured}</th>", swatch(row))),
                _ if cell.measured.starts_with(char::is_alphabetic) => {
                    body.push_str(&format!("<td class=\"words\">{measured}{paper}</td>"));
                }
                _ => body.push_str(&format!("<td>{measured}{paper}</td>")),
            }
        }
        body.push_str("</tr>\n");
    }
    let table = format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n");
    let notes: String = prose::how_to_read(results, figures)
        .iter()
        .map(|paragraph| format!("<p class=\"note\">{}</p>\n", text(paragraph)))
        .collect();
    scrolling("Savings of every method", &table) + &notes
}

pub(super) fn swatch(row: &Row) -> String {
    format!("<span class=\"swatch\" style=\"color:{}\" aria-hidden=\"true\"></span>", PAGE.of(row.role))
}

fn curves(figures: &Figures, charts: &[Chart]) -> String {
    charts
        .iter()
        .map(|chart| {
            format!(
                "<figure>\n<div class=\"scroll\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\n{svg}</div>\n\
                 <figcaption>{title}. {caption}</figcaption>\n</figure>\n",
                title = escape(&chart.title),
                svg = draw(chart, &PAGE, chart.axis.name()),
                caption = text(&prose::caption(figures)),
            )
        })
        .collect()
}

fn stages(results: &Results, figures: &Figures) -> String {
    let mut body = String::new();
    let small: Vec<&RunRecord> = results.small.iter().collect();
    if !small.is_empty() {
        body.push_str(&stages_of("small model", "", "Taken as given; charged in a column of its own.", &small));
    }
    for row in &figures.rows {
        let runs: Vec<&RunRecord> = results.methods.iter().filter(|run| run.label == row.label).collect();
        body.push_str(&stages_of(&row.title, &swatch(row), &row.summary, &runs));
    }
    let columns = ["Method", "Stage", "What it did", "Steps", "Tokens", "FLOPs", "Wall time"];
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
fn stages_of(title: &str, swatch: &str, summary: &str, runs: &[&RunRecord]) -> String {
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

fn resolved(toml: &str) -> String {
    format!(
        "<p>The experiment file with everything filled in that it leaves out. Run on the same machine with the same number of \
         threads, it gives the same losses, bit for bit.</p>\n\
         <details>\n<summary>Resolved experiment file</summary>\n<pre tabindex=\"0\"><code>{}</code></pre>\n</details>\n",
        escape(toml)
    )
}

fn provenance(results: &Results) -> String {
    let provenance = &results.provenance;
    let commit = match (&provenance.commit, provenance.dirty) {
        (Some(commit), false) => commit.clone(),
        (Some(commit), true) => format!("{commit}, with changes"),
        (None, _) => "none".into(),
    };
    let data = &results.data;
    let entries = [
        ("Command", provenance.command.clone()),
        ("Date", provenance.date.clone()),
        ("Commit", commit),
        ("Version", format!("ligo {}", provenance.version)),
        ("Compiler", provenance.rustc.clone().unwrap_or_else(|| "unknown".into())),
        ("Machine", format!("{}, {}", provenance.machine, provenance.system)),
        ("Threads", provenance.threads.to_string()),
        (
            "Data",
            format!(
                "{}: {} tokens to train on, {} to validate on",
                data.name,
                number::count(data.train_tokens),
                number::count(data.validation_tokens)
            ),
        ),
        ("Fingerprint of the data", data.fingerprint.clone()),
    ];
    let entries: String =
        entries.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value))).collect();
    format!("<dl>\n{entries}</dl>\n")
}
