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
    note(format!("{start}error:{end} {}", message(error)));
}

/// The error and its causes, those left out that the error before them has quoted already.
fn message(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !parts.last().is_some_and(|last| last.contains(&cause)) {
            parts.push(cause);
        }
    }
    parts.join(": ")
}

/// Whether stderr shows colours: on a terminal, unless NO_COLOR is set.
pub(crate) fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::message;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_told_once() {
        for (error, expected) in [
            (anyhow!("disk full").context("a.json: cannot be written"), "a.json: cannot be written: disk full"),
            (
                anyhow!("disk full").context("a.json: disk full").context("the results"),
                "the results: a.json: disk full",
            ),
            (anyhow!("no such file"), "no such file"),
        ] {
            assert_eq!(message(&error), expected);
        }
    }
}
