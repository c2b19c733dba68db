//! `cargo xtask bench models`: what each family's model takes, beside the same model of transformers or timm.

use super::bars::{Bar, summary};
use super::session::Session;
use crate::flags::{BenchModels, Part};
use crate::output::say;
use crate::units;
use anyhow::{Context, Result};
use ligo_bench::{Case, Contender, Measured, ModelJob, NEW_TOKENS, Peer, Plan, Work, compare, compare_fresh};
use ligo_models::Family;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// The name of the weights' file.
const WEIGHTS: &str = "model.safetensors";

/// Parts of one model that are measured one after the other.
struct Subject {
    case: Case,
    parts: &'static [Part],
}

/// What a part took.
struct Figures {
    part: Part,
    /// Ours first.
    measured: Vec<Measured>,
    /// How many of `unit` are done in one time.
    amount: f64,
    unit: &'static str,
}

/// Measures what the flags ask for, model by model.
pub(crate) fn run(flags: &BenchModels) -> Result<ExitCode> {
    let title = "models with random weights in f32, medians; processes take turns";
    let session = Session::start(&flags.turns, Peer::Libraries, title)?;
    let mut bars = Vec::new();
    for Subject { case, parts } in subjects(&flags.only) {
        let parts: Vec<Part> = parts.iter().copied().filter(|part| flags.wants(*part)).collect();
        if parts.is_empty() {
            continue;
        }
        if !flags.turns.json {
            say(heading(&case))?;
        }
        for part in parts {
            let figures = measure(&session, &case, part)?;
            if flags.turns.json {
                for line in figures.json_lines(&case, &session) {
                    say(line.to_string())?;
                }
            } else {
                say(figures.rows(&case))?;
                bars.extend(figures.bar(&case));
            }
        }
    }
    if !flags.turns.json {
        say(summary(&bars))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The models of the families that are asked for, or of all.
fn subjects(only: &[Family]) -> Vec<Subject> {
    const PASSES: &[Part] = &[Part::Forward, Part::Step];
    let mut subjects = Vec::new();
    for family in Family::ALL.into_iter().filter(|family| only.is_empty() || only.contains(family)) {
        subjects.push(Subject { case: Case::compared(family), parts: PASSES });
        match family {
            Family::Vit | Family::Deit => {
                subjects.push(Subject { case: Case::compared(family).in_timm(), parts: PASSES });
            }
            Family::Gpt2 => {
                let parts = &[Part::Generate, Part::Load, Part::LoadBf16];
                subjects.push(Subject { case: Case::gpt2_124m(), parts });
            }
            Family::Llama => subjects.push(Subject { case: Case::llama_100m(), parts: &[Part::Generate] }),
            _ => {}
        }
    }
    subjects
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Step => "step",
            Self::Generate => "generate",
            Self::Load => "load",
            Self::LoadBf16 => "load bf16",
        }
    }

    /// The project's bar: ours takes at most so many times as long as what it is held against.
    fn bar(self) -> f64 {
        match self {
            Self::Forward | Self::Step => 1.15,
            Self::Generate => 1.0,
            Self::Load | Self::LoadBf16 => 1.5,
        }
    }
}

fn measure(session: &Session<'_>, case: &Case, part: Part) -> Result<Figures> {
    let directory = session.directory()?;
    let directory = directory.path();
    let passed = if case.model.family.reads_images() { case.batch_size } else { case.tokens() };
    let unit = if case.model.family.reads_images() { "images" } else { "tokens" };
    let (measured, amount, unit) = match part {
        Part::Forward => (in_turn(session, case, Work::Forward, directory)?, passed as f64, unit),
        Part::Step => (in_turn(session, case, Work::Plain, directory)?, passed as f64, unit),
        Part::Generate => (in_turn(session, case, Work::Generate, directory)?, NEW_TOKENS as f64, "tokens"),
        Part::Load | Part::LoadBf16 => {
            let write = if part == Part::Load { Work::Write } else { Work::WriteHalf };
            let measured = loading(session, case, write, directory)?;
            let weights = directory.join(WEIGHTS);
            let size = std::fs::metadata(&weights).with_context(|| weights.display().to_string())?.len();
            (measured, size as f64 / 1e6, "MB")
        }
    };
    Ok(Figures { part, measured, amount, unit })
}

/// Ours and, if there is one, the peer, which reads the model that ours has written.
fn in_turn(session: &Session<'_>, case: &Case, work: Work, directory: &Path) -> Result<Vec<Measured>> {
    let written = session.has_peer().then(|| directory.to_owned());
    let job = ModelJob::new(case.clone(), work, session.threads(), written).into();
    let mut contenders = vec![session.ours(&job)?];
    if session.has_peer() {
        contenders.push(session.peer(&job)?);
    }
    let plan = Plan { rounds: session.rounds(), same_start: session.has_peer().then_some(case) };
    compare(&mut contenders, plan, |round| session.progress(case, round))
}

/// Reading a checkpoint into a model, reading its file as bytes and, if there is a peer, its reading; each in a fresh process.
fn loading(session: &Session<'_>, case: &Case, write: Work, directory: &Path) -> Result<Vec<Measured>> {
    let job = |work| ModelJob::new(case.clone(), work, session.threads(), Some(directory.to_owned())).into();
    drop(session.ours(&job(write))?);
    let mut contenders: Vec<Box<dyn Fn() -> Result<Contender> + '_>> =
        vec![Box::new(|| session.ours(&job(Work::Import))), Box::new(|| session.ours(&job(Work::Read)))];
    if session.has_peer() {
        contenders.push(Box::new(|| session.peer(&job(Work::Import))));
    }
    let mut measured = compare_fresh(&contenders, session.rounds(), |round| session.progress(case, round))?;
    if let Some(read) = measured.get_mut(1) {
        read.engine = "std::fs::read".into();
    }
    Ok(measured)
}

impl Figures {
    /// Our time in the other's: in the peer's, or of a load in that of reading the file.
    fn ratio(&self) -> Option<f64> {
        match &self.measured[..] {
            [ours, other, ..] => Some(ours.seconds / other.seconds),
            _ => None,
        }
    }

    fn bar(&self, case: &Case) -> Option<Bar> {
        let name = format!("{}, {}", case.model.family, self.part.name());
        self.ratio().map(|ratio| Bar { name, ratio, at_most: self.part.bar() })
    }

    fn rows(&self, case: &Case) -> String {
        let mut lines = Vec::new();
        for (i, measured) in self.measured.iter().enumerate() {
            let (fast, slow) = measured.turns;
            let verdict = match self.bar(case).filter(|_| i == 1) {
                Some(bar) => format!("   {}", bar.verdict()),
                None => String::new(),
            };
            lines.push(format!(
                "  {:<10} {:<24} {:>9.1} {:>17} {:>13} {:>10}{verdict}",
                if i == 0 { self.part.name() } else { "" },
                measured.engine,
                1e3 * measured.seconds,
                format!("{:.1} to {:.1}", 1e3 * fast, 1e3 * slow),
                format!("{:.0} {}", self.amount / measured.seconds, self.unit),
                units::bytes(measured.peak_bytes),
            ));
            if let Some(place) = measured.parted_at {
                lines.push(format!("  {:<10} a near tie: from token {place} on the two generate other text", ""));
            }
        }
        let disturbed: usize = self.measured.iter().map(|measured| measured.disturbed).sum();
        if disturbed > 0 {
            lines.push(format!("  {:<10} doubtful: other programs were computing during {disturbed} turns", ""));
        }
        lines.join("\n")
    }

    fn json_lines(&self, case: &Case, session: &Session<'_>) -> Vec<serde_json::Value> {
        let line = |(i, measured): (usize, &Measured)| {
            json!({
                "case": case.to_string(),
                "part": self.part.name(),
                "per_second": self.amount / measured.seconds,
                "unit": self.unit,
                "ratio": self.ratio().filter(|_| i == 0),
                "at_most": self.part.bar(),
                "measured": measured,
                "provenance": session.machine(),
            })
        };
        self.measured.iter().enumerate().map(line).collect()
    }
}

fn heading(case: &Case) -> String {
    format!("{case}\n  {:<10} {:<24} {:>9} {:>17} {:>13} {:>10}", "", "", "ms", "turns", "per second", "peak")
}
