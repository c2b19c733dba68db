//! When a run reached the reference's loss, and what that saved: the curves of the metrics put to [`ligo_eval`], which
//! decides.

use super::curve::Evaluation;
use ligo_eval::{Accounting, Better, Comparison, Point, Saving, smooth};
use ligo_train::Cost;

/// A run that reached the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Saved {
    /// Optimiser steps until then, of all stages.
    pub(super) steps: f64,
    /// FLOPs until then.
    pub(super) flops: f64,
    /// Seconds until then.
    pub(super) wall_seconds: f64,
    /// Shares of the reference's cost, the small model given.
    pub(super) given: Shares,
    /// The same, the small model charged; none where its cost is not known.
    pub(super) charged: Option<Shares>,
}

/// What was saved, as a share of the reference's cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shares {
    pub(super) flops: f64,
    pub(super) wall_time: f64,
}

/// The loss that the reference run sets as the target; none if it has no evaluation.
pub(super) fn target(reference: &[Evaluation], smoothing: usize) -> Option<f64> {
    Some(smooth(&points(reference, |row| row.steps), smoothing).last()?.metric)
}

/// What `run` saved against `reference`, given what its small model cost, if that is known; none if it did not reach the target.
pub(super) fn saved(
    run: &[Evaluation],
    small: Option<Cost>,
    reference: &[Evaluation],
    smoothing: usize,
) -> Option<Saved> {
    let cost = |axis: fn(&Evaluation) -> f64| {
        compare(reference, smoothing, axis)?.cost(&points(run, axis), Accounting::SmallGiven)
    };
    let share = |axis: fn(&Evaluation) -> f64, accounting| match compare(reference, smoothing, axis)?
        .saving(&points(run, axis), accounting)
    {
        Saving::Saved(share) => Some(share),
        Saving::NotReached => None,
    };
    Some(Saved {
        steps: cost(|row| row.steps)?,
        flops: cost(|row| row.flops)?,
        wall_seconds: cost(|row| row.wall_seconds)?,
        given: Shares {
            flops: share(|row| row.flops, Accounting::SmallGiven)?,
            wall_time: share(|row| row.wall_seconds, Accounting::SmallGiven)?,
        },
        charged: match small {
            Some(small) => Some(Shares {
                flops: share(|row| row.flops, Accounting::SmallCharged(small.flops))?,
                wall_time: share(|row| row.wall_seconds, Accounting::SmallCharged(small.wall_seconds))?,
            }),
            None => None,
        },
    })
}

fn compare(reference: &[Evaluation], smoothing: usize, axis: fn(&Evaluation) -> f64) -> Option<Comparison> {
    Comparison::with(&points(reference, axis), smoothing, Better::Lower)
}

fn points(run: &[Evaluation], axis: fn(&Evaluation) -> f64) -> Vec<Point> {
    run.iter().map(|row| Point { cost: axis(row), metric: row.loss }).collect()
}
