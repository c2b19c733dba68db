//! `cargo xtask bench models`: what each family's model takes, beside the same model of transformers or timm.

use super::bars::{Bar, Of};
use super::session::Session;
use super::table::{Group, Row};
use crate::flags::{BenchModels, Part};
use anyhow::{Context, Result};
use ligo_bench::{
    Case, Contender, Measured, ModelJob, NEW_TOKENS, Peer, Plan, Precision, Work, compare, compare_fresh,
};
use ligo_models::Family;
use serde_json::json;
use std::path::Path;

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
pub(super) fn measure(session: &mut Session<'_>, flags: &BenchModels) -> Result<()> {
    session.begin(Some(Peer::Libraries), "models with random weights in f32, medians; processes take turns")?;
    for Subject { case, parts } in subjects(&flags.only, session.is_tiny()) {
        for part in parts.iter().copied().filter(|part| flags.wants(*part)) {
            let figures = measure_part(session, &case, part)?;
            session.add(figures.group(&case))?;
        }
    }
    Ok(())
}

/// The models of the families that are asked for, or of all.
fn subjects(only: &[Family], tiny: bool) -> Vec<Subject> {
    const PASSES: &[Part] = &[Part::Forward, Part::Step];
    if tiny {
        let parts = &[Part::Forward, Part::Step, Part::Generate, Part::Load, Part::LoadBf16];
        return vec![Subject { case: Case::tiny(Family::Gpt2), parts }];
    }
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

fn measure_part(session: &Session<'_>, case: &Case, part: Part) -> Result<Figures> {
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
    let same_start = session.has_peer().then_some(case);
    let plan = Plan { rounds: session.rounds(), same_start, precision: Precision::F32 };
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
        self.ratio().map(|value| Bar { name, of: Of::Time, value, goal: self.part.bar() })
    }

    fn group(self, case: &Case) -> Group {
        let (ratio, bars) = (self.ratio(), self.bar(case).into_iter().collect());
        let parted = self.measured.iter().filter_map(|measured| measured.parted_at);
        let note = |place| format!("a near tie: from token {place} on the two generate other text");
        let notes = parted.map(note).collect();
        let row = |(i, measured): (usize, Measured)| {
            let per_second = self.amount / measured.seconds;
            Row {
                who: match (i, self.part) {
                    (0, _) => "ours",
                    (1, Part::Load | Part::LoadBf16) => "read",
                    _ => "peer",
                },
                figures: vec![format!("{per_second:.0} {}", self.unit)],
                details: json!({
                    "case": case.to_string(),
                    "part": self.part.name(),
                    "per_second": per_second,
                    "unit": self.unit,
                    "ratio": ratio.filter(|_| i == 0),
                    "at_most": self.part.bar(),
                }),
                measured,
            }
        };
        let rows = self.measured.into_iter().enumerate().map(row).collect();
        let what = format!("{case}: {}", self.part.name());
        Group { bench: "models", what, columns: &["per second"], rows, notes, bars, point: None }
    }
}
