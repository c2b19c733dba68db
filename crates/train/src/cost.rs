//! What training has cost so far.

use serde::{Deserialize, Serialize};

/// The cost of a stage, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Optimiser steps.
    pub steps: u64,
    /// Tokens seen; images, where a model reads those.
    pub tokens: u64,
    /// FLOPs, counted analytically.
    pub flops: f64,
    /// Seconds of training steps; evaluation and checkpoints left out.
    pub wall_seconds: f64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            tokens: self.tokens + other.tokens,
            flops: self.flops + other.flops,
            wall_seconds: self.wall_seconds + other.wall_seconds,
        }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), std::ops::Add::add)
    }
}
