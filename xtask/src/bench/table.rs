//! What was measured together, as a table.

use super::bars::{Bar, verdicts};
use crate::units;
use ligo_bench::{Measured, Precision};
use serde_json::Value;

/// Contenders that did the same.
#[derive(Debug)]
pub(super) struct Group {
    /// The subcommand.
    pub(super) bench: &'static str,
    /// What they did.
    pub(super) what: String,
    /// Names of the figures that are particular to this subcommand.
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Row>,
    pub(super) notes: Vec<String>,
    pub(super) bars: Vec<Bar>,
    /// Where ours stands on the roofline chart.
    pub(super) point: Option<Point>,
}

/// A contender.
#[derive(Debug)]
pub(super) struct Row {
    /// Its part in the comparison, the same whatever its version.
    pub(super) who: &'static str,
    pub(super) measured: Measured,
    /// A figure for each of the group's columns.
    pub(super) figures: Vec<String>,
    /// The same for machines: an object.
    pub(super) details: Value,
}

/// Work of so many FLOPs a byte, and the FLOP/s that it has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) label: String,
    /// Which roof it is under.
    pub(super) precision: Precision,
    pub(super) intensity: f64,
    pub(super) flops_per_second: f64,
}

/// What is said beside a row of an earlier time.
type Beside<'a> = dyn Fn(&Group, &Row) -> String + 'a;

impl Group {
    /// As it is printed.
    pub(super) fn text(&self, beside: &Beside<'_>) -> String {
        let heads: String = self.columns.iter().map(|name| format!(" {name:>13}")).collect();
        let mut lines =
            vec![self.what.clone(), format!("  {:<32} {:>10} {:>20}{heads} {:>10}", "", "ms", "turns", "peak")];
        for row in &self.rows {
            let measured = &row.measured;
            let figures: String = row.figures.iter().map(|figure| format!(" {figure:>13}")).collect();
            let (fast, slow) = measured.turns;
            lines.push(format!(
                "  {:<32} {:>10} {:>20}{figures} {:>10}{}",
                measured.engine,
                milliseconds(measured.seconds),
                format!("{} to {}", milliseconds(fast), milliseconds(slow)),
                units::bytes(measured.peak_bytes),
                beside(self, row),
            ));
        }
        lines.extend(self.remarks().into_iter().map(|remark| format!("  {remark}")));
        lines.push(String::new());
        lines.join("\n")
    }

    /// As it stands in a file.
    pub(super) fn markdown(&self) -> String {
        let cells = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut head = vec![String::new(), "ms".into(), "turns".into()];
        head.extend(self.columns.iter().map(|&name| name.into()));
        head.push("peak".into());
        let rule: Vec<String> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }.into()).collect();
        let mut text = format!("### {}\n\n{}{}", self.what, cells(&head), cells(&rule));
        for Row { measured, figures, .. } in &self.rows {
            let (fast, slow) = measured.turns;
            let mut row = vec![measured.engine.clone(), milliseconds(measured.seconds)];
            row.push(format!("{} to {}", milliseconds(fast), milliseconds(slow)));
            row.extend(figures.iter().cloned());
            row.push(units::bytes(measured.peak_bytes));
            text.push_str(&cells(&row));
        }
        for remark in self.remarks() {
            text.push_str(&format!("\n{remark}\n"));
        }
        text
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.notes.clone();
        let disturbed: usize = self.rows.iter().map(|row| row.measured.disturbed).sum();
        if disturbed > 0 {
            remarks.push(format!(
                "doubtful: other programs were computing during {disturbed} turns, and those suffer unequally"
            ));
        }
        if !self.bars.is_empty() {
            remarks.push(verdicts(&self.bars));
        }
        remarks
    }
}

/// Three digits and more where there are fewer than a hundred.
pub(super) fn milliseconds(seconds: f64) -> String {
    let ms = 1e3 * seconds;
    if ms < 1.0 { format!("{ms:.3}") } else { format!("{ms:.1}") }
}
