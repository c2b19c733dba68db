//! From what the command line calls a checkpoint to its directory, with what a download looks like.

use crate::output::note;
use crate::units::scaled;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use ligo_checkpoints::{Event, Hub};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The directory of a checkpoint; fetches it if it is one of the Hub's.
pub(crate) fn directory(reference: &str) -> Result<PathBuf> {
    if Path::new(reference).exists() {
        return Ok(reference.into());
    }
    let bar = RefCell::new(ProgressBar::hidden());
    let terminal = std::io::stderr().is_terminal();
    let directory = Hub::from_environment()?.resolve(reference, &|event| match event {
        Event::File { name, number, of, bytes } => {
            let file = format!("{name} ({number} of {of})");
            if terminal {
                let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
                *bar.borrow_mut() = ProgressBar::new(bytes).with_style(style).with_message(file);
            } else {
                note(format!("{file}, {}", size(bytes)));
            }
        }
        Event::Bytes(more) => bar.borrow().inc(more),
        Event::Done => bar.borrow().finish_and_clear(),
        Event::FromCache { reason } => {
            note(format!("the Hub cannot be reached ({reason}); what the cache holds of {reference} is taken"));
        }
        _ => {}
    });
    // One that broke off leaves its line behind otherwise.
    bar.borrow().finish_and_clear();
    Ok(directory?)
}

const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} to go";

fn size(bytes: u64) -> String {
    let text = scaled(bytes as f64);
    if text.contains(' ') { format!("{text}B") } else { format!("{text} B") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!([size(7), size(1_234_000), size(5_000_000_000)], ["7 B", "1.23 MB", "5.00 GB"]);
    }
}
