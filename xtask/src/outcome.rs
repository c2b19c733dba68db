//! What is said at the end: the table, what LiGO saved, where the files are.

use anyhow::Result;
use ligo_experiment::Results;
use ligo_experiment::report::terminal_table;
use serde_json::Value;
use std::path::Path;

/// Files that a reader looks for first.
const SHOWN: [&str; 3] = ["table.md", "report.html", "metrics.parquet"];

/// The end of a run, for a terminal.
pub(crate) fn text(results: &Results, directory: &Path) -> Result<String> {
    let mut text = terminal_table(results)?;
    if let Some(sentence) = summary(directory).as_ref().and_then(saving) {
        text.push_str(&format!("\n{sentence}\n"));
    }
    text.push('\n');
    for file in SHOWN {
        text.push_str(&format!("{}\n", directory.join(file).display()));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// `summary.json` as it was written; none if it cannot be read.
pub(crate) fn summary(directory: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(directory.join("summary.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// What LiGO saved in its best row; none where it saved nothing, or did not reach the target with every seed.
fn saving(summary: &Value) -> Option<String> {
    let reference = summary["target"]["reference"].as_str()?;
    let rows = summary["metrics"].as_object()?.iter().filter(|(_, row)| row["method"] == "ligo");
    let (label, flops) = rows
        .filter_map(|(label, row)| Some((label, row["flops_saved"]["mean"].as_f64()?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    if flops <= 0.0 {
        return None;
    }
    let time = match summary["timing"][label]["wall_time_saved"]["mean"].as_f64() {
        Some(share) if share > 0.0 => format!(" and {:.1} % of its wall time", 100.0 * share),
        _ => ", but no wall time".into(),
    };
    Some(format!(
        "LiGO saved {:.1} % of the FLOPs of {reference}{time}: its operator's learning counts, the small model is given.",
        100.0 * flops
    ))
}

#[cfg(test)]
mod tests {
    use super::saving;
    use serde_json::{Value, json};

    fn summary(flops: Value, time: Value) -> Value {
        json!({
            "target": { "reference": "scratch" },
            "metrics": {
                "scratch": { "method": "scratch", "flops_saved": { "mean": 0.0 } },
                "direct-copy": { "method": "direct-copy", "flops_saved": { "mean": 0.9 } },
                "grown": { "method": "ligo", "flops_saved": { "mean": flops } },
            },
            "timing": { "grown": { "wall_time_saved": { "mean": time } } },
        })
    }

    #[test]
    fn a_saving_is_claimed_only_where_there_is_one() {
        for (flops, time, expected) in [
            (
                json!(0.608),
                json!(0.6),
                Some(
                    "LiGO saved 60.8 % of the FLOPs of scratch and 60.0 % of its wall time: its operator's learning counts, \
                     the small model is given.",
                ),
            ),
            (
                json!(0.05),
                json!(-0.1),
                Some(
                    "LiGO saved 5.0 % of the FLOPs of scratch, but no wall time: its operator's learning counts, the \
                     small model is given.",
                ),
            ),
            (json!(-0.2), json!(0.1), None),
            (json!(null), json!(null), None),
        ] {
            assert_eq!(saving(&summary(flops, time)).as_deref(), expected);
        }
        assert_eq!(saving(&json!({})), None);
    }
}
