//! Figures of an earlier time, and what became of them.

use anyhow::{Context, Result};
use ligo_bench::Measured;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// What names a measurement at any time: subcommand, what was done, who did it.
type Name = (String, String, String);

/// What was kept by `--save`.
#[derive(Debug, Default)]
pub(super) struct Saved(HashMap<Name, Measured>);

impl Saved {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut all = HashMap::new();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (name, measured) =
                parse_line(line).with_context(|| format!("line {}: expected figures that --save has kept", i + 1))?;
            all.insert(name, measured);
        }
        Ok(Self(all))
    }

    /// What the same was then.
    pub(super) fn of(&self, bench: &str, what: &str, who: &str) -> Option<&Measured> {
        self.0.get(&(bench.to_owned(), what.to_owned(), who.to_owned()))
    }
}

fn parse_line(line: &str) -> Result<(Name, Measured)> {
    let mut line: Value = serde_json::from_str(line)?;
    let word = |key: &str| line[key].as_str().map(str::to_owned).with_context(|| format!("{key}: found no text"));
    let name = (word("bench")?, word("what")?, word("who")?);
    Ok((name, serde_json::from_value(line["measured"].take()).context("measured")?))
}

/// Whether something got slower than chance explains: its fastest turn took longer than the slowest then.
pub(super) fn is_slower(now: &Measured, then: &Measured) -> bool {
    now.turns.0 > then.turns.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(seconds: f64, turns: (f64, f64)) -> Measured {
        Measured { engine: "ligo 1".into(), seconds, turns, ..Measured::default() }
    }

    #[test]
    fn what_is_saved_is_found_again_and_nothing_else() {
        let kept = measured(0.25, (0.2, 0.3));
        let line = serde_json::json!({
            "bench": "step", "what": "gpt2", "who": "ours", "measured": kept, "provenance": { "commit": null },
        });
        let saved = Saved::parse(&format!("{line}\n")).expect("it is a line of figures");
        assert_eq!(saved.of("step", "gpt2", "ours"), Some(&kept));
        assert_eq!(saved.of("step", "gpt2", "eager"), None);
        let error = Saved::parse("{}").expect_err("that has no figures");
        assert!(error.to_string().starts_with("line 1: expected figures"), "{error}");
    }

    #[test]
    fn a_time_within_the_spread_is_not_slower() {
        let then = measured(1.0, (0.9, 1.1));
        assert!(is_slower(&measured(1.3, (1.2, 1.4)), &then));
        assert!(!is_slower(&measured(1.15, (1.05, 1.3)), &then));
        assert!(!is_slower(&measured(0.5, (0.4, 0.6)), &then));
    }
}
