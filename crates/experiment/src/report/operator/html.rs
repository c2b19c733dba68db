//! The page's section on learnt operators: their losses with every seed, then what became of the factors, row by row.

use super::{COLUMNS, HOW_TO_READ, Operator, learnt, lines};
use crate::record::Results;
use crate::report::figures::Figures;
use crate::report::number;
use crate::report::page::{scrolling, swatch, text};
use crate::report::palette::PAGE;
use crate::report::svg::escape;

/// The section's content; nothing where no operator was learnt.
pub(in crate::report) fn section(results: &Results, figures: &Figures) -> String {
    let losses = losses(results, figures);
    if losses.is_empty() {
        return losses;
    }
    let operators = learnt(results, figures);
    let how =
        if operators.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", text(HOW_TO_READ)) };
    let of_rows: String = operators.iter().enumerate().map(|(index, operator)| factors(index, operator)).collect();
    losses + &of_rows + &how
}

/// The loss before and after learning, of every seed.
fn losses(results: &Results, figures: &Figures) -> String {
    let mut body = String::new();
    for row in &figures.rows {
        for run in results.methods.iter().filter(|run| run.label == row.label) {
            let Some(operator) = run.operator else { continue };
            body.push_str(&format!(
                "<tr><th scope=\"row\">{}{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                swatch(row.role),
                escape(&row.title),
                run.seed,
                number::loss(operator.before),
                number::loss(operator.after),
            ));
        }
    }
    if body.is_empty() {
        return body;
    }
    let head: String = ["Method", "Seed", "Loss before learning", "Loss after learning"]
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .concat();
    let small = figures.small.as_ref().map(|small| format!(" The small model's own is {}.", small.show(number::loss)));
    format!(
        "<p>The validation loss of the large model that the operator makes of the small one, at the operator's start and after \
         its last step.{}</p>\n{}",
        escape(&small.unwrap_or_default()),
        scrolling(
            "Loss of the learnt operators",
            &format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n")
        ),
    )
}

/// A row's figures and its table of factors.
fn factors(index: usize, operator: &Operator<'_>) -> String {
    let name = format!("{}{}", swatch(operator.row.role), escape(&operator.row.title));
    let mut html = format!("<h3>{name}</h3>\n<p>{}</p>\n", text(&operator.sentence()));
    for figure in operator.figures() {
        let svg = (figure.draw)(operator, &PAGE, &format!("operator-{index}-{}", figure.name));
        html.push_str(&format!(
            "<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
            scrolling(&escape(&format!("{} of {}", figure.title, operator.row.title)), &svg),
            text(figure.caption),
        ));
    }
    let head: String = COLUMNS.map(|name| format!("<th scope=\"col\">{name}</th>")).concat();
    let mut body = String::new();
    for [name, figures @ ..] in lines(operator) {
        let figures = figures.map(|figure| format!("<td>{}</td>", text(&figure))).concat();
        body.push_str(&format!("<tr><th scope=\"row\"><code>{}</code></th>{figures}</tr>\n", escape(&name)));
    }
    html.push_str(&scrolling(
        &escape(&format!("Factors of {}", operator.row.title)),
        &format!("<table class=\"factors\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"),
    ));
    html
}
