//! A table before it is set: headings and cells as plain text. Here it becomes Markdown; [`super::page`] makes HTML of it.

use super::figures::{Role, Row};

/// A table.
#[derive(Debug)]
pub(super) struct Grid {
    /// What it is, for who cannot see it.
    pub(super) label: String,
    /// What is in it.
    pub(super) contents: Contents,
    /// The headings, the first above the names of the lines.
    pub(super) columns: Vec<String>,
    pub(super) lines: Vec<Line>,
}

/// What a table is made of: which side its cells keep to, whether they may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    Figures,
    Words,
}

/// A line of a table.
#[derive(Debug)]
pub(super) struct Line {
    /// Of the row that it is about, if it is about one.
    pub(super) role: Option<Role>,
    pub(super) title: String,
    /// One for every heading but the first.
    pub(super) cells: Vec<Cell>,
}

/// A cell: what was measured, and beside it what the paper reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) measured: String,
    pub(super) paper: Option<String>,
    /// Whether it stands out from the others of its line.
    pub(super) strong: bool,
}

impl Cell {
    /// With nothing beside it.
    pub(super) fn plain(measured: impl Into<String>) -> Self {
        Self { measured: measured.into(), ..Self::default() }
    }

    /// With what the paper reports.
    pub(super) fn beside(measured: impl Into<String>, paper: Option<String>) -> Self {
        Self { measured: measured.into(), paper, strong: false }
    }
}

impl Line {
    /// About a row of the experiment.
    pub(super) fn of(row: &Row, cells: Vec<Cell>) -> Self {
        Self { role: Some(row.role), title: row.title.clone(), cells }
    }

    /// About something else.
    pub(super) fn named(title: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self { role: None, title: title.into(), cells }
    }
}

impl Grid {
    /// As a Markdown table.
    pub(super) fn markdown(&self) -> String {
        let headings: Vec<String> = self.columns.iter().map(|name| markdown_escape(name)).collect();
        let side = match self.contents {
            Contents::Figures => "---:|",
            Contents::Words => ":---|",
        };
        let mut text = format!("| {} |\n|:---|{}\n", headings.join(" | "), side.repeat(self.columns.len() - 1));
        for line in &self.lines {
            let mut cells = vec![markdown_escape(&line.title)];
            cells.extend(line.cells.iter().map(markdown_cell));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

fn markdown_cell(cell: &Cell) -> String {
    let measured = markdown_escape(&cell.measured);
    let measured = if cell.strong { format!("**{measured}**") } else { measured };
    match &cell.paper {
        Some(paper) => format!("{measured}<br>*({})*", markdown_escape(paper)),
        None => measured,
    }
}

/// Text that Markdown would take for something else.
pub(super) fn markdown_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '`' | '[' | ']' | '\\' => escaped.extend(['\\', character]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}
