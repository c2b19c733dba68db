//! What a method saves.

use crate::Stats;

/// One evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Cost until then: FLOPs or seconds.
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

/// Whether the small model is given or has to be paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Accounting {
    /// It is there already (the paper's accounting).
    SmallGiven,
    /// Its training cost this much.
    SmallCharged(f64),
}

/// What a method saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Saving {
    /// `1 − cost / scratch cost`.
    Saved(f64),
    /// The target was not reached.
    NotReached,
}

/// The trailing mean over `window` evaluations.
pub fn smooth(points: &[Point], window: usize) -> Vec<Point> {
    let _ = (points, window);
    todo!()
}

/// A reference run: the target it sets and what it took to get there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Smoothed metric at the end of the reference run.
    pub target: f64,
    /// The reference's own cost to reach it.
    pub reference_cost: f64,
    window: usize,
    better: Better,
}

impl Comparison {
    /// None if `reference` is empty.
    pub fn with(reference: &[Point], window: usize, better: Better) -> Option<Self> {
        let _ = (reference, window, better);
        todo!()
    }

    /// The cost at which `method` reaches the target for good, the small model's included if it is charged; none if it does not.
    pub fn cost(&self, method: &[Point], accounting: Accounting) -> Option<f64> {
        let _ = (method, accounting);
        todo!()
    }

    /// What `method` saved.
    pub fn saving(&self, method: &[Point], accounting: Accounting) -> Saving {
        let _ = (method, accounting);
        todo!()
    }
}

/// The savings of several seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        let _ = savings;
        todo!()
    }
}
