//! Random text: words as frequent as in a language, in texts of a page or so, and a tokeniser trained on some of it.

use anyhow::{Context, Result};
use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer, write_text_parquet};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Different words.
const WORDS: usize = 100_000;
/// Bytes of a text, about.
const TEXT_BYTES: usize = 2500;
/// Bytes of text in a file.
const FILE_BYTES: u64 = 64 << 20;
/// Bytes of text that the tokeniser is trained on.
const SAMPLE_BYTES: u64 = 8 << 20;
/// Tokens of the tokeniser.
const VOCABULARY: usize = 8192;

pub(super) const TOKENIZER: &str = "tokenizer.json";
/// The texts, one a line, for those who read no Parquet.
pub(super) const LINES: &str = "texts.txt";

/// Writes `bytes` of random text, as Parquet files and as lines, and a tokeniser for it.
///
/// The words are made of syllables, the k-th most frequent being drawn about 1/k as often as the first (Zipf's law): a tokeniser
/// meets most of them again and again, and new ones all the time.
///
/// # Errors
/// A directory that cannot be written.
pub fn write_text(directory: &Path, bytes: u64) -> Result<()> {
    let mut writer = Writer::new(StdRng::seed_from_u64(0x7465_7874));
    let path = directory.join(LINES);
    let mut lines = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
    let (mut left, mut files) = (bytes, 0);
    while left > 0 {
        let (mut texts, mut size) = (Vec::new(), 0);
        while size < left.min(FILE_BYTES) {
            let text = writer.text();
            size += text.len() as u64;
            writeln!(lines, "{text}").with_context(|| path.display().to_string())?;
            texts.push(text);
        }
        write_text_parquet(&directory.join(format!("text-{files:03}.parquet")), "text", &texts)?;
        files += 1;
        left = left.saturating_sub(size);
    }
    lines.flush().with_context(|| path.display().to_string())?;
    let options = BpeOptions { sample_bytes: SAMPLE_BYTES, ..BpeOptions::new(VOCABULARY, SpecialTokens::Causal) };
    Ok(Tokenizer::train(&source(directory)?, &options)?.save(&directory.join(TOKENIZER))?)
}

/// The Parquet files of a directory.
pub(super) fn source(directory: &Path) -> Result<TextSource> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| directory.display().to_string())?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    files.sort();
    Ok(TextSource::new(files, "text"))
}

struct Writer {
    random: StdRng,
    words: Vec<String>,
}

impl Writer {
    fn new(mut random: StdRng) -> Self {
        let words = (0..WORDS).map(|_| word(&mut random)).collect();
        Self { random, words }
    }

    /// Sentences, some with a number or a line break in their midst, until the text is long enough.
    fn text(&mut self) -> String {
        let end = self.random.random_range(TEXT_BYTES / 2..TEXT_BYTES * 3 / 2);
        let mut text = String::with_capacity(end + 200);
        while text.len() < end {
            for place in 0..self.random.random_range(5..25) {
                let word = self.word();
                match place {
                    // Words are ASCII: their first byte is their first letter.
                    0 => text.extend([&word[..1].to_ascii_uppercase(), &word[1..]]),
                    _ => text.extend([" ", &word]),
                }
                if self.random.random_bool(0.02) {
                    // Writing to a string cannot fail.
                    let _ = write!(text, " {}", self.random.random_range(0..3000));
                }
                if self.random.random_bool(0.05) {
                    text.push(',');
                }
            }
            text.push_str(". ");
        }
        text
    }

    fn word(&mut self) -> String {
        // The logarithm of the rank is uniform where frequencies fall as 1/rank.
        let rank = (WORDS as f64).powf(self.random.random::<f64>()) as usize;
        self.words[rank.min(WORDS) - 1].clone()
    }
}

/// One to four syllables.
fn word(random: &mut StdRng) -> String {
    const ONSETS: [&str; 20] =
        ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "ch", "sh", ""];
    const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "ou", "ai"];
    const CODAS: [&str; 10] = ["", "", "", "n", "r", "s", "t", "l", "nd", "ck"];
    let mut word = String::new();
    for _ in 0..random.random_range(1..=4) {
        for parts in [&ONSETS[..], &VOWELS, &CODAS] {
            word.push_str(parts[random.random_range(0..parts.len())]);
        }
    }
    word
}
