//! Reads the files beside the weights whole: only what is a file, and only if it is no longer than such a file can be.
//!
//! A pipe would be waited for without end, a device such as `/dev/zero` never ends, and whoever packs a checkpoint can name both by
//! a link. Weights are not read here: `ligo_models` maps them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// No tokenizer is longer; those with a quarter of a million tokens take tens of megabytes.
pub(crate) const LONGEST_TOKENIZER: u64 = 1 << 30;
/// No file of settings and no index of shards is longer.
pub(crate) const LONGEST_SETTINGS: u64 = 1 << 24;

/// The bytes of a file of at most `most` bytes; none if there is nothing at `path`.
///
/// # Errors
/// What stands there instead.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, String> {
    let Some(length) = length(path, most)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(length as usize);
    // What grows meanwhile, or has no length at all (as in /proc), ends there too.
    let end = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if end as u64 > most {
        return Err(too_long(end as u64, most));
    }
    Ok(Some(bytes))
}

/// The length of a file that [`read`] would read, for those that are read by others; none if there is nothing at `path`.
///
/// # Errors
/// As [`read`].
pub(crate) fn length(path: &Path, most: u64) -> Result<Option<u64>, String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    match metadata.len() {
        _ if metadata.is_dir() => Err("found a directory, expected a file".into()),
        _ if !metadata.is_file() => Err("found a pipe or a device, expected a file".into()),
        length if length > most => Err(too_long(length, most)),
        length => Ok(Some(length)),
    }
}

fn unreadable(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

fn too_long(length: u64, most: u64) -> String {
    format!("found {length} bytes or more, expected at most {most}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_nothing_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        assert_eq!(read(&path, 3), Ok(None));
        fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3), Ok(Some(b"abc".to_vec())));
        assert_eq!(read(&path, 2), Err("found 3 bytes or more, expected at most 2".into()));
        assert_eq!(read(directory.path(), 3), Err("found a directory, expected a file".into()));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, zeros) = (directory.path().join("pipe"), directory.path().join("zeros"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("/dev/zero", &zeros).unwrap();
        for path in [pipe, zeros] {
            assert_eq!(read(&path, 3), Err("found a pipe or a device, expected a file".into()));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_hides_its_length_ends_at_the_bound() {
        // Longer than three bytes, and of length 0 to whoever asks.
        assert_eq!(read(Path::new("/proc/self/status"), 3), Err("found 4 bytes or more, expected at most 3".into()));
    }
}
