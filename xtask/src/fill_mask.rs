//! `cargo xtask fill-mask`: what a masked language model puts in place of a mask.

use crate::find;
use crate::flags::FillMask;
use crate::output::say;
use anyhow::Result;
use ligo_checkpoints::{Candidate, FilledMask, Loaded};
use ligo_kernels::Cpu;
use ligo_models::hub::LoadOptions;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints token, probability and sentence of each candidate, or one JSON object.
pub(crate) fn run(flags: &FillMask) -> Result<ExitCode> {
    let directory = find::directory(&flags.weights.checkpoint)?;
    let options = LoadOptions { allow_nan: flags.weights.allow_nan, ..LoadOptions::default() };
    let loaded = Loaded::open_masked(&directory, &Cpu::default(), &options)?;
    let masks = loaded.fill_mask(&flags.text, usize::from(flags.top))?;
    say(if flags.json { json_of(&flags.text, &masks).to_string() } else { text(&masks) })?;
    Ok(ExitCode::SUCCESS)
}

fn text(masks: &[FilledMask]) -> String {
    let candidates = || masks.iter().flat_map(|mask| &mask.candidates);
    let width = candidates().map(|candidate| candidate.token.chars().count()).max().unwrap_or(0);
    let mut blocks = vec![];
    for (i, mask) in masks.iter().enumerate() {
        let mut lines = vec![];
        if masks.len() > 1 {
            lines.push(format!("mask {} of {}", i + 1, masks.len()));
        }
        lines.extend(mask.candidates.iter().map(|Candidate { token, probability, sentence, .. }| {
            format!("{token:<width$}  {:>5.1} %  {sentence}", 100.0 * probability)
        }));
        blocks.push(lines.join("\n"));
    }
    blocks.join("\n\n")
}

fn json_of(text: &str, masks: &[FilledMask]) -> Value {
    let candidate = |Candidate { token, id, probability, sentence }: &Candidate| json!({ "token": token, "id": id, "probability": probability, "sentence": sentence });
    let mask = |mask: &FilledMask| json!({ "position": mask.position, "candidates": mask.candidates.iter().map(candidate).collect::<Vec<_>>() });
    json!({ "text": text, "masks": masks.iter().map(mask).collect::<Vec<_>>() })
}
