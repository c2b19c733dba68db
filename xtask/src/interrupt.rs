//! Ctrl-C: the first asks to stop, a run with a checkpoint, the second ends the process at once.

use anyhow::{Context, Result};
use indicatif::MultiProgress;
use ligo_train::StopFlag;
use std::io::Write;
use std::process::ExitCode;

/// What the shell expects of a program that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// The exit code of a command that was stopped.
pub(crate) fn exit_code() -> ExitCode {
    ExitCode::from(INTERRUPTED)
}

/// From now on Ctrl-C (and SIGTERM) sets the flag; a second one ends the process. `bars` make room for the message.
pub(crate) fn stop_on_ctrl_c(bars: MultiProgress) -> Result<StopFlag> {
    on_ctrl_c(move || {
        let message = "stopping at the next step, with a checkpoint; Ctrl-C again stops at once";
        bars.suspend(|| {
            let _ = writeln!(std::io::stderr(), "\n{message}");
        });
    })
}

/// From now on Ctrl-C (and SIGTERM) sets the flag and calls `tell`; a second one ends the process.
pub(crate) fn on_ctrl_c(tell: impl Fn() + Send + 'static) -> Result<StopFlag> {
    let flag = StopFlag::default();
    let asked = flag.clone();
    ctrlc::set_handler(move || {
        if asked.is_set() {
            std::process::exit(INTERRUPTED.into());
        }
        asked.stop();
        tell();
    })
    .context("Ctrl-C cannot be caught")?;
    Ok(flag)
}

/// From now on Ctrl-C (and SIGTERM) ends the process at once, when `tidy` has cleared up.
pub(crate) fn end_on_ctrl_c(tidy: impl Fn() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || {
        tidy();
        std::process::exit(INTERRUPTED.into());
    })
    .context("Ctrl-C cannot be caught")
}
