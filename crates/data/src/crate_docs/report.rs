//! What was found, where, and what it was made from: `report.json` beside the corpus, and lines for a terminal.

use crate::crate_docs::EXTRACTOR_VERSION;
use crate::source::hash_file;
use crate::{DataError, TextSource, Tokenizer};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Crates named in the lines for a terminal.
const SHOWN_CRATES: usize = 10;

/// One side of the split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Paragraphs, a row each.
    pub paragraphs: u64,
    /// Words: pieces between blanks.
    pub words: u64,
    /// Bytes of text.
    pub bytes: u64,
    /// Hash of the Parquet file.
    pub file_hash: String,
}

/// What was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// Packages that hold generated bindings.
    pub generated_packages: u64,
    /// Paragraphs that were there word for word.
    pub duplicates: u64,
    /// Paragraphs that were there but for case, digits and punctuation.
    pub near_duplicates: u64,
}

/// What a crate gave, all its versions together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateCount {
    /// The crate.
    pub name: String,
    /// Its paragraphs, duplicates of earlier ones left out.
    pub paragraphs: u64,
    /// Their words.
    pub words: u64,
}

/// What the corpus is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of the rules.
    pub extractor_version: u32,
    /// Hash of `Cargo.lock`.
    pub lock_hash: String,
    /// Hash of the corpus: paragraphs, crates and split.
    pub corpus_hash: String,
    /// Packages read, the workspace's own and generated bindings left out.
    pub packages: u64,
    /// What is trained on.
    pub train: Split,
    /// What is validated on.
    pub validation: Split,
    /// What was left out.
    pub dropped: Dropped,
    /// The crates, the one with the most words first.
    pub crates: Vec<CrateCount>,
    /// Tokens on both sides, once [`count_tokens`](Self::count_tokens) has counted them.
    #[serde(skip)]
    pub tokens: Option<u64>,
}

impl Report {
    /// The report in `directory` if what lies there was made of this lock file by these rules and is whole.
    pub(super) fn current(directory: &Path, lock_hash: &str) -> Option<Self> {
        let json = std::fs::read(directory.join(super::corpus::REPORT)).ok()?;
        let report: Self = serde_json::from_slice(&json).ok()?;
        let whole = |file: &str, split: &Split| {
            hash_file(&directory.join(file)).is_ok_and(|hash| hash.to_hex().as_str() == split.file_hash)
        };
        let current = report.extractor_version == EXTRACTOR_VERSION
            && report.lock_hash == lock_hash
            && whole(super::corpus::TRAIN, &report.train)
            && whole(super::corpus::VALIDATION, &report.validation);
        current.then_some(report)
    }

    /// Counts the tokens of the corpus in `directory`, ends of texts left out.
    ///
    /// # Errors
    /// What reading and encoding report.
    pub fn count_tokens(&mut self, directory: &Path, tokenizer: &Tokenizer) -> Result<(), DataError> {
        let files = [super::corpus::TRAIN, super::corpus::VALIDATION].map(|file| directory.join(file));
        let texts: Vec<String> =
            TextSource::new(files, super::corpus::TEXT_COLUMN).open()?.collect::<Result<_, DataError>>()?;
        let count = |text: &String| tokenizer.encode(text).map(|ids| ids.len() as u64);
        self.tokens = Some(texts.par_iter().map(count).try_reduce(|| 0, |a, b| Ok(a + b))?);
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (train, validation) = (&self.train, &self.validation);
        write!(
            f,
            "{} paragraphs, {} words, {:.1} MB",
            grouped(train.paragraphs + validation.paragraphs),
            grouped(train.words + validation.words),
            (train.bytes + validation.bytes) as f64 / 1e6
        )?;
        if let Some(tokens) = self.tokens {
            write!(f, ", {} tokens", grouped(tokens))?;
        }
        writeln!(f, " from {} packages of {} crates", self.packages, self.crates.len())?;
        writeln!(
            f,
            "train {} paragraphs, validation {} ({:.1} % of the words)",
            grouped(train.paragraphs),
            grouped(validation.paragraphs),
            100.0 * validation.words as f64 / (train.words + validation.words).max(1) as f64
        )?;
        writeln!(
            f,
            "left out: {} packages of generated bindings, {} duplicates, {} near duplicates",
            self.dropped.generated_packages,
            grouped(self.dropped.duplicates),
            grouped(self.dropped.near_duplicates)
        )?;
        let words = train.words + validation.words;
        for count in self.crates.iter().take(SHOWN_CRATES) {
            let share = 100.0 * count.words as f64 / words.max(1) as f64;
            writeln!(f, "  {:<24} {:>9} words  {share:>4.1} %", count.name, grouped(count.words))?;
        }
        if let Some(rest) = self.crates.get(SHOWN_CRATES..).filter(|rest| !rest.is_empty()) {
            let left: u64 = rest.iter().map(|count| count.words).sum();
            let share = 100.0 * left as f64 / words.max(1) as f64;
            let name = format!("{} other crates", rest.len());
            writeln!(f, "  {name:<24} {:>9} words  {share:>4.1} %", grouped(left))?;
        }
        write!(f, "corpus {}, Cargo.lock {}", short(&self.corpus_hash), short(&self.lock_hash))
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }
}
