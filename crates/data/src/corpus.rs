//! A tokenised corpus: all texts of a source as one stream of tokens, each text followed by the end-of-text token, kept
//! in a memory-mapped file that is named by what it was made from. Cutting it into blocks is [`Blocks`](crate::Blocks)' part.

use crate::token_file::{TokenFile, Width};
use crate::token_writer::TokenWriter;
use crate::{DataError, TextSource, Texts, Tokenizer};
use rayon::prelude::*;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How much text is in hand, and how much may be lost, in bytes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Text that is tokenised at a time; as much again has been read ahead, and as much is being read.
    chunk_bytes: usize,
    /// Text that is tokenised between two commits.
    commit_bytes: usize,
}

const PACE: Pace = Pace { chunk_bytes: 8 << 20, commit_bytes: 64 << 20 };

/// The tokens of a text source. The length of a block is no part of it: one file serves every sequence length.
#[derive(Debug)]
pub struct Corpus {
    file: TokenFile,
    name: String,
}

impl Corpus {
    /// Opens the token file of this source and tokeniser in the directory `cache`; makes it first if it is not there,
    /// or made from other bytes, or damaged. Tokenises on all threads, with some tens of MB of text in memory at a time
    /// however large the files; a single text is held whole. If that is stopped, the next call goes on from where it was, at
    /// most 64 MB of text before.
    ///
    /// # Errors
    /// What [`TextSource::open`] and reading report, text that is null throughout, a cache directory that cannot be made
    /// or written, a full disk.
    pub fn prepare(source: &TextSource, tokenizer: &Tokenizer, cache: &Path) -> Result<Self, DataError> {
        Self::prepare_at(PACE, source, tokenizer, cache, &|_| Ok(()))
    }

    /// The same at another pace; `committed` is told the rows after each commit, and may stop it.
    fn prepare_at(
        pace: Pace,
        source: &TextSource,
        tokenizer: &Tokenizer,
        cache: &Path,
        committed: &dyn Fn(u64) -> Result<(), DataError>,
    ) -> Result<Self, DataError> {
        let key = key(source, tokenizer)?;
        let path = cache.join(format!("tokens-{}.bin", &key.to_hex()[..16]));
        let open = || TokenFile::open(&path, key);
        match open()? {
            Some(Ok(file)) => return Ok(Self { file, name: source.name() }),
            Some(Err(reason)) => tracing::warn!("{}: {reason}; tokenising again", path.display()),
            None => tracing::info!("tokenising {}", source.name()),
        }
        let mut texts = source.open()?;
        let mut writer = TokenWriter::begin(&path, key, Width::for_vocabulary(tokenizer.vocab_size()))?;
        if writer.waited()
            && let Some(Ok(file)) = open()?
        {
            writer.discard();
            return Ok(Self { file, name: source.name() });
        }
        let rows = texts.rows();
        if writer.committed() > 0 {
            tracing::info!("{}: going on after {} of {rows} rows", source.name(), writer.committed());
        }
        let done =
            texts.skip_to(writer.committed()).and_then(|()| tokenize(pace, texts, tokenizer, &mut writer, committed));
        if let Err(error) = done {
            writer.stop();
            return Err(error);
        }
        if writer.texts() == 0 {
            writer.discard();
            return Err(source.no_text(rows));
        }
        writer.finish()?;
        match open()? {
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

/// Texts that are tokenised together.
struct Chunk {
    texts: Vec<String>,
    bytes: usize,
    /// Rows that have been read with it, nulls and those before counted.
    rows: u64,
}

/// Tokenises the texts chunk by chunk, while the next ones are read.
fn tokenize(
    pace: Pace,
    texts: Texts,
    tokenizer: &Tokenizer,
    writer: &mut TokenWriter,
    committed: &dyn Fn(u64) -> Result<(), DataError>,
) -> Result<(), DataError> {
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(1);
        scope.spawn(move || read_ahead(texts, pace.chunk_bytes, &sender));
        let mut uncommitted = 0;
        for chunk in chunks {
            let Chunk { texts, bytes, rows } = chunk?;
            let encoded: Vec<Vec<u32>> =
                texts.par_iter().map(|text| tokenizer.encode(text)).collect::<Result<_, DataError>>()?;
            let mut tokens = Vec::with_capacity(encoded.iter().map(|ids| ids.len() + 1).sum());
            for ids in encoded {
                tokens.extend(ids);
                tokens.push(tokenizer.end_of_text_id());
            }
            writer.append(&tokens, texts.len() as u64)?;
            uncommitted += bytes;
            if uncommitted >= pace.commit_bytes {
                uncommitted = 0;
                writer.commit(rows)?;
                committed(rows)?;
            }
        }
        Ok(())
    })
}

/// Hands over chunks until the texts end, one cannot be read, or nobody takes them.
fn read_ahead(mut texts: Texts, chunk_bytes: usize, chunks: &SyncSender<Result<Chunk, DataError>>) {
    loop {
        let chunk = next_chunk(&mut texts, chunk_bytes);
        let last = chunk.as_ref().map_or(true, |chunk| chunk.bytes < chunk_bytes);
        if chunks.send(chunk).is_err() || last {
            return;
        }
    }
}

fn next_chunk(texts: &mut Texts, chunk_bytes: usize) -> Result<Chunk, DataError> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while bytes < chunk_bytes {
        let Some(text) = texts.next().transpose()? else { break };
        bytes += text.len();
        chunk.push(text);
    }
    Ok(Chunk { texts: chunk, bytes, rows: texts.passed() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BpeOptions, SpecialTokens};
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use std::cell::Cell;
    use std::fs::{self, File};
    use std::sync::Arc;

    /// Two files of 60 rows in row groups of 17, some of them null.
    fn source(directory: &Path) -> TextSource {
        let paths = ["a.parquet", "b.parquet"].map(|name| directory.join(name));
        for (path, first) in paths.iter().zip([0, 60]) {
            let text = |row: u32| (row % 7 != 3).then(|| format!("row {row} is the {row} th of {}", row * row));
            let column: ArrayRef = Arc::new((first..first + 60).map(text).collect::<StringArray>());
            let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
            let properties = WriterProperties::builder().set_max_row_group_row_count(Some(17)).build();
            let mut writer =
                ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        TextSource::new(paths, "text")
    }

    #[test]
    fn stopped_anywhere_it_goes_on_to_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(directory.path());
        let tokenizer = Tokenizer::train(&source, &BpeOptions::new(300, SpecialTokens::Causal)).unwrap();
        let bytes = |cache: &Path| {
            let files: Vec<_> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(files.len(), 1, "{files:?}");
            fs::read(&files[0]).unwrap()
        };
        let whole = directory.path().join("whole");
        let texts = Corpus::prepare(&source, &tokenizer, &whole).unwrap().texts();
        assert_eq!(texts, 120 - 17);

        let pace = Pace { chunk_bytes: 50, commit_bytes: 100 };
        // How many commits it lives through, again and again.
        for commits in [1, 2, 5, 11, 1000] {
            let cache = directory.path().join(format!("{commits}"));
            let (mut starts, mut last) = (0, 0);
            let corpus = loop {
                starts += 1;
                let left = Cell::new(commits);
                let rows = Cell::new(0);
                let stop = |at| {
                    rows.set(at);
                    left.set(left.get() - 1);
                    match left.get() {
                        0 => Err(DataError::NoFiles { place: "stopped".into() }),
                        _ => Ok(()),
                    }
                };
                match Corpus::prepare_at(pace, &source, &tokenizer, &cache, &stop) {
                    Ok(corpus) => break corpus,
                    Err(error) => assert!(error.to_string().starts_with("stopped"), "{error}"),
                }
                // It has gone on, not begun again.
                assert!(rows.get() > last, "{} after {last}", rows.get());
                last = rows.get();
            };
            assert!(starts > 1 || commits == 1000);
            assert_eq!(corpus.texts(), texts);
            assert_eq!(bytes(&cache), bytes(&whole), "stopped after every {commits} commits");
        }
    }
}
