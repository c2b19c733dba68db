//! One file: fetched under a temporary name, from where an earlier attempt was cut, and renamed once its size and hash are right.

use crate::failure::{Failure, refuse};
use crate::listing::Wanted;
use crate::watch::{Action, Event, Watch};
use crate::{FetchError, Hub, Result, Set};
use ligo_files::FileError;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use ureq::Body;
use ureq::http::Response;

/// How often a file is tried that breaks off without a byte more.
const TRIES: u32 = 5;
/// Read, hashed and written at once, bytes.
const PIECE: usize = 1 << 20;

/// A file of a set that is to be fetched.
pub(crate) struct Download<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) set: &'a Set,
    pub(crate) commit: &'a str,
    pub(crate) wanted: &'a Wanted,
    /// Where it goes.
    pub(crate) path: &'a Path,
    /// As messages call it.
    pub(crate) name: &'a str,
    /// Its number, from 1, and how many there are.
    pub(crate) number: (usize, usize),
    /// Bytes of the set that come before it.
    pub(crate) before: u64,
    pub(crate) watch: Watch<'a>,
}

/// What is there of a file.
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl Download<'_> {
    /// Fetches it; returns the hash of what is there now.
    pub(crate) fn run(&self) -> Result<String> {
        let mut part = self.open()?;
        let Wanted { remote, .. } = self.wanted;
        let action = if part.bytes > 0 { Action::Resume } else { Action::Fetch };
        let (number, of) = self.number;
        (self.watch.report)(Event::File { name: self.name, number, of, bytes: remote.bytes, action });
        self.tell(part.bytes);
        let mut tries = 0;
        while part.bytes < remote.bytes {
            let before = part.bytes;
            let reason = match self.attempt(&mut part) {
                Ok(()) => continue,
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Unreachable(reason)) => reason,
            };
            tries = if part.bytes > before { 1 } else { tries + 1 };
            if tries == TRIES {
                let Wanted { remote, .. } = self.wanted;
                return Err(refuse(
                    self.set,
                    format!(
                        "{} broke off after {} of {} bytes: {reason}; what is there stays, and the same command goes on from there",
                        self.name, part.bytes, remote.bytes
                    ),
                ));
            }
            (self.watch.report)(Event::Again { name: self.name, reason: &reason });
            self.pause(tries)?;
        }
        self.finish(part)
    }

    /// Opens the temporary file, and hashes what it holds.
    fn open(&self) -> Result<Part> {
        let mut path = self.path.as_os_str().to_owned();
        path.push(format!(".{}.part", self.wanted.remote.identity()));
        let path = PathBuf::from(path);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(FileError::at("create the directory", directory))?;
        }
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = opened.map_err(FileError::at("open", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(FetchError::InTheWay { path, reason: "another process is fetching this file".into() });
            }
            // Where files cannot be locked nobody can be told apart.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let bytes = file.metadata().map_err(FileError::at("read", &path))?.len();
        let mut part = Part { path, file, bytes, hash: Sha256::new() };
        if bytes > self.wanted.remote.bytes {
            part.clear()?;
        } else {
            part.hash = hashed(&mut (&part.file).take(bytes), &part.path, self.watch, &|_| {})?;
        }
        Ok(part)
    }

    /// One request, as far as it gets.
    fn attempt(&self, part: &mut Part) -> std::result::Result<(), Failure> {
        let Wanted { remote, .. } = self.wanted;
        let mut response = self.hub.bytes(self.set, self.commit, &remote.path, part.bytes)?;
        if part.bytes > 0 && !goes_on(&response, part.bytes, remote.bytes) {
            (self.watch.report)(Event::FromTheStart { name: self.name });
            let whole = response.status().as_u16() == 200;
            part.clear()?;
            self.tell(0);
            if !whole {
                response = self.hub.bytes(self.set, self.commit, &remote.path, 0)?;
            }
        }
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            if (self.watch.stopped)() {
                return Err(FetchError::Stopped.into());
            }
            let read = match body.read(&mut piece) {
                Ok(0) if part.bytes < remote.bytes => {
                    return Err(Failure::Unreachable("the connection ended".into()));
                }
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Unreachable(error.to_string())),
            };
            if part.bytes + read as u64 > remote.bytes {
                let reason = format!("{}: found more than the {} bytes that the Hub told", self.name, remote.bytes);
                return Err(self.discard(part, reason).into());
            }
            part.file.write_all(&piece[..read]).map_err(|error| self.unwritable(part, error))?;
            part.hash.update(&piece[..read]);
            part.bytes += read as u64;
            self.tell(part.bytes);
        }
    }

    /// Gives the whole file its name, if it is the right one.
    fn finish(&self, part: Part) -> Result<String> {
        let found = hexadecimal(part.hash.clone());
        if let Some(expected) = self.wanted.remote.sha256.as_ref().filter(|expected| **expected != found) {
            let reason = format!("{}: found the SHA-256 {found}, expected {expected}", self.name);
            return Err(self.discard(&part, reason));
        }
        part.file.sync_all().map_err(|error| self.unwritable(&part, error))?;
        std::fs::rename(&part.path, self.path).map_err(FileError::at("write", self.path))?;
        Ok(found)
    }

    /// Removes what is there; the error says so.
    fn discard(&self, part: &Part, reason: String) -> FetchError {
        let outcome = match std::fs::remove_file(&part.path) {
            Ok(()) => "what was fetched is removed, and the same command fetches it anew".to_owned(),
            Err(error) => format!("{} is to be removed, which failed: {error}", part.path.display()),
        };
        refuse(self.set, format!("{reason}; {outcome}"))
    }

    fn unwritable(&self, part: &Part, error: std::io::Error) -> FetchError {
        let missing = self.wanted.remote.bytes - part.bytes;
        let hint = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!(
                    "; {missing} bytes of this file are to come: what is there stays, and the same command goes on once there is room"
                )
            }
            _ => "; what is there stays, and the same command goes on from there".to_owned(),
        };
        FetchError::File { error: FileError::at("write", &part.path)(error), hint }
    }

    fn tell(&self, bytes: u64) {
        (self.watch.report)(Event::Position(self.before + bytes));
    }

    /// Waits before the next try, unless it is to stop.
    fn pause(&self, tries: u32) -> Result<()> {
        // Short pieces, so that a wish to stop is heard.
        for _ in 0..(1_u32 << tries) {
            if (self.watch.stopped)() {
                return Err(FetchError::Stopped);
            }
            std::thread::sleep(self.hub.pause);
        }
        Ok(())
    }
}

impl Part {
    fn clear(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(FileError::at("write", &self.path))?;
        (self.bytes, self.hash) = (0, Sha256::new());
        Ok(())
    }
}

/// Whether an answer holds the bytes from `first` on: `Content-Range: bytes <first>-<last>/<size>`.
fn goes_on(response: &Response<Body>, first: u64, size: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    let expected = format!("bytes {first}-{}/{size}", size - 1);
    response.status().as_u16() == 206 && range == Some(&expected)
}

/// The hash of what is read of a file; `tell` hears of the bytes so far.
pub(crate) fn hashed(file: &mut dyn Read, path: &Path, watch: Watch<'_>, tell: &dyn Fn(u64)) -> Result<Sha256> {
    let (mut bytes, mut hash, mut piece) = (0, Sha256::new(), vec![0; PIECE]);
    loop {
        if (watch.stopped)() {
            return Err(FetchError::Stopped);
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash),
            Ok(read) => {
                hash.update(&piece[..read]);
                bytes += read as u64;
                tell(bytes);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FileError::at("read", path)(error).into()),
        }
    }
}

/// A hash as the Hub writes it.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
