//! The grid that was searched for every row: what each point ended with, the chosen one strong.

use super::figures::Figures;
use super::grid::{Cell, Contents, Grid, Line};
use super::number;
use crate::record::{Candidate, Results};

/// A line for each row, a column for each point that any row was tried with; none without a search.
pub(super) fn grid(results: &Results, figures: &Figures) -> Option<Grid> {
    let mut points: Vec<(f64, u64)> = Vec::new();
    for candidate in results.searches.iter().flat_map(|search| &search.candidates) {
        if !points.contains(&point(candidate)) {
            points.push(point(candidate));
        }
    }
    if points.is_empty() {
        return None;
    }
    let warmups = points.iter().any(|(_, steps)| *steps != points[0].1);
    let heading = |(rate, steps): &(f64, u64)| match warmups {
        true => format!("rate {}, warm-up {}", number::rate(*rate), number::count(*steps)),
        false => format!("rate {}", number::rate(*rate)),
    };
    let lines = results.searches.iter().map(|search| {
        let cell = |at: &(f64, u64)| {
            let Some(place) = search.candidates.iter().position(|candidate| point(candidate) == *at) else {
                return Cell::plain(number::NONE);
            };
            let score = search.candidates[place].score;
            let measured = score.map_or_else(|| "diverged".into(), |score| figures.measure.show(score));
            Cell { measured, paper: None, strong: place == search.chosen }
        };
        let cells = points.iter().map(cell).collect();
        match figures.row(&search.label) {
            Some(row) => Line::of(row, cells),
            None => Line::named(search.label.clone(), cells),
        }
    });
    Some(Grid {
        label: "What every point of the grid ended with".into(),
        contents: Contents::Figures,
        columns: std::iter::once("Method".to_owned()).chain(points.iter().map(heading)).collect(),
        lines: lines.collect(),
    })
}

fn point(candidate: &Candidate) -> (f64, u64) {
    (candidate.learning_rate, candidate.warmup_steps)
}

/// What was searched, on which seed, and what that means for the target; none without a search.
pub(super) fn how_to_read(results: &Results) -> Option<String> {
    let experiment = &results.experiment;
    experiment.search.as_ref().filter(|_| !results.searches.is_empty())?;
    let (first, others) = experiment.seeds.split_first()?;
    let others: Vec<String> = others.iter().map(u64::to_string).collect();
    let rest = match others.as_slice() {
        [] => String::new(),
        [one] => format!(" and run on seed {one} as well"),
        many => format!(" and run on the seeds {} as well", many.join(", ")),
    };
    Some(format!(
        "Every row was searched over the same grid, on seed {first}; what ended best was chosen{rest}. So the target is that of \
         {} at its own best rate.",
        experiment.report.reference
    ))
}
