//! What a method saves: how much less it costs than training from scratch to get as far.
//!
//! - Curves are smoothed by a trailing mean over a few evaluations ([`DEFAULT_SMOOTHING`]), the reference's and the method's
//!   alike. It looks back only, so that a point of the curve never knows what comes later.
//! - The target is where the reference's smoothed curve ends ([`Comparison::with`]), or a value that is named beforehand
//!   ([`Comparison::at`]).
//! - The cost of a run is where its smoothed curve reaches the target *and stays*: after the last evaluation that misses it,
//!   at the point on the straight line to the next one that meets the target. If the last evaluation misses it, the target
//!   was not reached, however often it was touched before.
//! - The saving is `1 − cost / reference cost`, the reference's own cost being where *it* reaches the target for good, which is
//!   not always its end (PAPER.md 2.0).
//!
//! A curve holds the evaluations of all stages of a run, with costs that run over all stages.

use crate::Stats;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Evaluations in the trailing mean where nobody says otherwise.
pub const DEFAULT_SMOOTHING: usize = 3;

/// One evaluation of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Cost of the run until then: FLOPs or seconds.
    pub cost: f64,
    /// Validation loss or accuracy.
    pub metric: f64,
}

/// Which metric is the better one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Better {
    /// Of a loss.
    #[default]
    Lower,
    /// Of an accuracy.
    Higher,
}

impl Better {
    /// The cost at which a curve, smoothed by a trailing mean over `window` evaluations, reaches `target` and stays, in the
    /// unit of the curve's costs; none if it does not, or is empty.
    pub fn cost_of(self, curve: &[Point], target: f64, window: usize) -> Option<f64> {
        cost_to_reach(&smooth(curve, window), target, self)
    }

    fn misses(self, metric: f64, target: f64) -> bool {
        match self {
            Self::Lower => metric > target,
            Self::Higher => metric < target,
        }
    }
}

/// Whether the small model is given or has to be paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Accounting {
    /// It is there already: the paper's accounting.
    SmallGiven,
    /// Its training cost this much, in the unit of the curves.
    SmallCharged(f64),
}

/// What a method saved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Saving {
    /// `1 − cost / reference cost`; negative if the method cost more.
    Saved(f64),
    /// The target was not reached.
    NotReached,
}

impl fmt::Display for Saving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saved(share) => write!(f, "{:.1} %", 100.0 * share),
            Self::NotReached => f.write_str("not reached"),
        }
    }
}

/// The trailing mean: point i is the mean of the metrics of the `window` evaluations up to and with it, or of as many as there
/// are; costs stay.
pub fn smooth(points: &[Point], window: usize) -> Vec<Point> {
    let mean = |i: usize| {
        let last = &points[(i + 1).saturating_sub(window.max(1))..=i];
        last.iter().map(|point| point.metric).sum::<f64>() / last.len() as f64
    };
    points.iter().enumerate().map(|(i, point)| Point { cost: point.cost, metric: mean(i) }).collect()
}

/// The cost at which a smoothed curve reaches the target and stays; none if it does not, or is empty.
fn cost_to_reach(smoothed: &[Point], target: f64, better: Better) -> Option<f64> {
    let Some(last_miss) = smoothed.iter().rposition(|point| better.misses(point.metric, target)) else {
        return smoothed.first().map(|point| point.cost);
    };
    let (miss, hit) = (smoothed[last_miss], smoothed.get(last_miss + 1)?);
    let share = (miss.metric - target) / (miss.metric - hit.metric);
    Some(miss.cost + share * (hit.cost - miss.cost))
}

/// A run to compare with: the target that it sets, and what it took it to get there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Where the reference's smoothed curve ends, or what was named in its place.
    pub target: f64,
    /// The cost at which the reference itself reaches the target for good.
    pub reference_cost: f64,
    window: usize,
    better: Better,
}

impl Comparison {
    /// With the curve of a reference run, usually scratch; `window` evaluations make a trailing mean. None if the curve is
    /// empty, or never was above its own end, so that there is no cost to compare with.
    pub fn with(reference: &[Point], window: usize, better: Better) -> Option<Self> {
        let target = smooth(reference, window).last()?.metric;
        Self::at(reference, target, window, better)
    }

    /// The same with a target of its own. None if the reference does not reach it, or is there from the start, so that there is
    /// no cost to compare with.
    pub fn at(reference: &[Point], target: f64, window: usize, better: Better) -> Option<Self> {
        let reference_cost = better.cost_of(reference, target, window).filter(|&cost| cost > 0.0)?;
        Some(Self { target, reference_cost, window, better })
    }

    /// The cost at which a method's curve reaches the target for good, the small model's included if it is charged; none if it
    /// does not.
    pub fn cost(&self, method: &[Point], accounting: Accounting) -> Option<f64> {
        let own = self.better.cost_of(method, self.target, self.window)?;
        Some(match accounting {
            Accounting::SmallGiven => own,
            Accounting::SmallCharged(small) => own + small,
        })
    }

    /// What a method saved.
    pub fn saving(&self, method: &[Point], accounting: Accounting) -> Saving {
        match self.cost(method, accounting) {
            Some(cost) => Saving::Saved(1.0 - cost / self.reference_cost),
            None => Saving::NotReached,
        }
    }
}

/// The savings of several seeds.
///
/// Where a seed did not reach the target there is no mean: that of the others would flatter the method.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedSavings {
    /// Seeds that reached the target.
    pub reached: usize,
    /// All seeds.
    pub seeds: usize,
    /// Mean and spread, only if every seed reached the target.
    pub stats: Option<Stats>,
}

impl SeedSavings {
    /// Of one saving per seed.
    pub fn of(savings: &[Saving]) -> Self {
        let shares: Vec<f64> = savings
            .iter()
            .filter_map(|saving| match saving {
                Saving::Saved(share) => Some(*share),
                Saving::NotReached => None,
            })
            .collect();
        let (reached, seeds) = (shares.len(), savings.len());
        Self { reached, seeds, stats: if reached == seeds { Stats::of(&shares) } else { None } }
    }
}

impl fmt::Display for SeedSavings {
    /// `44.7 %`, `44.7 ± 1.2 %`, `reached by 2 of 3 seeds`, `not reached`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stats {
            Some(Stats { mean, sd: Some(sd), .. }) => write!(f, "{:.1} ± {:.1} %", 100.0 * mean, 100.0 * sd),
            Some(Stats { mean, sd: None, .. }) => write!(f, "{:.1} %", 100.0 * mean),
            None if self.reached == 0 => f.write_str("not reached"),
            None => write!(f, "reached by {} of {} seeds", self.reached, self.seeds),
        }
    }
}

#[cfg(test)]
mod tests;
