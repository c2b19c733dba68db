//! A tokenised corpus: all texts of a source as one stream of tokens, each text followed by the end-of-text token, kept
//! in a memory-mapped file that is named by what it was made from. Cutting it into blocks is [`Blocks`](crate::Blocks)' part.

use crate::token_file::{TokenFile, TokenWriter, Width};
use crate::{DataError, TextSource, Texts, Tokenizer};
use rayon::prelude::*;
use std::path::Path;

/// Text held in memory while it is tokenised, in bytes.
const CHUNK_BYTES: usize = 8 << 20;

/// The tokens of a text source. The length of a block is no part of it: one file serves every sequence length.
#[derive(Debug)]
pub struct Corpus {
    file: TokenFile,
    name: String,
}

impl Corpus {
    /// Opens the token file of this source and tokeniser in the directory `cache`; makes it first if it is not there,
    /// or made from other bytes, or damaged. Tokenises in parallel, with a few MB of text in memory at a time.
    ///
    /// # Errors
    /// What [`TextSource::open`] and reading report, text that is null throughout, a cache directory that cannot be made
    /// or written, a full disk.
    pub fn prepare(source: &TextSource, tokenizer: &Tokenizer, cache: &Path) -> Result<Self, DataError> {
        let key = key(source, tokenizer)?;
        let path = cache.join(format!("tokens-{}.bin", &key.to_hex()[..16]));
        match TokenFile::open(&path, key)? {
            Some(Ok(file)) => return Ok(Self { file, name: source.name() }),
            Some(Err(reason)) => tracing::warn!("{}: {reason}; tokenising again", path.display()),
            None => tracing::info!("tokenising {}", source.name()),
        }
        let width = Width::for_vocabulary(tokenizer.vocab_size());
        let texts = source.open()?;
        let rows = texts.rows();
        TokenWriter::write(&path, key, width, |writer| match tokenize(texts, tokenizer, writer)? {
            0 => Err(source.no_text(rows)),
            _ => Ok(()),
        })?;
        match TokenFile::open(&path, key)? {
            Some(Ok(file)) => Ok(Self { file, name: source.name() }),
            Some(Err(reason)) => Err(damaged_at_once(&path, reason)),
            None => Err(damaged_at_once(&path, "the file has vanished".to_owned())),
        }
    }

    /// Tokens, those that end a text counted.
    pub fn tokens(&self) -> u64 {
        self.file.tokens()
    }

    /// Texts.
    pub fn texts(&self) -> u64 {
        self.file.texts()
    }

    /// `count` tokens from `start` on, within [`tokens`](Self::tokens).
    pub(crate) fn range(&self, start: u64, count: usize) -> Vec<u32> {
        self.file.range(start, count)
    }

    /// Where the text comes from, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

fn key(source: &TextSource, tokenizer: &Tokenizer) -> Result<blake3::Hash, DataError> {
    let mut key = blake3::Hasher::new();
    key.update(b"ligo corpus 1");
    key.update(source.content_hash()?.as_bytes());
    key.update(tokenizer.hash().as_bytes());
    key.update(&tokenizer.end_of_text_id().to_le_bytes());
    Ok(key.finalize())
}

/// The disk gave back other bytes than were written to it.
fn damaged_at_once(path: &Path, reason: String) -> DataError {
    DataError::io("read back", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
}

/// Tokenises chunk by chunk; returns the number of texts.
fn tokenize(mut texts: Texts, tokenizer: &Tokenizer, writer: &mut TokenWriter<'_>) -> Result<u64, DataError> {
    let mut total = 0;
    loop {
        let chunk = next_chunk(&mut texts)?;
        if chunk.is_empty() {
            return Ok(total);
        }
        let encoded: Vec<Vec<u32>> =
            chunk.par_iter().map(|text| tokenizer.encode(text)).collect::<Result<_, DataError>>()?;
        let mut tokens = Vec::with_capacity(encoded.iter().map(|ids| ids.len() + 1).sum());
        for ids in encoded {
            tokens.extend(ids);
            tokens.push(tokenizer.end_of_text_id());
        }
        writer.append(&tokens, chunk.len() as u64)?;
        total += chunk.len() as u64;
    }
}

fn next_chunk(texts: &mut Texts) -> Result<Vec<String>, DataError> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while bytes < CHUNK_BYTES {
        let Some(text) = texts.next().transpose()? else { break };
        bytes += text.len();
        chunk.push(text);
    }
    Ok(chunk)
}
