//! The curves of all experiments in one figure: a colour per method, the same in every experiment; a second line of a colour is
//! dashed.

use super::Compared;
use crate::report::chart::{Axis, Chart, Level, Line, line};
use crate::report::figures::{Role, Row};
use crate::report::number;

/// The figure over that axis, with the first experiment's target if every experiment can be held against it.
pub(super) fn chart(compared: &[Compared<'_>], axis: Axis) -> Chart {
    let first = &compared[0];
    let measure = first.figures.measure;
    let one_target = compared.iter().all(|one| one.alike);
    let target = first.figures.target.mean.filter(|_| one_target);
    let target = target.map(|value| Level {
        value: measure.plotted(value),
        label: format!("target of {} {}", first.name(), measure.show(value)),
    });
    let of_row = |one: &Compared<'_>, row: &Row| {
        let reached = target.as_ref().and_then(|_| {
            let savings = one.against(first, row);
            match axis {
                Axis::Flops => savings.flops_to.mean,
                Axis::Wall => savings.wall_to.mean,
            }
        });
        let ended = row.metric(measure).mean.map_or_else(|| number::NONE.into(), |value| measure.show(value));
        let itself = one.name() == first.name() && row.role == Role::Reference;
        Line {
            label: format!("{}: {}", one.name(), row.label),
            note: format!("ended with {ended}"),
            role: role(compared, row),
            reached: reached.filter(|_| !itself),
            crossings: Vec::new(),
            ..line(row, &one.figures, axis)
        }
    };
    let lines = compared.iter().flat_map(|one| one.figures.rows.iter().map(move |row| (one, row)));
    Chart::of(measure, axis, lines.map(|(one, row)| of_row(one, row)).collect(), target, None)
}

/// What a row is, such that a method has one colour in all experiments.
pub(super) fn role(compared: &[Compared<'_>], row: &Row) -> Role {
    match row.role {
        Role::Baseline(own) => {
            Role::Baseline(baselines(compared).iter().position(|method| *method == row.method).unwrap_or(own))
        }
        role => role,
    }
}

/// The methods that have a colour of their own, in the order in which they come.
fn baselines<'a>(compared: &'a [Compared<'_>]) -> Vec<&'a str> {
    let mut methods: Vec<&str> = Vec::new();
    for row in compared.iter().flat_map(|one| &one.figures.rows) {
        if matches!(row.role, Role::Baseline(_)) && !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
    }
    methods
}

/// How to read it.
pub(super) fn caption(chart: &Chart) -> String {
    let rings = match chart.target {
        Some(_) => " A ring marks where a row reached the target for good.",
        None => "",
    };
    format!(
        "Every row of every experiment; rows of one method share a colour.{rings} The frame leaves out the steep first steps."
    )
}
