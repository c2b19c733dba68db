//! `cargo xtask inspect`: what a checkpoint is, without reading a weight.

use crate::find;
use crate::flags::Inspect;
use crate::output::say;
use anyhow::Result;
use std::process::ExitCode;

/// Prints a table, or one JSON object.
pub(crate) fn run(flags: &Inspect) -> Result<ExitCode> {
    let directory = find::directory(&flags.place.checkpoint)?;
    let inspection = ligo_checkpoints::inspect(&directory, flags.sequence_length)?;
    say(if flags.json { inspection.to_json().to_string() } else { inspection.to_string().trim_end().to_owned() })?;
    Ok(ExitCode::SUCCESS)
}
