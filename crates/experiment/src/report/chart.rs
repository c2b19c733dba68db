//! What a figure shows: the validation loss or accuracy of every row against what it cost, the target, where each row reached
//! it.
//! Numbers and texts only; [`super::svg`] draws them.

use super::figures::{Figures, Role, Row};
use super::layout::quantile;
use super::measure::Measure;
use super::{curve, number, table};
use ligo_eval::Better;

/// What the metric is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// FLOPs.
    Flops,
    /// Seconds.
    Wall,
}

impl Axis {
    /// The name of the figure's files: `loss-flops`.
    pub(super) fn name(self, measure: Measure) -> String {
        match self {
            Self::Flops => format!("{}-flops", measure.short()),
            Self::Wall => format!("{}-wall", measure.short()),
        }
    }

    /// The figure in one sentence.
    pub(super) fn title(self, measure: Measure) -> String {
        let cost = match self {
            Self::Flops => "training compute",
            Self::Wall => "training time",
        };
        let name = measure.name();
        format!("{}{} against {cost}", name[..1].to_uppercase(), &name[1..])
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
    pub(super) measure: Measure,
    /// What it is, in one sentence.
    pub(super) title: String,
    /// What it shows, for who cannot see it.
    pub(super) description: String,
    pub(super) lines: Vec<Line>,
    /// The target.
    pub(super) target: Option<Level>,
    /// Where the small model ended.
    pub(super) small: Option<Level>,
    /// The part of the values that is shown.
    pub(super) range: (f64, f64),
}

/// A row's curve.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) label: String,
    /// Below the label.
    pub(super) note: String,
    pub(super) role: Role,
    /// Cost and metric, mean over seeds.
    pub(super) mean: Vec<(f64, f64)>,
    /// The seeds one by one, where there are several.
    pub(super) seeds: Vec<Vec<(f64, f64)>>,
    /// The cost at which it reached the target.
    pub(super) reached: Option<f64>,
    /// Costs at which single seeds reached targets of their own, and these.
    pub(super) crossings: Vec<(f64, f64)>,
}

/// A level of the metric with its name.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) value: f64,
    pub(super) label: String,
}

impl Chart {
    /// The figure over that axis.
    pub(super) fn new(figures: &Figures, axis: Axis) -> Self {
        let measure = figures.measure;
        let lines: Vec<Line> = figures.rows.iter().map(|row| line(row, figures, axis)).collect();
        let level = |name: &str, value: f64| Level {
            value: measure.plotted(value),
            label: format!("{name} {}", measure.show(value)),
        };
        let target = figures.target.mean.map(|value| level("target", value));
        let small = figures.small.as_ref().and_then(|small| small.mean).map(|value| level("small model", value));
        Self::of(measure, axis, lines, target, small)
    }

    /// The figure of these lines.
    pub(super) fn of(
        measure: Measure,
        axis: Axis,
        lines: Vec<Line>,
        target: Option<Level>,
        small: Option<Level>,
    ) -> Self {
        let reached = lines.iter().map(|line| format!("{}: {}", line.label, line.note)).collect::<Vec<_>>().join("; ");
        let target_text = target.as_ref().map(|target| format!(" A dashed line marks the {}.", target.label));
        Self {
            axis,
            measure,
            title: axis.title(measure),
            description: format!("One curve per row of the table.{} {reached}.", target_text.unwrap_or_default()),
            range: range(&lines, target.as_ref(), measure),
            lines,
            target,
            small,
        }
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

/// A row's curve over that axis.
pub(super) fn line(row: &Row, figures: &Figures, axis: Axis) -> Line {
    let measure = figures.measure;
    let points = |curve: &[curve::Evaluation]| -> Vec<(f64, f64)> {
        curve.iter().map(|row| (axis.of(row), measure.plotted(row.metric))).collect()
    };
    let several = row.seeds.len() > 1;
    let seeds = row.seeds.iter().filter(|_| several);
    let (saving, reached) = match axis {
        Axis::Flops => (&row.savings.flops, &row.savings.flops_to),
        Axis::Wall => (&row.savings.wall, &row.savings.wall_to),
    };
    let saved = match (row.role, saving.mean) {
        (Role::Reference, _) => "sets the target".into(),
        (_, Some(share)) if share < 0.0 => format!("{} more", number::percent(-share)),
        (_, Some(_)) => format!("{} saved", table::saved(row, saving)),
        (_, None) => table::saved(row, saving),
    };
    let crossing = |(seed, cost): (&u64, &Option<f64>)| {
        let reference = figures.curves.of_run(&figures.reference, *seed);
        let target = super::savings::target(reference, figures.reading)?;
        cost.map(|cost| (cost, measure.plotted(target)))
    };
    let crossings = row.seeds.iter().zip(&reached.values).filter(|_| several && row.role != Role::Reference);
    Line {
        label: row.label.clone(),
        note: format!("{}, {saved}", row.metric(measure).mean.map(|value| measure.show(value)).unwrap_or_default()),
        role: row.role,
        mean: points(figures.curves.mean(&row.label)),
        seeds: seeds.map(|&seed| points(figures.curves.of_run(&row.label, seed))).collect(),
        reached: reached.mean.filter(|_| row.role != Role::Reference),
        crossings: crossings.filter_map(crossing).collect(),
    }
}

/// The values worth showing: the steep start would press everything else into a stripe, so the frame ends where a tenth of the
/// measurements lies beyond, or further if that leaves the target too little room.
fn range(lines: &[Line], target: Option<&Level>, measure: Measure) -> (f64, f64) {
    // A rise is a fall upside down.
    let side = match measure.better() {
        Better::Lower => 1.0,
        Better::Higher => -1.0,
    };
    let target = target.map(|target| side * target.value);
    let values: Vec<f64> = lines.iter().flat_map(|line| &line.mean).map(|(_, value)| side * value).collect();
    let all = lines.iter().flat_map(Line::points).map(|(_, value)| side * value).chain(target);
    let best = all.filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min);
    let Some(mut worst) = quantile(&values, 0.9) else { return (0.0, 1.0) };
    if let Some(target) = target {
        worst = worst.max(target + 2.0 * (target - best));
    }
    let span = (worst - best).max(1e-3 * best.abs()).max(1e-6);
    let mut edge = best - 0.06 * span;
    if let Some(target) = target {
        // Its name stands on that side of the line.
        edge = edge.min(target - 0.09 * span);
    }
    match measure.better() {
        Better::Lower => (edge, best + span),
        Better::Higher => (-best - span, -edge),
    }
}
