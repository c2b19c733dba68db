//! Where in its schedule the learning rate of a stage is, after a growth: the three policies, and the recipe's own.

use crate::TrainingConfig;
use serde::{Deserialize, Serialize};

/// How the learning rate of a stage follows from the schedule.
///
/// With η(s) the rate of [`TrainingConfig::learning_rate_at`] for step s of the schedule (the steps of a stage follow its
/// `schedule_from`), S its steps and W those of its warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    /// η(s).
    #[default]
    Schedule,
    /// The schedule anew over the steps that are left, warm-up and all: η(s − g) of a schedule of S − g steps whose warm-up takes
    /// `min(W, S − g)`, g being the step at which the model had grown.
    Restart {
        /// g.
        from: u64,
    },
    /// The schedule without its warm-up, as if that lay behind: η(max(s, W)).
    Continue,
    /// The rate of [`Rate::Continue`] times `min(1, (s − g + 1) / n)`, g being the step at which the model had grown: a linear
    /// ramp of n steps to where the schedule stands.
    ReWarm {
        /// g.
        from: u64,
        /// n.
        steps: u64,
    },
}

impl TrainingConfig {
    /// The learning rate of step `step` of the schedule under a policy.
    pub fn rate_at(&self, rate: Rate, step: u64) -> f64 {
        match rate {
            Rate::Schedule => self.learning_rate_at(step),
            Rate::Restart { from } => {
                let left = self.steps.saturating_sub(from).max(1);
                let anew = Self { steps: left, warmup_steps: self.warmup_steps.min(left), ..self.clone() };
                anew.learning_rate_at(step.saturating_sub(from))
            }
            Rate::Continue => self.learning_rate_at(step.max(self.warmup_steps)),
            Rate::ReWarm { from, steps } => {
                let ramp = (step.saturating_sub(from) + 1) as f64 / steps.max(1) as f64;
                self.rate_at(Rate::Continue, step) * ramp.min(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;

    #[test]
    fn every_policy_is_its_formula_at_every_corner() {
        let linear =
            TrainingConfig { warmup_steps: 10, schedule: Schedule::Linear, ..TrainingConfig::new(110, 8, 1.0) };
        let restart = |from| Rate::Restart { from };
        let rewarm = |from, steps| Rate::ReWarm { from, steps };
        let cases = [
            (Rate::Schedule, 0, 0.1),
            (Rate::Schedule, 60, 0.55),
            // Grown before the first step: the schedule as it is.
            (restart(0), 0, 0.1),
            (restart(0), 60, 0.55),
            // Grown at 50: 60 steps are left, 10 of them warm up, and the rate falls over 50.
            (restart(50), 50, 0.1),
            (restart(50), 59, 1.0),
            (restart(50), 60, 1.0),
            (restart(50), 85, 0.55),
            (restart(50), 110, 0.1),
            // 5 steps are left, which is less than the warm-up.
            (restart(105), 105, 0.2),
            (restart(105), 109, 1.0),
            (restart(110), 110, 1.0),
            (Rate::Continue, 0, 1.0),
            (Rate::Continue, 9, 1.0),
            (Rate::Continue, 10, 1.0),
            (Rate::Continue, 60, 0.55),
            (Rate::Continue, 110, 0.1),
            (rewarm(60, 4), 60, 0.25 * 0.55),
            (rewarm(60, 4), 62, 0.75 * (1.0 - 0.9 * 0.52)),
            (rewarm(60, 4), 63, 1.0 - 0.9 * 0.53),
            (rewarm(60, 4), 64, 1.0 - 0.9 * 0.54),
            (rewarm(0, 4), 0, 0.25),
            (rewarm(0, 4), 3, 1.0),
            (rewarm(0, 1), 0, 1.0),
            (rewarm(0, 0), 0, 1.0),
        ];
        for (rate, step, expected) in cases {
            let found = linear.rate_at(rate, step);
            assert!((found - expected).abs() < 1e-12, "{rate:?} step {step}: {found}, not {expected}");
        }
        let cosine = TrainingConfig { schedule: Schedule::Cosine, ..linear };
        assert!((cosine.rate_at(restart(50), 85) - 0.55).abs() < 1e-12);
    }
}
