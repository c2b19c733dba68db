//! The driver of the workspace: `cargo xtask <command>`.
//!
//! It exists so that everything one does here is one command that needs nothing but cargo. This file only parses and dispatches:
//! `flags.rs` is the command line, a command is the file of its name, and the work itself is done by the crates.

mod bench;
mod data;
mod experiment;
mod fill_mask;
mod find;
mod flags;
mod generate;
mod grow;
mod inspect;
mod interrupt;
mod list;
mod methods;
mod new;
mod outcome;
mod output;
mod report;
mod run;
mod show;
mod test;
mod units;
mod watch;
mod workspace;

use anyhow::Result;
use clap::Parser;
use flags::{Command, Flags};
use ligo_kernels::{Recycling, level_in_use};
use std::process::ExitCode;

/// A training step asks for the same large blocks again and again: they are kept instead of given back to the system.
#[global_allocator]
static ALLOCATOR: Recycling = Recycling::holding_at_most(1 << 30);

/// Something is wrong with what the command was given or found; one message says what.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    dispatch(flags.command).unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::from(FAILED)
    })
}

fn dispatch(command: Command) -> Result<ExitCode> {
    // A level of instructions that is misspelt, or that the machine lacks, is refused before it is taken for another one.
    level_in_use()?;
    match command {
        Command::Run(flags) => run::run(&flags),
        Command::List(flags) => list::run(&flags),
        Command::Methods(flags) => methods::run(&flags),
        Command::New(flags) => new::run(&flags),
        Command::Show(flags) => show::run(&flags),
        Command::Report(flags) => report::run(&flags),
        Command::Inspect(flags) => inspect::run(&flags),
        Command::Generate(flags) => generate::run(&flags),
        Command::Grow(flags) => grow::run(&flags),
        Command::FillMask(flags) => fill_mask::run(&flags),
        Command::Data(flags) => data::run(flags),
        Command::Bench(flags) => bench::run(&flags),
        Command::Test(flags) => test::run(&flags),
    }
}
