//! `cargo xtask data`: corpora made here, and data sets of the Hub.

mod crate_docs;
mod fetch;
mod list;
mod progress;

use crate::flags::Data;
use crate::units::scaled;
use anyhow::Result;
use std::process::ExitCode;

/// Makes, fetches or lists data.
pub(crate) fn run(flags: Data) -> Result<ExitCode> {
    match flags {
        Data::CrateDocs { data, vocab_size } => crate_docs::run(data, vocab_size),
        Data::Fetch { sets, data } => fetch::run(&sets, data),
        Data::List { data, json } => list::run(data, json),
    }
}

/// `144 MB`, `20 B`.
fn size(bytes: u64) -> String {
    let text = scaled(bytes as f64);
    if text.contains(' ') { format!("{text}B") } else { format!("{text} B") }
}

/// Licences as a card names them.
fn licences(licence: &[String]) -> String {
    if licence.is_empty() { "none named".into() } else { licence.join(", ") }
}

/// A commit as people tell it apart.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!([size(20), size(143_900_000), size(150_000_000_000)], ["20 B", "144 MB", "150 GB"]);
    }
}
