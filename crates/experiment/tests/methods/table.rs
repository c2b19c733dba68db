//! The table of outcomes as a short text: a line for each outcome and the families that share it.

use crate::truth::Outcome;
use ligo_models::Family;
use std::fmt::Write;

/// What a method does with one pair of one family.
pub(crate) struct Row {
    pub(crate) family: Family,
    pub(crate) pair: &'static str,
    pub(crate) outcome: Outcome,
}

/// A line of the text.
struct Line<'a> {
    outcome: &'a Outcome,
    /// None: all that have such a pair.
    families: Option<Vec<Family>>,
    pairs: Vec<&'static str>,
}

/// `    outcome (families): pairs`, the families left out where all that have such pairs agree.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for row in rows {
        let of_pair = || rows.iter().filter(|other| other.pair == row.pair);
        let alike: Vec<Family> =
            of_pair().filter(|other| other.outcome == row.outcome).map(|other| other.family).collect();
        let families = (alike.len() < of_pair().count()).then_some(alike);
        let same = |line: &&mut Line<'_>| *line.outcome == row.outcome && line.families == families;
        match lines.iter_mut().find(same) {
            Some(line) if line.pairs.contains(&row.pair) => {}
            Some(line) => line.pairs.push(row.pair),
            None => lines.push(Line { outcome: &row.outcome, families, pairs: vec![row.pair] }),
        }
    }
    let mut text = String::new();
    for Line { outcome, families, pairs } in &lines {
        let families = families.as_ref().map_or(String::new(), |families| {
            let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
            format!(" ({})", names.join(" "))
        });
        let pairs = if lines.len() == 1 { "every pair".into() } else { pairs.join("; ") };
        let _ = writeln!(text, "    {outcome}{families}: {pairs}");
    }
    text
}
