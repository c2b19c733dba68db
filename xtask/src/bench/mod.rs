//! `cargo xtask bench`: speed and memory, ours and a peer's in turn.

mod bars;
pub(crate) mod data;
pub(crate) mod models;
mod session;
pub(crate) mod step;

use anyhow::Result;
use ligo_kernels::Cpu;
use std::process::ExitCode;

/// `cargo xtask bench worker`: one of the processes that are measured.
pub(crate) fn serve() -> Result<ExitCode> {
    ligo_bench::serve(&Cpu::default(), std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
