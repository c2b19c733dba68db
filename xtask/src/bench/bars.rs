//! The project's bars, and what is said of a figure that meets or misses one.

/// A figure and its goal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// What was measured.
    pub(super) name: String,
    pub(super) of: Of,
    pub(super) value: f64,
    pub(super) goal: f64,
}

/// What a figure is of, ours against what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// So many times as fast; at least the goal.
    Speedup,
    /// So many times as long; at most the goal.
    Time,
    /// So many times the memory; at most the goal.
    Memory,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Speedup => "speedup",
            Self::Time => "time",
            Self::Memory => "memory",
        }
    }
}

impl Bar {
    /// Not a number meets none.
    pub(super) fn is_met(&self) -> bool {
        match self.of {
            Of::Speedup => self.value >= self.goal,
            Of::Time | Of::Memory => self.value <= self.goal,
        }
    }

    /// `speedup 1.31 (goal 1.25: met)`.
    pub(super) fn verdict(&self) -> String {
        let met = if self.is_met() { "met" } else { "missed" };
        format!("{} {:.2} (goal {:.2}: {met})", self.of.name(), self.value, self.goal)
    }
}

/// The verdicts of one comparison in a line.
pub(super) fn verdicts(bars: &[Bar]) -> String {
    bars.iter().map(Bar::verdict).collect::<Vec<_>>().join(", ")
}

/// Which bars are missed.
pub(super) fn summary(bars: &[Bar]) -> String {
    let missed: Vec<String> =
        bars.iter().filter(|bar| !bar.is_met()).map(|bar| format!("\n  {}: {}", bar.name, bar.verdict())).collect();
    match (bars.len(), missed.len()) {
        (0, _) => String::new(),
        (all, 0) => format!("all {all} bars are met"),
        (all, _) => format!("{} of {all} bars are missed:{}", missed.len(), missed.concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(of: Of, value: f64, goal: f64) -> Bar {
        Bar { name: "gpt2".into(), of, value, goal }
    }

    #[test]
    fn a_speedup_is_to_be_high_and_time_and_memory_low() {
        let bars = [bar(Of::Speedup, 1.31, 1.25), bar(Of::Memory, 0.85, 1.0), bar(Of::Time, 1.2, 1.1)];
        assert_eq!(
            verdicts(&bars),
            "speedup 1.31 (goal 1.25: met), memory 0.85 (goal 1.00: met), time 1.20 (goal 1.10: missed)"
        );
        assert!(!bar(Of::Speedup, f64::NAN, 1.0).is_met() && !bar(Of::Time, f64::NAN, 1.0).is_met());
    }

    #[test]
    fn what_is_missed_is_named_at_the_end() {
        let (met, missed) = (bar(Of::Speedup, 1.25, 1.25), bar(Of::Speedup, 0.9, 1.25));
        assert_eq!(summary(&[]), "");
        assert_eq!(summary(std::slice::from_ref(&met)), "all 1 bars are met");
        assert_eq!(summary(&[met, missed]), "1 of 2 bars are missed:\n  gpt2: speedup 0.90 (goal 1.25: missed)");
    }
}
