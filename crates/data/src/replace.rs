//! Files that are whole or not there: written under a temporary name beside their place, synced, then renamed.

use crate::DataError;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How the temporary files of this crate begin, so that those of a killed process can be told and removed.
const TEMPORARY_PREFIX: &str = ".ligo-data-";

/// A temporary file older than this belongs to a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Puts a new file at `path`, replacing what is there; `write` fills it. If anything fails the old file stays as it was.
pub(crate) fn replace_file<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, DataError>,
) -> Result<T, DataError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory).map_err(DataError::io("create the directory", directory))?;
    remove_abandoned(directory);

    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(".tmp");
    #[cfg(unix)]
    {
        // Readable like any other file (the umask applies), not for the owner alone as temporary files are.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(directory).map_err(DataError::io("create a file in", directory))?;
    let value = write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(DataError::io("write", path))?;
    temporary.persist(path).map_err(|error| DataError::io("write", path)(error.error))?;
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
    use std::io::{self, Write};

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else_and_names_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.bin");
        fs::write(&path, "old").unwrap();

        let error = replace_file(&path, |file| -> Result<(), DataError> {
            file.write_all(b"half of the ne").map_err(DataError::io("write", &path))?;
            let full = io::Error::from(io::ErrorKind::StorageFull);
            Err(DataError::io("write", &path)(full))
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
        let error = replace_file(&blocker.join("sub").join("x"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("sub: cannot create the directory: "), "{error}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let directory = tempfile::tempdir().unwrap();
        for (name, age) in [("old", ABANDONED_AFTER * 2), ("new", Duration::ZERO)] {
            let file = File::create(directory.path().join(format!("{TEMPORARY_PREFIX}{name}.tmp"))).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        replace_file(&directory.path().join("x"), |_| Ok(())).unwrap();
        let mut left = names(directory.path());
        left.sort();
        assert_eq!(left, [format!("{TEMPORARY_PREFIX}new.tmp"), "x".to_owned()]);
    }
}
