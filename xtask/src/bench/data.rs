//! `cargo xtask bench data`: how fast text becomes tokens and JPEGs become batches, beside the libraries that others use.

use super::bars::{Bar, Of};
use super::session::Session;
use super::table::{Group, Row};
use crate::flags::{BenchData, DataPart};
use crate::output::note;
use crate::units;
use anyhow::{Context, Result};
use ligo_bench::{
    Contender, DataJob, DataWork, Job, Measured, Peer, Plan, Precision, compare, compare_fresh, write_images,
    write_text,
};
use serde_json::json;
use std::path::Path;

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
pub(super) fn measure(session: &mut Session<'_>, flags: &BenchData) -> Result<()> {
    session.begin(Some(Peer::Data), "preparing random data, medians; processes take turns")?;
    for part in [DataPart::Text, DataPart::Images] {
        if !flags.wants(part) {
            continue;
        }
        let directory = session.directory()?;
        let figures = match part {
            DataPart::Text => text(session, flags, directory.path())?,
            DataPart::Images => images(session, flags, directory.path())?,
        };
        session.add(figures.group())?;
    }
    Ok(())
}

/// The whole way from Parquet to tokens, `tokenizers` alone, and the same by its Python package; each once in a process, as it is
/// used.
fn text(session: &Session<'_>, flags: &BenchData, directory: &Path) -> Result<Figures> {
    let megabytes = if session.is_tiny() { 1 } else { u64::from(flags.text_mb) };
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
    let count = if session.is_tiny() { 64 } else { usize::from(flags.images) };
    making(flags, &format!("{count} JPEGs"));
    write_images(directory, count)?;
    let job = |work| Job::from(DataJob::new(work, session.threads(), directory.to_owned()));
    let mut contenders = vec![session.ours(&job(DataWork::Images))?];
    if session.has_peer() {
        for work in [DataWork::Images, DataWork::ImagesAsTensors] {
            contenders.push(session.peer(&job(work))?);
        }
    }
    let plan = Plan { rounds: session.rounds(), same_start: None, precision: Precision::F32 };
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
        Some(Bar { name: name.into(), of: Of::Time, value: ours.seconds / other, goal: at_most })
    }

    fn group(self) -> Group {
        let bars: Vec<Bar> = self.bar().into_iter().collect();
        let row = |(i, measured): (usize, Measured)| {
            let per_second = self.amount / measured.seconds;
            let bar = bars.first().filter(|_| i == 0);
            Row {
                who: self.part.contenders()[i.min(2)],
                figures: vec![format!("{per_second:.1} {}", self.unit)],
                details: json!({
                    "part": self.part.name(),
                    "per_second": per_second,
                    "unit": self.unit,
                    "ratio": bar.map(|bar| bar.value),
                    "at_most": bar.map(|bar| bar.goal),
                }),
                measured,
            }
        };
        let rows = self.measured.into_iter().enumerate().map(row).collect();
        let columns = &["per second"];
        Group { bench: "data", what: self.what, columns, rows, notes: Vec::new(), bars, point: None }
    }
}

impl DataPart {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Images => "images",
        }
    }

    /// In the order in which they are measured.
    fn contenders(self) -> [&'static str; 3] {
        match self {
            Self::Text => ["ours", "tokenizers", "peer"],
            Self::Images => ["ours", "pillow", "tensors"],
        }
    }
}
