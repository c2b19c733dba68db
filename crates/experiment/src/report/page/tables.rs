//! Tables as HTML.

use super::text;
use crate::report::figures::Role;
use crate::report::grid::{Cell, Contents, Grid, Line};
use crate::report::palette::PAGE;
use crate::report::svg::escape;

/// Columns from which on a table is set smaller when it is printed.
const WIDE: usize = 11;

/// A table that scrolls by itself where the screen is narrow, also from the keyboard.
pub(in crate::report) fn grid(grid: &Grid) -> String {
    let head: String = grid.columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let body: String = grid.lines.iter().map(line).collect();
    let class = match (grid.contents, grid.columns.len() >= WIDE) {
        (Contents::Words, _) => " class=\"prose\"",
        (Contents::Figures, true) => " class=\"wide\"",
        (Contents::Figures, false) => "",
    };
    let table = format!("<table{class}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n");
    scrolling(&escape(&grid.label), &table)
}

fn line(line: &Line) -> String {
    let class = if line.role == Some(Role::Ligo) { " class=\"ligo\"" } else { "" };
    let swatch = line.role.map(swatch).unwrap_or_default();
    let cells: String = line.cells.iter().map(cell).collect();
    format!("<tr{class}><th scope=\"row\">{swatch}{}</th>{cells}</tr>\n", escape(&line.title))
}

fn cell(cell: &Cell) -> String {
    let measured = escape(&cell.measured);
    let measured = if cell.strong { format!("<strong>{measured}</strong>") } else { measured };
    let paper = cell.paper.as_ref().map(|paper| format!("<span class=\"aside\">{}</span>", text(paper)));
    let class = if cell.measured.starts_with(char::is_alphabetic) { " class=\"words\"" } else { "" };
    format!("<td{class}>{measured}{}</td>", paper.unwrap_or_default())
}

/// Something wide that scrolls by itself. `label` and `content`: HTML.
pub(in crate::report) fn scrolling(label: &str, content: &str) -> String {
    format!("<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n{content}</div>\n")
}

/// A dot in the colour of a row.
pub(in crate::report) fn swatch(role: Role) -> String {
    format!("<span class=\"swatch\" style=\"color:{}\" aria-hidden=\"true\"></span>", PAGE.of(role))
}
