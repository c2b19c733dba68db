//! What became of the learnt operators: for each row that learnt one, what the run of its first seed says of the factors.
//! Numbers and texts here; [`spectra`] and [`heat`] draw them, [`html`] and [`markdown`] set them.

mod heat;
mod html;
mod markdown;
mod spectra;

#[cfg(test)]
mod tests;

pub(super) use html::section;
pub(super) use markdown::sections;

use super::figures::{Figures, Row};
use super::number;
use super::palette::Palette;
use crate::record::{OperatorLoss, Results, RunRecord};
use ligo_growth::FactorDiagnostics;

/// A learnt operator, of which the run kept what it knew of the factors.
#[derive(Debug)]
pub(super) struct Operator<'a> {
    row: &'a Row,
    run: &'a RunRecord,
    loss: OperatorLoss,
}

/// A figure of a learnt operator: the end of its file's name, and how it is drawn.
struct Figure {
    name: &'static str,
    /// What it shows, for who cannot see it.
    title: &'static str,
    /// How to read it.
    caption: &'static str,
    draw: fn(&Operator<'_>, &Palette, &str) -> String,
}

const SPECTRA: Figure = Figure {
    name: "spectra",
    title: "Singular values of the width factors",
    caption: "The singular values of every width factor as it is applied, largest first. A level line uses all directions alike; one \
              that falls to the axis uses few.",
    draw: spectra::draw,
};

const DEPTH: Figure = Figure {
    name: "depth",
    title: "Depth weights",
    caption: "How much of each small layer (columns) goes into each large one (rows), a panel for each module. All panels share the \
              scale of colours.",
    draw: heat::draw,
};

/// The operators of which there is more to say than their losses, in the order of the rows.
pub(super) fn learnt<'a>(results: &'a Results, figures: &'a Figures) -> Vec<Operator<'a>> {
    let of_row = |row: &'a Row| {
        let run = results.methods.iter().find(|run| run.label == row.label)?;
        let loss = run.operator?;
        (!run.operator_diagnostics.is_empty()).then_some(Operator { row, run, loss })
    };
    figures.rows.iter().filter_map(of_row).collect()
}

impl<'a> Operator<'a> {
    /// The figures that there is something to show in.
    fn figures(&self) -> impl Iterator<Item = Figure> {
        let spectra = self.width_factors().next().map(|_| SPECTRA);
        let depth = self.depth_factors().next().map(|_| DEPTH);
        spectra.into_iter().chain(depth)
    }

    /// Its figures as files: names and SVG with the colours of `palette`.
    pub(super) fn files(&self, palette: &Palette, suffix: &str) -> Vec<(String, String)> {
        self.figures()
            .map(|figure| {
                let id = self.file(&figure);
                (format!("{id}{suffix}.svg"), (figure.draw)(self, palette, &id))
            })
            .collect()
    }

    /// The name of a figure's file, without its end.
    fn file(&self, figure: &Figure) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let label: String = self.row.label.chars().map(plain).collect();
        format!("operator-{label}-{}", figure.name)
    }

    fn factors(&self) -> &'a [FactorDiagnostics] {
        &self.run.operator_diagnostics
    }

    fn width_factors(&self) -> impl Iterator<Item = &'a FactorDiagnostics> + use<'a> {
        self.factors().iter().filter(|factor| !factor.singular_values.is_empty())
    }

    fn depth_factors(&self) -> impl Iterator<Item = &'a FactorDiagnostics> + use<'a> {
        self.factors().iter().filter(|factor| factor.depth_weights.first().is_some_and(|row| !row.is_empty()))
    }

    /// Whose run it is, and what learning did for the loss.
    fn sentence(&self) -> String {
        let run = match self.row.seeds.len() {
            1 => format!("The run with seed {}.", self.run.seed),
            seeds => format!("The run with seed {}, the first of {seeds}.", self.run.seed),
        };
        format!(
            "{run} The validation loss of the large model that the operator makes was {} at its start and {} after its last step.",
            number::loss(self.loss.before),
            number::loss(self.loss.after),
        )
    }
}

/// Headings of the table of factors.
const COLUMNS: [&str; 5] = ["Factor", "Moved", "Effective rank", "Largest singular value", "Smallest singular value"];

/// How the table of factors is read.
const HOW_TO_READ: &str = "Moved is ‖F − F₀‖ / ‖F₀‖, the distance of a factor from its start, or ‖F‖ where it started at 0. The effective rank is exp \
     of the entropy of the singular values over their sum: how many directions a width factor (B, A) uses. Depth factors (w) have \
     none.";

/// Factors of which nothing but their movement is known, more than this many of a kind, share a line.
const ONE_BY_ONE: usize = 3;

/// The lines of the table of factors.
fn lines(operator: &Operator<'_>) -> Vec<[String; 5]> {
    let factors = operator.factors();
    let kind = |factor: &FactorDiagnostics| factor.name.split('.').next().unwrap_or_default().to_owned();
    let plain = |factor: &&FactorDiagnostics| factor.singular_values.is_empty() && factor.depth_weights.is_empty();
    let mut together: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for factor in factors {
        let of_kind = || factors.iter().filter(plain).filter(|other| kind(other) == kind(factor));
        if !plain(&factor) || of_kind().count() <= ONE_BY_ONE {
            lines.push(cells(factor));
        } else if !together.contains(&kind(factor)) {
            together.push(kind(factor));
            let most = of_kind().map(|other| other.moved).fold(0.0, f64::max);
            let name = format!("{}, {} tensors", kind(factor), of_kind().count());
            let none = || number::NONE.to_owned();
            lines.push([name, format!("at most {}", number::ratio(most)), none(), none(), none()]);
        }
    }
    lines
}

/// A factor's line in the table.
fn cells(factor: &FactorDiagnostics) -> [String; 5] {
    let values = &factor.singular_values;
    let value = |value: Option<&f64>| value.map_or_else(|| number::NONE.into(), |value| number::ratio(*value));
    let rank = match values.len() {
        0 => number::NONE.into(),
        all => format!("{:.1} of {all}", factor.effective_rank),
    };
    [factor.name.clone(), number::ratio(factor.moved), rank, value(values.first()), value(values.last())]
}
