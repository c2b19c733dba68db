//! Every row against scratch that is trained anew with the row's compute, its schedule decayed over just that.

use super::figures::{Figures, Row, Spread};
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use crate::record::{EqualCompute, Results};

/// A line for each row that was compared so; none where that was not asked for.
pub(super) fn grid(results: &Results, figures: &Figures) -> Option<Grid> {
    if results.equal_compute.is_empty() {
        return None;
    }
    let line = |row: &Row| {
        let found: Vec<&EqualCompute> = results.equal_compute.iter().filter(|one| one.label == row.label).collect();
        let over = |get: fn(&EqualCompute) -> f64| Spread::of(found.iter().map(|one| Some(get(one))).collect());
        let measure = |spread: Spread| spread.show_with(|mean, sd| figures.measure.show_spread(mean, sd));
        let difference = over(|one| one.score - one.scratch_score);
        (!found.is_empty()).then(|| {
            let cells = [
                over(|one| one.flops).show(number::si),
                over(|one| one.scratch_steps as f64).show(number::steps),
                measure(over(|one| one.score)),
                measure(over(|one| one.scratch_score)),
                difference.show_with(|mean, sd| figures.measure.show_difference(mean, sd)),
            ];
            Line::of(row, cells.map(Cell::plain).into())
        })
    };
    let ended = figures.measure.short();
    let columns = [
        "Method".to_owned(),
        "FLOPs".into(),
        format!("Steps of {} for them", figures.reference),
        format!("Its final {ended}"),
        format!("That of {}, schedule fully decayed", figures.reference),
        "Difference".into(),
    ];
    Some(Grid {
        label: "Every method against scratch with the same compute".into(),
        contents: Contents::Figures,
        columns: columns.into(),
        lines: figures.rows.iter().filter_map(line).collect(),
    })
}

/// How the table is read.
pub(super) fn how_to_read(results: &Results, figures: &Figures) -> String {
    let mut seeds: Vec<u64> = results.equal_compute.iter().map(|one| one.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let better = match figures.measure.better() {
        ligo_eval::Better::Lower => "below",
        ligo_eval::Better::Higher => "above",
    };
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!(
        "Savings to {reference}'s end favour whoever starts ahead, as the learning rate of {reference} is still high where a \
         grown model passes it. Here {reference} was trained anew with all the compute that a row took, its schedule decayed \
         fully over just that; the small model is given. A difference {better} zero is in the row's favour. Seed{} {}.",
        if seeds.len() == 1 { "" } else { "s" },
        seeds.join(", "),
        reference = figures.reference,
    )
}
