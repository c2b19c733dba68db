//! `cargo xtask bench`: speed and memory, ours and a peer's in turn.

mod all;
mod bars;
mod book;
mod data;
mod grow;
mod kernels;
mod models;
mod roofline;
mod saved;
mod scaling;
mod session;
mod step;
mod table;

use crate::flags::{Bench, BenchCommand};
use anyhow::Result;
use ligo_kernels::Cpu;
use session::Session;
use std::process::ExitCode;

/// Measures what the flags ask for; without a subcommand all.
pub(crate) fn run(flags: &Bench) -> Result<ExitCode> {
    let mut session = match &flags.command {
        Some(BenchCommand::Worker) => return serve(),
        Some(command) => Session::start(turns(command).unwrap_or(&flags.turns))?,
        None => Session::start(&flags.turns)?,
    };
    match &flags.command {
        Some(BenchCommand::Kernels(flags)) => kernels::measure(&mut session, &flags.only)?,
        Some(BenchCommand::Step(flags)) => step::measure(&mut session, &flags.which, &flags.precision)?,
        Some(BenchCommand::Models(flags)) => models::measure(&mut session, flags)?,
        Some(BenchCommand::Data(flags)) => data::measure(&mut session, flags)?,
        Some(BenchCommand::Grow(flags)) => grow::measure(&mut session, &flags.part)?,
        Some(BenchCommand::Scaling(flags)) => scaling::measure(&mut session, &flags.which)?,
        Some(BenchCommand::Worker) | None => all::measure(&mut session, &flags.turns)?,
    }
    session.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn turns(command: &BenchCommand) -> Option<&crate::flags::BenchTurns> {
    match command {
        BenchCommand::Kernels(flags) => Some(&flags.turns),
        BenchCommand::Step(flags) => Some(&flags.turns),
        BenchCommand::Models(flags) => Some(&flags.turns),
        BenchCommand::Data(flags) => Some(&flags.turns),
        BenchCommand::Grow(flags) => Some(&flags.turns),
        BenchCommand::Scaling(flags) => Some(&flags.turns),
        BenchCommand::Worker => None,
    }
}

/// `cargo xtask bench worker`: one of the processes that are measured.
fn serve() -> Result<ExitCode> {
    ligo_bench::serve(&Cpu::default(), std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
