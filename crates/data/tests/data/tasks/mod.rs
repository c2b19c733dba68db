//! Labelled texts and questions from outside: what they are read from, how they are encoded, what comes back.

mod fixtures;
mod properties;
mod squad_files;
mod text_files;

use ligo_data::Tokenizer;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "tasks", name].iter().collect()
}

/// `wordpiece.json` or `bytes.json`.
fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_file(&fixture(name)).unwrap()
}
