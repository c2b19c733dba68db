//! The project's bars, and what is said of a figure that meets or misses one.

/// So many times as long as what ours is held against, and how many times at most.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) ratio: f64,
    pub(super) at_most: f64,
}

impl Bar {
    fn is_met(&self) -> bool {
        self.ratio <= self.at_most
    }

    /// `ratio 0.93 (at most 1.15: met)`.
    pub(super) fn verdict(&self) -> String {
        let met = if self.is_met() { "met" } else { "missed" };
        format!("ratio {:.2} (at most {:.2}: {met})", self.ratio, self.at_most)
    }
}

/// Which bars are missed.
pub(super) fn summary(bars: &[Bar]) -> String {
    let missed: Vec<String> = bars
        .iter()
        .filter(|bar| !bar.is_met())
        .map(|bar| format!("\n  {}: {:.2}, at most {:.2}", bar.name, bar.ratio, bar.at_most))
        .collect();
    match (bars.len(), missed.len()) {
        (0, _) => String::new(),
        (all, 0) => format!("all {all} bars are met"),
        (all, _) => format!("{} of {all} bars are missed:{}", missed.len(), missed.concat()),
    }
}
