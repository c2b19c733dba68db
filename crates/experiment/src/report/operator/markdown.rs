//! The sections of `table.md` on learnt operators, with their figures as files beside it.

use super::{COLUMNS, HOW_TO_READ, Operator, learnt, lines};
use crate::record::Results;
use crate::report::figures::Figures;
use crate::report::grid::markdown_escape;
use crate::report::pictures::picture;

/// A section for each row that learnt an operator; nothing where none did.
pub(in crate::report) fn sections(results: &Results, figures: &Figures) -> String {
    let operators = learnt(results, figures);
    if operators.is_empty() {
        return String::new();
    }
    let sections: String = operators.iter().map(section).collect();
    format!("{sections}\n{}\n", markdown_escape(HOW_TO_READ))
}

fn section(operator: &Operator<'_>) -> String {
    let title = markdown_escape(&operator.row.title);
    let mut text = format!("\n## The operator of {title}\n\n{}\n", markdown_escape(&operator.sentence()));
    text.push_str(&format!("\n| {} |\n|:---|{}\n", COLUMNS.join(" | "), "---:|".repeat(COLUMNS.len() - 1)));
    for cells in lines(operator) {
        text.push_str(&format!("| {} |\n", cells.map(|cell| markdown_escape(&cell)).join(" | ")));
    }
    for figure in operator.figures() {
        let alt = format!("{} of {}", figure.title, operator.row.title);
        text.push_str(&format!("\n{}", picture(&operator.file(&figure), &alt, figure.caption)));
    }
    text
}
