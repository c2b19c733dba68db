//! When a run reached a target, and what that saved: the curves of the metrics put to [`ligo_eval`], which decides.

use super::curve::Evaluation;
use super::figures::Spread;
use ligo_eval::{Accounting, Better, Comparison, Point, Saving, smooth};
use ligo_train::Cost;

/// How a curve is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Evaluations in the trailing mean.
    pub(super) smoothing: usize,
    /// Which way is better.
    pub(super) better: Better,
}

/// A run that reached the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Saved {
    /// Optimiser steps until then, of all stages.
    steps: f64,
    /// FLOPs until then.
    flops: f64,
    /// Seconds until then.
    wall_seconds: f64,
    /// Shares of the reference's cost, the small model given; none where the reference has no cost to compare with.
    given: Option<Shares>,
    /// The same, the small model charged; none also where its cost is not known.
    charged: Option<Shares>,
}

/// What was saved, as a share of the reference's cost.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    flops: f64,
    wall_time: f64,
}

/// When a row reached a target and what that saved, by seed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Savings {
    pub(super) steps_to: Spread,
    pub(super) flops_to: Spread,
    pub(super) wall_to: Spread,
    pub(super) flops: Spread,
    pub(super) wall: Spread,
    pub(super) flops_charged: Spread,
    pub(super) wall_charged: Spread,
}

impl Savings {
    /// Of a row's runs, none for one that did not reach the target.
    pub(super) fn of(found: &[Option<Saved>]) -> Self {
        let spread = |get: fn(&Saved) -> Option<f64>| {
            Spread::of(found.iter().map(|saved| saved.as_ref().and_then(get)).collect())
        };
        Self {
            steps_to: spread(|saved| Some(saved.steps)),
            flops_to: spread(|saved| Some(saved.flops)),
            wall_to: spread(|saved| Some(saved.wall_seconds)),
            flops: spread(|saved| Some(saved.given?.flops)),
            wall: spread(|saved| Some(saved.given?.wall_time)),
            flops_charged: spread(|saved| Some(saved.charged?.flops)),
            wall_charged: spread(|saved| Some(saved.charged?.wall_time)),
        }
    }

    /// Seeds that reached the target.
    pub(super) fn reached(&self) -> usize {
        self.steps_to.reached()
    }
}

/// What the reference run sets as the target; none if it has no evaluation.
pub(super) fn target(reference: &[Evaluation], reading: Reading) -> Option<f64> {
    Some(smooth(&points(reference, |row| row.steps), reading.smoothing).last()?.metric)
}

/// What `run` saved until `target` against `reference`, given what its small model cost, if that is known; none if it did not
/// reach it.
pub(super) fn saved(
    run: &[Evaluation],
    small: Option<Cost>,
    reference: &[Evaluation],
    target: f64,
    reading: Reading,
) -> Option<Saved> {
    let cost = |axis: fn(&Evaluation) -> f64| reading.better.cost_of(&points(run, axis), target, reading.smoothing);
    let share = |axis: fn(&Evaluation) -> f64, accounting| {
        let comparison = Comparison::at(&points(reference, axis), target, reading.smoothing, reading.better)?;
        match comparison.saving(&points(run, axis), accounting) {
            Saving::Saved(share) => Some(share),
            Saving::NotReached => None,
        }
    };
    let shares = |flops, wall| {
        Some(Shares { flops: share(|row| row.flops, flops)?, wall_time: share(|row| row.wall_seconds, wall)? })
    };
    Some(Saved {
        steps: cost(|row| row.steps)?,
        flops: cost(|row| row.flops)?,
        wall_seconds: cost(|row| row.wall_seconds)?,
        given: shares(Accounting::SmallGiven, Accounting::SmallGiven),
        charged: small.and_then(|small| {
            shares(Accounting::SmallCharged(small.flops), Accounting::SmallCharged(small.wall_seconds))
        }),
    })
}

fn points(run: &[Evaluation], axis: fn(&Evaluation) -> f64) -> Vec<Point> {
    run.iter().map(|row| Point { cost: axis(row), metric: row.metric }).collect()
}
