//! Writing a token file: text by text, and on from where a process was stopped.
//!
//! Tokens go into a partial file beside the place of the token file. A commit syncs it and then replaces the progress file,
//! which says how far the texts have been read, how many tokens that made and what their hash is. Whoever begins the same
//! token file checks the partial file against it, cuts off what came after, and goes on; the result is the same to the last
//! byte. Partial files that nobody touches for a day are removed as every temporary file is
//! ([`ligo_files::TEMPORARY_PREFIX`]). A lock keeps other processes out.

use crate::DataError;
use crate::token_file::{HEADER_BYTES, Header, Width};
use ligo_files::{TEMPORARY_PREFIX, replace_file};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// What the partial file holds for certain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// What the token file is made from.
    key: String,
    /// Rows that have been read, nulls counted.
    rows: u64,
    tokens: u64,
    texts: u64,
    /// Hash of the tokens.
    payload: String,
}

/// A token file that is being written.
#[derive(Debug)]
pub(crate) struct TokenWriter {
    out: BufWriter<File>,
    path: PathBuf,
    partial: PathBuf,
    progress: PathBuf,
    key: blake3::Hash,
    width: Width,
    tokens: u64,
    texts: u64,
    payload: blake3::Hasher,
    /// Rows of the last commit.
    committed: u64,
    waited: bool,
}

impl TokenWriter {
    /// Goes on with the token file at `path`, or begins it. Waits while another process writes it.
    pub(crate) fn begin(path: &Path, key: blake3::Hash, width: Width) -> Result<Self, DataError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(DataError::io("create the directory", directory))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let beside = |kind: &str| directory.join(format!("{TEMPORARY_PREFIX}{name}.{kind}"));
        let (partial, progress) = (beside("partial"), beside("progress"));
        let (mut file, waited) = open_alone(&partial)?;
        let kept = kept(&mut file, &progress, key, width).map_err(DataError::io("read", &partial))?;
        let (Progress { rows, tokens, texts, .. }, payload) = kept.unwrap_or_default();
        let mut start = || {
            file.set_len(HEADER_BYTES as u64 + tokens * width as u64)?;
            file.seek(SeekFrom::End(0))
        };
        start().map_err(DataError::io("write", &partial))?;
        let out = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        let path = path.to_path_buf();
        Ok(Self { out, path, partial, progress, key, width, tokens, texts, payload, committed: rows, waited })
    }

    /// Rows, nulls counted, whose texts need not be appended again.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// Whether another process had to end first; it may have written the token file.
    pub(crate) fn waited(&self) -> bool {
        self.waited
    }

    /// Number of texts.
    pub(crate) fn texts(&self) -> u64 {
        self.texts
    }

    /// Appends the tokens of `texts` texts.
    pub(crate) fn append(&mut self, tokens: &[u32], texts: u64) -> Result<(), DataError> {
        let bytes: Vec<u8> = match self.width {
            // Every id fits: the width was chosen for the vocabulary.
            Width::Two => tokens.iter().flat_map(|&token| (token as u16).to_le_bytes()).collect(),
            Width::Four => tokens.iter().flat_map(|&token| token.to_le_bytes()).collect(),
        };
        self.payload.update(&bytes);
        self.tokens += tokens.len() as u64;
        self.texts += texts;
        self.out.write_all(&bytes).map_err(DataError::io("write", &self.partial))
    }

    /// Makes what was appended last: it comes from the first `rows` rows.
    pub(crate) fn commit(&mut self, rows: u64) -> Result<(), DataError> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_data());
        synced.map_err(DataError::io("write", &self.partial))?;
        let progress = Progress {
            key: self.key.to_hex().to_string(),
            rows,
            tokens: self.tokens,
            texts: self.texts,
            payload: self.payload.finalize().to_hex().to_string(),
        };
        replace_file(&self.progress, |file| {
            let json = serde_json::to_vec(&progress).map_err(io::Error::from);
            json.and_then(|json| file.write_all(&json)).map_err(DataError::io("write", &self.progress))
        })?;
        self.committed = rows;
        Ok(())
    }

    /// Puts the token file in its place.
    pub(crate) fn finish(mut self) -> Result<(), DataError> {
        let payload = self.payload.finalize();
        let header = Header { width: self.width, tokens: self.tokens, texts: self.texts, key: self.key, payload };
        let mut complete = || {
            self.out.seek(SeekFrom::Start(0))?;
            self.out.write_all(&header.to_bytes())?;
            self.out.flush()?;
            self.out.get_ref().sync_all()
        };
        complete().map_err(DataError::io("write", &self.partial))?;
        fs::rename(&self.partial, &self.path).map_err(DataError::io("write", &self.path))?;
        // Makes the rename durable where directories can be synced; the file is whole either way.
        if let Some(directory) = self.path.parent().and_then(|directory| File::open(directory).ok()) {
            let _ = directory.sync_all();
        }
        // Without its partial file it means nothing, and the next of its name replaces it.
        let _ = fs::remove_file(&self.progress);
        Ok(())
    }

    /// After an error: leaves what was committed for the next time, and nothing if nothing was.
    pub(crate) fn stop(self) {
        if self.committed == 0 {
            self.discard();
        }
    }

    /// Leaves nothing.
    pub(crate) fn discard(self) {
        for path in [&self.progress, &self.partial] {
            // What cannot be removed is replaced or removed later.
            let _ = fs::remove_file(path);
        }
    }
}

/// What a partial file is known to hold, with the state of its hash; none if it is not what the progress file says.
fn kept(
    file: &mut File,
    progress: &Path,
    key: blake3::Hash,
    width: Width,
) -> io::Result<Option<(Progress, blake3::Hasher)>> {
    let Ok(json) = fs::read(progress) else { return Ok(None) };
    let Ok(progress) = serde_json::from_slice::<Progress>(&json) else { return Ok(None) };
    let bytes = progress.tokens.saturating_mul(width as u64);
    let long_enough = file.metadata()?.len() >= bytes.saturating_add(HEADER_BYTES as u64);
    if progress.key != key.to_hex().as_str() || !long_enough {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
    let mut payload = blake3::Hasher::new();
    io::copy(&mut file.take(bytes), &mut payload)?;
    Ok((payload.finalize().to_hex().as_str() == progress.payload).then_some((progress, payload)))
}

/// Opens a partial file and waits until it is ours alone. Also says whether that took another process's end.
fn open_alone(partial: &Path) -> Result<(File, bool), DataError> {
    let mut waited = false;
    loop {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(partial);
        let file = open.map_err(DataError::io("create", partial))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                tracing::info!("{}: waiting for the process that writes it", partial.display());
                waited = true;
                file.lock().map_err(DataError::io("lock", partial))?;
            }
            // A file system without locks: as it was before there were any.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(DataError::io("lock", partial)(error)),
        }
        // Whoever held it may have finished it: then it has another name by now.
        if partial.exists() {
            return Ok((file, waited));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(path: &Path) -> TokenWriter {
        TokenWriter::begin(path, blake3::hash(b"key"), Width::Two).unwrap()
    }

    fn files(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_committed_is_kept_and_the_rest_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["tokens.bin", "other.bin"].map(|name| directory.path().join(name));
        let mut whole = begin(&other);
        whole.append(&[1, 2, 3, 4], 2).unwrap();
        whole.finish().unwrap();

        let mut writer = begin(&path);
        writer.append(&[1, 2], 1).unwrap();
        writer.commit(7).unwrap();
        writer.append(&[9; 1000], 1).unwrap();
        writer.out.flush().unwrap();
        drop(writer);
        let mut writer = begin(&path);
        assert_eq!((writer.committed(), writer.texts(), writer.waited()), (7, 1, false));
        writer.append(&[3, 4], 1).unwrap();
        writer.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&other).unwrap());
        assert_eq!(files(directory.path()), ["other.bin", "tokens.bin"]);
    }

    #[test]
    fn a_partial_file_that_is_not_what_was_committed_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.bin");
        let stopped = || {
            let mut writer = begin(&path);
            writer.append(&[1, 2], 1).unwrap();
            writer.commit(7).unwrap();
            drop(writer);
            assert_eq!(begin_again(&path), 7);
            [".ligo-tokens.partial", ".ligo-tokens.progress"].map(|name| directory.path().join(name))
        };
        fn begin_again(path: &Path) -> u64 {
            begin(path).committed()
        }
        let [partial, progress] = stopped();
        let mut bytes = fs::read(&partial).unwrap();
        bytes[HEADER_BYTES] ^= 1;
        fs::write(&partial, &bytes).unwrap();
        assert_eq!(begin_again(&path), 0);

        stopped();
        fs::write(&partial, &bytes[..HEADER_BYTES + 3]).unwrap();
        assert_eq!(begin_again(&path), 0);

        stopped();
        fs::write(&progress, "{}").unwrap();
        assert_eq!(begin_again(&path), 0);

        stopped();
        assert_eq!(TokenWriter::begin(&path, blake3::hash(b"another"), Width::Two).unwrap().committed(), 0);
    }

    #[test]
    fn another_writer_waits_and_an_error_before_the_first_commit_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.bin");
        let mut first = begin(&path);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| begin(&path));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!second.is_finished());
            first.append(&[1], 1).unwrap();
            first.finish().unwrap();
            let second = second.join().unwrap();
            assert!(second.waited());
            second.stop();
        });
        assert_eq!(files(directory.path()), ["tokens.bin"]);
    }
}
