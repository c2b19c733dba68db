//! `fetched.json` beside a set's files: what was brought, from which commit, under which licence.

use crate::{FetchError, Result, Set};
use ligo_files::{FileError, replace_file};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Its name.
const NAME: &str = "fetched.json";

/// What was brought of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `owner/name` on the Hub.
    pub repository: String,
    /// The revision that was asked for.
    pub revision: String,
    /// The commit that it was then.
    pub commit: String,
    /// The licences that the card named then; empty if it named none.
    pub licence: Vec<String>,
    /// Whether all files are there.
    pub complete: bool,
    /// The files that are there.
    pub files: Vec<RecordedFile>,
}

/// A file that was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Its place below the set's directory.
    pub path: PathBuf,
    /// Its path in the repository.
    pub source: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Record {
    /// What was brought of a set into its place below `directory`; none if nothing was.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read(set: &Set, directory: &Path) -> Result<Option<Self>> {
        let path = path(set, directory);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::at("read", &path)(error).into()),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let reason = format!(
                "found something else than this command writes ({error}); without this file the set is looked at anew"
            );
            FetchError::InTheWay { path, reason }
        })
    }

    pub(crate) fn write(&self, set: &Set, directory: &Path) -> Result<()> {
        let path = path(set, directory);
        // Strings, numbers and lists of them always have a JSON form.
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        let written: std::result::Result<(), FileError> =
            replace_file(&path, |file| writeln!(file, "{text}").map_err(FileError::at("write", &path)));
        Ok(written?)
    }

    /// Whether all files are where they were put, by their sizes.
    pub(crate) fn is_whole(&self, set: &Set, directory: &Path) -> bool {
        let root = directory.join(&set.name);
        self.complete && self.files.iter().all(|file| length(&root.join(&file.path)) == Some(file.bytes))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

fn path(set: &Set, directory: &Path) -> PathBuf {
    directory.join(&set.name).join(NAME)
}

/// The size of a file; none if there is none.
pub(crate) fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}
