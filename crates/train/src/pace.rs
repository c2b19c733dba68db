//! How fast it goes, lately: for whoever watches, never for the results.

/// After this many seconds an old step counts 1/e of a new one.
const MEMORY: f64 = 2.0;

/// Steps and tokens per second, old ones fading away.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    steps: f64,
    tokens: f64,
    seconds: f64,
}

impl Pace {
    /// A step of so many tokens took so long.
    pub(crate) fn step(&mut self, tokens: u64, seconds: f64) {
        let fading = (-seconds / MEMORY).exp();
        self.steps = self.steps * fading + 1.0;
        self.tokens = self.tokens * fading + tokens as f64;
        self.seconds = self.seconds * fading + seconds;
    }

    pub(crate) fn steps_per_second(self) -> f64 {
        self.steps / self.seconds.max(f64::MIN_POSITIVE)
    }

    pub(crate) fn tokens_per_second(self) -> f64 {
        self.tokens / self.seconds.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_pace_is_right_from_the_first_step_and_a_new_one_is_taken_up() {
        let mut pace = Pace::default();
        for _ in 0..50 {
            pace.step(1024, 0.1);
            assert!((pace.steps_per_second() - 10.0).abs() < 1e-9);
            assert!((pace.tokens_per_second() - 10240.0).abs() < 1e-6);
        }
        for _ in 0..50 {
            pace.step(1024, 0.2);
        }
        assert!((pace.steps_per_second() - 5.0).abs() < 0.1, "{}", pace.steps_per_second());
    }
}
