//! `cargo xtask bench data`: how fast text becomes tokens and JPEGs become batches, beside the libraries that others use.

use super::bars::{Bar, summary};
use super::session::Session;
use crate::flags::{BenchData, DataPart};
use crate::output::{note, say};
use crate::units;
use anyhow::{Context, Result};
use ligo_bench::{
    Contender, DataJob, DataWork, Job, Measured, Peer, Plan, compare, compare_fresh, write_images, write_text,
};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// What a part took.
struct Figures {
    part: DataPart,
    what: String,
    /// Ours first.
    measured: Vec<Measured>,
    /// How many of `unit` are done in one time.
    amount: f64,
    unit: &'static str,
}

/// Measures what the flags ask for.
pub(crate) fn run(flags: &BenchData) -> Result<ExitCode> {
    let title = "preparing random data, medians; processes take turns";
    let session = Session::start(&flags.turns, Peer::Data, title)?;
    let mut bars = Vec::new();
    for part in [DataPart::Text, DataPart::Images] {
        if !flags.wants(part) {
            continue;
        }
        let directory = session.directory()?;
        let figures = match part {
            DataPart::Text => text(&session, flags, directory.path())?,
            DataPart::Images => images(&session, flags, directory.path())?,
        };
        if flags.turns.json {
            for line in figures.json_lines(&session) {
                say(line.to_string())?;
            }
        } else {
            say(figures.table())?;
            bars.extend(figures.bar());
        }
    }
    if !flags.turns.json {
        say(summary(&bars))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The whole way from Parquet to tokens, `tokenizers` alone, and the same by its Python package; each once in a process, as it is
/// used.
fn text(session: &Session<'_>, flags: &BenchData, directory: &Path) -> Result<Figures> {
    let megabytes = u64::from(flags.text_mb);
    making(flags, &format!("{megabytes} MB of text"));
    write_text(directory, megabytes * 1_000_000)?;
    let job = |work| Job::from(DataJob::new(work, session.threads(), directory.to_owned()));
    let mut contenders: Vec<Box<dyn Fn() -> Result<Contender> + '_>> = vec![
        Box::new(|| session.ours(&job(DataWork::PrepareText))),
        Box::new(|| session.ours(&job(DataWork::Tokenize))),
    ];
    if session.has_peer() {
        contenders.push(Box::new(|| session.peer(&job(DataWork::Tokenize))));
    }
    let mut measured =
        compare_fresh(&contenders, session.rounds(), |round| session.progress("text", round)).context("text")?;
    if let Some(alone) = measured.get_mut(1) {
        alone.engine = "tokenizers alone".into();
    }
    let tokens = measured.first().and_then(|ours| ours.prepared).unwrap_or_default();
    let what = format!("text, {megabytes} MB in Parquet to a file of {} tokens", units::scaled(tokens as f64));
    Ok(Figures { part: DataPart::Text, what, measured, amount: megabytes as f64, unit: "MB" })
}

/// Epochs of JPEGs, ours and torchvision's two ways.
fn images(session: &Session<'_>, flags: &BenchData, directory: &Path) -> Result<Figures> {
    let count = usize::from(flags.images);
    making(flags, &format!("{count} JPEGs"));
    write_images(directory, count)?;
    let job = |work| Job::from(DataJob::new(work, session.threads(), directory.to_owned()));
    let mut contenders = vec![session.ours(&job(DataWork::Images))?];
    if session.has_peer() {
        for work in [DataWork::Images, DataWork::ImagesAsTensors] {
            contenders.push(session.peer(&job(work))?);
        }
    }
    let plan = Plan { rounds: session.rounds(), same_start: None };
    let mut measured = compare(&mut contenders, plan, |round| session.progress("images", round))?;
    for peer in measured.iter_mut().skip(1) {
        // Its workers are processes of their own, whose memory it does not tell.
        (peer.peak_bytes, peer.before_bytes) = (None, None);
    }
    let amount = measured.first().and_then(|ours| ours.prepared).unwrap_or_default() as f64;
    let what = format!("images, an epoch of {amount} JPEGs of 500 × 375 to batches of 64 × 3 × 224 × 224");
    Ok(Figures { part: DataPart::Images, what, measured, amount, unit: "images" })
}

fn making(flags: &BenchData, what: &str) {
    if !flags.turns.json {
        note(format!("making {what}"));
    }
}

impl Figures {
    /// Our time in that of `tokenizers` alone, or in the faster of torchvision's.
    fn bar(&self) -> Option<Bar> {
        let (ours, others) = self.measured.split_first()?;
        let (name, other, at_most) = match self.part {
            DataPart::Text => ("text", others.first()?.seconds, 1.05),
            DataPart::Images => ("images", others.iter().map(|other| other.seconds).min_by(f64::total_cmp)?, 1.0),
        };
        Some(Bar { name: name.into(), ratio: ours.seconds / other, at_most })
    }

    fn table(&self) -> String {
        let mut lines = vec![
            self.what.clone(),
            format!("  {:<32} {:>9} {:>17} {:>13} {:>10}", "", "ms", "turns", "per second", "peak"),
        ];
        for measured in &self.measured {
            let (fast, slow) = measured.turns;
            lines.push(format!(
                "  {:<32} {:>9.1} {:>17} {:>13} {:>10}",
                measured.engine,
                1e3 * measured.seconds,
                format!("{:.1} to {:.1}", 1e3 * fast, 1e3 * slow),
                format!("{:.1} {}", self.amount / measured.seconds, self.unit),
                units::bytes(measured.peak_bytes),
            ));
        }
        let disturbed: usize = self.measured.iter().map(|measured| measured.disturbed).sum();
        if disturbed > 0 {
            lines.push(format!("  doubtful: other programs were computing during {disturbed} turns"));
        }
        lines.extend(self.bar().map(|bar| format!("  {}", bar.verdict())));
        lines.push(String::new());
        lines.join("\n")
    }

    fn json_lines(&self, session: &Session<'_>) -> Vec<serde_json::Value> {
        let bar = self.bar();
        let line = |(i, measured): (usize, &Measured)| {
            let bar = bar.as_ref().filter(|_| i == 0);
            json!({
                "part": self.part.name(),
                "what": self.what,
                "per_second": self.amount / measured.seconds,
                "unit": self.unit,
                "ratio": bar.map(|bar| bar.ratio),
                "at_most": bar.map(|bar| bar.at_most),
                "measured": measured,
                "provenance": session.machine(),
            })
        };
        self.measured.iter().enumerate().map(line).collect()
    }
}

impl DataPart {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Images => "images",
        }
    }
}
