//! Files that are whole or not there: written under a temporary name beside their place, synced, then renamed.
//!
//! Every file that the project writes goes through [`replace_file`], so that a kill at any moment leaves the old file or the
//! new one. What the file holds is none of this crate's business.
//!
//! ```
//! use std::io::Write;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let path = directory.path().join("deeper/table.md");
//! ligo_files::replace_file(&path, |file| {
//!     file.write_all(b"| a | b |").map_err(ligo_files::FileError::at("write", &path))
//! })?;
//! assert_eq!(std::fs::read_to_string(&path)?, "| a | b |");
//! # Ok(())
//! # }
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How temporary files begin, so that those of a killed process can be told and removed.
pub const TEMPORARY_PREFIX: &str = ".ligo-";

/// The operating system refused: a missing directory, no permission, a full disk.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action}: {source}", path.display())]
pub struct FileError {
    /// The file or directory.
    pub path: PathBuf,
    /// What was tried, as in "cannot …".
    pub action: &'static str,
    /// The system's own message.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: puts a place and an action to the system's message.
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { path, action, source }
    }
}

/// A temporary file older than this belongs to a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Puts a new file at `path`, replacing what is there; `write` fills it. If anything fails the old file stays as it was.
///
/// The directories above it are made, and what killed processes left in its directory a day ago and longer is removed.
///
/// # Errors
/// [`FileError`] where the system refuses, or what `write` returns.
pub fn replace_file<T, E: From<FileError>>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory).map_err(FileError::at("create the directory", directory))?;
    remove_abandoned(directory);

    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(".tmp");
    #[cfg(unix)]
    {
        // Readable like any other file (the umask applies), not for the owner alone as temporary files are.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(directory).map_err(FileError::at("create a file in", directory))?;
    let value = write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(FileError::at("write", path))?;
    temporary.persist(path).map_err(|error| FileError::at("write", path)(error.error))?;
    sync_directory(directory);
    Ok(value)
}

/// Makes the rename itself durable where directories can be synced; the file is whole either way.
fn sync_directory(directory: &Path) {
    if let Ok(handle) = File::open(directory) {
        let _ = handle.sync_all();
    }
}

/// Removes what killed processes left. Best effort: a file that cannot be looked at stays.
fn remove_abandoned(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let abandoned = entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX)
            && entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > ABANDONED_AFTER));
        if abandoned {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else_and_names_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.bin");
        fs::write(&path, "old").unwrap();

        let error = replace_file(&path, |file| -> Result<(), FileError> {
            file.write_all(b"half of the ne").map_err(FileError::at("write", &path))?;
            let full = io::Error::from(io::ErrorKind::StorageFull);
            Err(FileError::at("write", &path)(full))
        })
        .unwrap_err();

        assert!(error.to_string().contains("tokens.bin: cannot write: "), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["tokens.bin"]);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let blocker = directory.path().join("cache");
        fs::write(&blocker, "a file where a directory should be").unwrap();
        let error = replace_file(&blocker.join("sub").join("x"), |_| Ok::<_, FileError>(())).unwrap_err();
        assert!(error.to_string().contains("sub: cannot create the directory: "), "{error}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let directory = tempfile::tempdir().unwrap();
        for (name, age) in [("old", ABANDONED_AFTER * 2), ("new", Duration::ZERO)] {
            let file = File::create(directory.path().join(format!("{TEMPORARY_PREFIX}{name}.tmp"))).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        replace_file(&directory.path().join("x"), |_| Ok::<_, FileError>(())).unwrap();
        let mut left = names(directory.path());
        left.sort();
        assert_eq!(left, [format!("{TEMPORARY_PREFIX}new.tmp"), "x".to_owned()]);
    }
}
