//! What a figure shows: the validation loss of every row against what it cost, the target, where each row reached it.
//! Numbers and texts only; [`super::svg`] draws them.

use super::figures::{Figures, Role, Row};
use super::layout::quantile;
use super::{curve, number, table};
use anyhow::Result;
use polars::prelude::DataFrame;

/// What the loss is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// FLOPs.
    Flops,
    /// Seconds.
    Wall,
}

impl Axis {
    /// The name of the figure's files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flops => "loss-flops",
            Self::Wall => "loss-wall",
        }
    }

    fn of(self, row: &curve::Evaluation) -> f64 {
        match self {
            Self::Flops => row.flops,
            Self::Wall => row.wall_seconds,
        }
    }
}

/// A figure.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) axis: Axis,
    /// What it is, in one sentence.
    pub(super) title: String,
    /// What it shows, for who cannot see it.
    pub(super) description: String,
    pub(super) lines: Vec<Line>,
    /// The target.
    pub(super) target: Option<Level>,
    /// Where the small model ended.
    pub(super) small: Option<Level>,
    /// The part of the losses that is shown.
    pub(super) range: (f64, f64),
}

/// A row's curve.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) label: String,
    /// Below the label.
    pub(super) note: String,
    pub(super) role: Role,
    /// Cost and loss, mean over seeds.
    pub(super) mean: Vec<(f64, f64)>,
    /// The seeds one by one, where there are several.
    pub(super) seeds: Vec<Vec<(f64, f64)>>,
    /// The cost at which it reached the target.
    pub(super) reached: Option<f64>,
}

/// A level of the loss with its name.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) loss: f64,
    pub(super) label: String,
}

impl Chart {
    /// The figure over that axis.
    pub(super) fn new(figures: &Figures, metrics: &DataFrame, axis: Axis) -> Result<Self> {
        let lines = figures.rows.iter().map(|row| line(row, metrics, axis)).collect::<Result<Vec<_>>>()?;
        let target = figures.target.mean.map(|loss| Level { loss, label: format!("target {}", number::loss(loss)) });
        let small = figures.small.as_ref().and_then(|small| small.mean);
        let small = small.map(|loss| Level { loss, label: format!("small model {}", number::loss(loss)) });
        let title = match axis {
            Axis::Flops => "Validation loss against training compute",
            Axis::Wall => "Validation loss against training time",
        };
        let reached = lines.iter().map(|line| format!("{}: {}", line.label, line.note)).collect::<Vec<_>>().join("; ");
        let target_text = target.as_ref().map(|target| format!(" A dashed line marks the {}.", target.label));
        Ok(Self {
            axis,
            title: title.into(),
            description: format!("One curve per row of the table.{} {reached}.", target_text.unwrap_or_default()),
            range: range(&lines, target.as_ref()),
            lines,
            target,
            small,
        })
    }

    /// The largest cost.
    pub(super) fn end(&self) -> f64 {
        self.lines.iter().flat_map(Line::points).map(|(cost, _)| cost).fold(0.0, f64::max)
    }
}

impl Line {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.mean.iter().chain(self.seeds.iter().flatten()).copied()
    }
}

fn line(row: &Row, metrics: &DataFrame, axis: Axis) -> Result<Line> {
    let points = |curve: Vec<curve::Evaluation>| curve.iter().map(|row| (axis.of(row), row.loss)).collect::<Vec<_>>();
    let seeds = match row.seeds.as_slice() {
        [_] => Vec::new(),
        seeds => seeds
            .iter()
            .map(|&seed| Ok(points(curve::of_run(metrics, &row.label, seed)?)))
            .collect::<Result<Vec<_>>>()?,
    };
    let (saving, reached) = match axis {
        Axis::Flops => (&row.flops_saved, &row.flops_to_target),
        Axis::Wall => (&row.wall_saved, &row.wall_to_target),
    };
    let saved = match (row.role, saving.mean) {
        (Role::Reference, _) => "sets the target".into(),
        (_, Some(share)) if share < 0.0 => format!("{} more", number::percent(-share)),
        (_, Some(_)) => format!("{} saved", table::saved(row, saving)),
        (_, None) => table::saved(row, saving),
    };
    Ok(Line {
        label: row.label.clone(),
        note: format!("{}, {saved}", row.loss.mean.map(number::loss).unwrap_or_default()),
        role: row.role,
        mean: points(curve::mean(metrics, &row.label)?),
        seeds,
        reached: reached.mean.filter(|_| row.role != Role::Reference),
    })
}

/// The losses worth showing: the steep fall of the first measurements would press everything else into a stripe, so the
/// frame ends where a tenth of the measurements lies above, or higher if that leaves the target too little room.
fn range(lines: &[Line], target: Option<&Level>) -> (f64, f64) {
    let losses: Vec<f64> = lines.iter().flat_map(|line| &line.mean).map(|(_, loss)| *loss).collect();
    let all = lines.iter().flat_map(Line::points).map(|(_, loss)| loss).chain(target.map(|target| target.loss));
    let low = all.filter(|loss| loss.is_finite()).fold(f64::INFINITY, f64::min);
    let Some(mut high) = quantile(&losses, 0.9) else { return (0.0, 1.0) };
    if let Some(target) = target {
        high = high.max(target.loss + 2.0 * (target.loss - low));
    }
    let span = (high - low).max(1e-3 * low.abs()).max(1e-6);
    let mut floor = low - 0.06 * span;
    if let Some(target) = target {
        // Its name stands below the line.
        floor = floor.min(target.loss - 0.09 * span);
    }
    (floor, low + span)
}
