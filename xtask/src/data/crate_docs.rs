//! `cargo xtask data crate-docs`: the corpus that needs no download, and what was found.

use crate::output::{note, say};
use crate::watch::log_to_stderr;
use crate::workspace;
use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar};
use ligo_data::crate_docs::build_crate_docs;
use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes the corpus if it is not there, and says what it is.
pub(super) fn run(data: Option<PathBuf>, vocab_size: usize) -> Result<ExitCode> {
    let bars = MultiProgress::new();
    log_to_stderr("warn", &bars);
    let data = workspace::data(data);
    let directory = data.join("crate-docs");
    let packages = bars.add(ProgressBar::new(0).with_message("packages"));
    let mut report = build_crate_docs(&workspace::root().join("Cargo.toml"), &directory, &|progress| {
        packages.set_length(progress.packages);
        packages.set_position(progress.done);
    })?;
    packages.finish_and_clear();

    note(format!("counting tokens by a byte-level BPE of {vocab_size}"));
    let train = TextSource::new([directory.join("train.parquet")], "text");
    let tokenizer =
        Tokenizer::trained(&train, &BpeOptions::new(vocab_size, SpecialTokens::Causal), &data.join("cache"))?;
    report.count_tokens(&directory, &tokenizer)?;
    say(format!("{report}\n\n{}", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
