//! `cargo xtask data fetch`: data sets of the Hub, into their places.

use super::progress::Progress;
use super::{licences, short, size};
use crate::output::{note, say};
use crate::watch::log_to_stderr;
use crate::{interrupt, workspace};
use anyhow::Result;
use indicatif::MultiProgress;
use ligo_fetch::{FetchError, Hub, Record, Set, Sets, Watch};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Fetches one set after the other and says what is there.
pub(super) fn run(names: &[String], data: Option<PathBuf>) -> Result<ExitCode> {
    let bars = MultiProgress::new();
    let terminal = std::io::stderr().is_terminal();
    log_to_stderr(if terminal { "warn" } else { "info" }, &bars);
    let directory = workspace::data(data);
    let sets = Sets::read(&directory)?;
    let chosen = sets.named(names)?;
    let hub = Hub::from_environment()?;
    let above = bars.clone();
    let stop = interrupt::on_ctrl_c(move || {
        above.suspend(|| note("\nstopping; what is there stays, and Ctrl-C again stops at once"));
    })?;
    for set in chosen {
        let progress = Progress::new(&bars, terminal);
        let report = |event: ligo_fetch::Event<'_>| progress.tell(event);
        let watch = Watch { report: &report, stopped: &|| stop.is_set() };
        let fetched = hub.fetch(set, &directory, watch);
        progress.end();
        match fetched {
            Ok(record) => say(line(set, &record, &directory))?,
            Err(FetchError::Stopped) => {
                note(FetchError::Stopped.to_string());
                return Ok(interrupt::exit_code());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `data/cifar10: 144 MB in 2 files, uoft-cs/cifar10 at 0b2714987fa4, licence: unknown`.
fn line(set: &Set, record: &Record, directory: &Path) -> String {
    let place = directory.join(&set.name);
    let (files, bytes) = (record.files.len(), size(record.bytes()));
    let files = if files == 1 { "1 file".into() } else { format!("{files} files") };
    let (repository, commit) = (&record.repository, short(&record.commit));
    format!("{}: {bytes} in {files}, {repository} at {commit}, licence: {}", place.display(), licences(&record.licence))
}
