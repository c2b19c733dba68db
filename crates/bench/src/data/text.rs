//! Text to tokens: the whole way, and the tokeniser's part of it alone.

use super::DataJob;
use super::text_files::{LINES, TOKENIZER, source};
use crate::protocol::Answer;
use crate::task::Task;
use anyhow::{Context, Result};
use ligo_data::{Corpus, TextSource, Tokenizer};
use std::path::PathBuf;

/// Text that the tokeniser is handed at a time, as much as [`Corpus`] hands it.
const CHUNK_BYTES: usize = 8 << 20;

/// From Parquet files to the file of tokens.
pub(super) struct Preparation {
    source: TextSource,
    tokenizer: Tokenizer,
    directory: PathBuf,
    tokens: u64,
}

impl Preparation {
    pub(super) fn new(job: &DataJob) -> Result<Self> {
        let tokenizer = Tokenizer::from_file(&job.directory.join(TOKENIZER))?;
        Ok(Self { source: source(&job.directory)?, tokenizer, directory: job.directory.clone(), tokens: 0 })
    }
}

impl Task for Preparation {
    fn work(&mut self) -> Result<()> {
        // A directory of its own each time: what is there already would not be made again.
        let cache = tempfile::tempdir_in(&self.directory).with_context(|| self.directory.display().to_string())?;
        self.tokens = Corpus::prepare(&self.source, &self.tokenizer, cache.path())?.tokens();
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { prepared: Some(self.tokens), ..Answer::default() }
    }
}

/// `tokenizers` by itself, on texts in memory.
pub(super) struct Tokenizing {
    tokenizer: tokenizers::Tokenizer,
    /// Texts that are handed over together.
    chunks: Vec<Vec<String>>,
    tokens: u64,
}

impl Tokenizing {
    pub(super) fn new(job: &DataJob) -> Result<Self> {
        let path = job.directory.join(TOKENIZER);
        let tokenizer =
            tokenizers::Tokenizer::from_file(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let path = job.directory.join(LINES);
        let lines = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (mut chunks, mut size) = (vec![Vec::new()], 0);
        for line in lines.lines() {
            if size >= CHUNK_BYTES {
                chunks.push(Vec::new());
                size = 0;
            }
            size += line.len();
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(line.to_owned());
            }
        }
        Ok(Self { tokenizer, chunks, tokens: 0 })
    }
}

impl Task for Tokenizing {
    fn work(&mut self) -> Result<()> {
        self.tokens = 0;
        for chunk in &self.chunks {
            let texts: Vec<&str> = chunk.iter().map(String::as_str).collect();
            let encoded = self.tokenizer.encode_batch_fast(texts, false);
            let encoded = encoded.map_err(|error| anyhow::anyhow!("tokenizers: {error}"))?;
            // As where texts are packed, an end of text follows each.
            self.tokens += encoded.iter().map(|encoding| encoding.get_ids().len() as u64 + 1).sum::<u64>();
        }
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { prepared: Some(self.tokens), ..Answer::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataWork, prepare, write_text};
    use super::*;

    #[test]
    fn both_ways_to_tokens_have_as_many_of_them() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        write_text(directory.path(), 100_000).expect("it can be written");
        let tokens = [DataWork::PrepareText, DataWork::Tokenize].map(|work| {
            let mut task = prepare(&DataJob::new(work, 1, directory.path().to_owned())).expect("the files are there");
            task.work().expect("the text is sound");
            task.answer().prepared.expect("tokens were made")
        });
        assert_eq!(tokens[0], tokens[1]);
        // Of 2 to 10 bytes each: neither letters nor sentences.
        assert!((10_000..50_000).contains(&tokens[0]), "{tokens:?}");
    }
}
