//! Savings to fixed values of the metric, beside those to the reference's end.

use super::figures::{Figures, Role, Row};
use super::grid::{Cell, Contents, Grid, Line};
use super::savings::Savings;
use super::{number, table};
use crate::record::Results;

/// A line for each threshold and row; none without thresholds.
pub(super) fn grid(figures: &Figures) -> Option<Grid> {
    if figures.thresholds.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    for (index, threshold) in figures.thresholds.iter().enumerate() {
        for row in &figures.rows {
            let mut cells = vec![Cell::plain(figures.measure.show(*threshold))];
            cells.extend(cells_of(row, &row.thresholds[index], figures).map(Cell::plain));
            lines.push(Line::of(row, cells));
        }
    }
    let columns = ["Method", "Target", "FLOPs until then", "FLOPs saved", "Wall time saved", CHARGED];
    Some(Grid {
        label: "Savings to other targets".into(),
        contents: Contents::Figures,
        columns: columns.map(str::to_owned).into(),
        lines,
    })
}

const CHARGED: &str = "Small model charged: FLOPs / wall time";

fn cells_of(row: &Row, savings: &Savings, figures: &Figures) -> [String; 4] {
    let none = || number::NONE.to_owned();
    if savings.reached() < row.seeds.len() {
        return [table::not_reached(row, &savings.steps_to), none(), none(), none()];
    }
    let cost = savings.flops_to.show(number::si);
    if row.role == Role::Reference {
        return [cost, none(), none(), none()];
    }
    if savings.flops.mean.is_none() {
        // The reference has no cost to compare with: it never gets there, or not with every seed.
        return [cost, format!("{} does not reach it", figures.reference), none(), none()];
    }
    [cost, table::saved(row, &savings.flops), table::saved(row, &savings.wall), table::charged(row, savings)]
}

/// How the table is read.
pub(super) fn how_to_read(results: &Results, figures: &Figures) -> String {
    let small = if results.experiment.checkpoint.is_some() { "" } else { "; the last column charges the small model" };
    format!("The same savings to a fixed {} in place of {}'s end{small}.", figures.measure.name(), figures.reference)
}
