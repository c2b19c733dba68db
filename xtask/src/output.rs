//! What a command prints: its result to stdout, everything else to stderr.

use std::io::{ErrorKind, IsTerminal, Write};

/// Prints a line, or several, to stdout.
///
/// # Errors
/// If stdout cannot be written; that its reader has gone away (`… | head`) is none.
pub(crate) fn say(text: impl AsRef<str>) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{}", text.as_ref()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::Error::new(error).context("stdout")),
        _ => Ok(()),
    }
}

/// Prints a note for whoever watches to stderr.
pub(crate) fn note(text: impl AsRef<str>) {
    // Nobody is left to be told if that fails.
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Prints one message with all that is known: what was done, where, why it failed.
pub(crate) fn error(error: &anyhow::Error) {
    let (start, end) = if colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    note(format!("{start}error:{end} {error:#}"));
    if std::env::var("RUST_BACKTRACE").is_ok_and(|value| value != "0") {
        note(format!("\n{}", error.backtrace()));
    }
}

/// Whether stderr shows colours: on a terminal, unless NO_COLOR is set.
pub(crate) fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
