//! Where the grown checkpoint goes: a directory that is not there yet, filled under another name beside it and renamed when it is
//! whole.
//!
//! The other name is `<out>.partial`. Beside the half-written model it holds the prepared text, and the checkpoints of learning an
//! operator, which alone are left where that was stopped or could not be finished, so that the same command goes on from there.

use crate::{GrowError, Result};
use ligo_files::FileError;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How directories of learning begin.
const LEARNING: &str = "learning-";
const MODEL: &str = "model";
const TEXT: &str = "text";

/// Checks that a grown checkpoint can go to `out`, before anything is fetched.
///
/// # Errors
/// [`GrowError::Asked`] where something is in the way.
pub fn check_out(out: &Path) -> Result<()> {
    Place::check(out).map(drop)
}

/// A place that is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    out: PathBuf,
    partial: PathBuf,
}

impl Place {
    /// Checks that there is nothing at `out`, or an empty directory.
    pub(crate) fn check(out: &Path) -> Result<Self> {
        let taken = |found: &str, expected: &str| {
            Err(GrowError::asked("--out", format!("{} ({found})", out.display()), expected))
        };
        let Some(name) = out.file_name() else {
            return taken("no name for a directory", "the path of a directory to be made");
        };
        match fs::metadata(out) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::at("look at", out)(error).into()),
            Ok(found) if !found.is_dir() => {
                return taken("a file", "a directory that is not there yet, or an empty one");
            }
            Ok(_) => {
                let mut entries = fs::read_dir(out).map_err(FileError::at("read the directory", out))?;
                if entries.next().is_some() {
                    return taken(
                        "a directory that is not empty",
                        "one that is not there yet, or an empty one: another --out, or move what is there away",
                    );
                }
            }
        }
        let mut partial = name.to_owned();
        partial.push(".partial");
        Ok(Self { out: out.to_owned(), partial: out.with_file_name(partial) })
    }

    /// What is written in the end.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// Where the new model is written first.
    pub(crate) fn model(&self) -> PathBuf {
        self.partial.join(MODEL)
    }

    /// Where prepared text lies.
    pub(crate) fn text(&self) -> PathBuf {
        self.partial.join(TEXT)
    }

    /// Where the learning that `fingerprint` names keeps its checkpoints.
    pub(crate) fn learning(&self, fingerprint: &str) -> PathBuf {
        self.partial.join(format!("{LEARNING}{}", fingerprint.get(..16).unwrap_or(fingerprint)))
    }

    /// Makes room: what an earlier process left is removed, but for the learning that `keep` names.
    pub(crate) fn begin(&self, keep: Option<&Path>) -> Result<()> {
        self.clear(keep);
        fs::create_dir_all(&self.partial).map_err(FileError::at("create the directory", &self.partial))?;
        Ok(())
    }

    /// Puts the new model into its place and removes everything else.
    pub(crate) fn finish(&self) -> Result<()> {
        // Where an empty directory stands in the way of a rename; if it is not empty any more it stays.
        _ = fs::remove_dir(&self.out);
        fs::rename(self.model(), &self.out).map_err(FileError::at("write", &self.out))?;
        if let Some(parent) = self.out.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            // Makes the rename durable where directories can be synced.
            _ = File::open(parent).and_then(|handle| handle.sync_all());
        }
        self.clear(None);
        Ok(())
    }

    /// Removes what this place made, but for the learning that `keep` names. Best effort.
    pub(crate) fn clear(&self, keep: Option<&Path>) {
        for entry in fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let ours = name == MODEL || name == TEXT || name.to_string_lossy().starts_with(LEARNING);
            if ours && keep != Some(&entry.path()) {
                _ = fs::remove_dir_all(entry.path());
            }
        }
        // Goes only if nothing is in it.
        _ = fs::remove_dir(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_where_nothing_is_or_an_empty_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("empty")).unwrap();
        fs::create_dir_all(path("full/x")).unwrap();
        fs::write(path("file"), "").unwrap();
        for name in ["new", "empty", "a/b/new"] {
            assert_eq!(Place::check(&path(name)).unwrap().partial, path(&format!("{name}.partial")));
        }
        for (name, expected) in
            [("full", "not empty), expected one that is not there yet"), ("file", "(a file)"), ("..", "no name")]
        {
            let message = Place::check(&path(name)).unwrap_err().to_string();
            assert!(message.starts_with("--out: found ") && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn only_what_is_finished_is_left_and_nothing_of_others_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::check(&directory.path().join("out")).unwrap();
        let kept = place.learning("0123456789abcdef0123");
        place.begin(None).unwrap();
        for made in [place.model(), place.text(), kept.clone(), place.learning("another")] {
            fs::create_dir(made).unwrap();
        }
        place.begin(Some(&kept)).unwrap();
        assert!(
            kept.is_dir() && !place.model().exists() && !place.text().exists() && !place.learning("another").exists()
        );
        fs::create_dir(place.model()).unwrap();
        fs::write(place.model().join("config.json"), "{}").unwrap();
        fs::create_dir(place.out()).unwrap();
        place.finish().unwrap();
        assert!(place.out().join("config.json").is_file() && !place.partial.exists());

        fs::create_dir_all(place.partial.join("mine")).unwrap();
        place.clear(None);
        assert!(place.partial.join("mine").is_dir());
    }
}
