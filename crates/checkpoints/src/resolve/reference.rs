//! What a user writes: a path, or a name on the Hub with a revision or without.

use crate::{CheckpointError, Result};
use std::path::{Path, PathBuf};

/// How a name on the Hub may begin.
const SCHEME: &str = "hf://";
/// The revision that is meant if none is given.
const MAIN: &str = "main";

/// What a user meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// A path; whether there is a checkpoint is for whoever opens it to say.
    Local(PathBuf),
    /// A model on the Hub.
    Remote(Name),
}

/// A model on the Hub. Its parts are safe to be made paths of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As it was written.
    pub(super) written: String,
    /// `owner/name`, or the bare name of one of the Hub's oldest models.
    pub(super) id: String,
    /// A branch, a tag or a commit.
    pub(super) revision: String,
}

impl Reference {
    pub(super) fn parse(reference: &str) -> Result<Self> {
        let wrong = |reason: String| CheckpointError::Reference { reference: reference.to_owned(), reason };
        let expected = "a directory with config.json and model.safetensors, or owner/name of the Hugging Face Hub";
        let (written, explicit) = match reference.strip_prefix(SCHEME) {
            Some(rest) => (rest, true),
            None if Path::new(reference).exists() => return Ok(Self::Local(reference.into())),
            None => (reference, false),
        };
        let (id, revision) = written.split_once('@').unwrap_or((written, MAIN));
        let parts = id.split('/').count();
        if !id.split('/').all(is_name) || parts > 2 || (parts == 1 && !explicit) {
            let found = if explicit { "no name that the Hub could have" } else { "no such file or directory" };
            return Err(wrong(format!("found {found}, expected {expected}")));
        }
        if !is_revision(revision) {
            return Err(wrong(format!("found the revision {revision:?}, expected a branch, a tag or a commit")));
        }
        Ok(Self::Remote(Name { written: reference.to_owned(), id: id.to_owned(), revision: revision.to_owned() }))
    }
}

impl Name {
    /// Whether it was written so that it can be no path.
    pub(super) fn is_explicit(&self) -> bool {
        self.written.starts_with(SCHEME)
    }

    pub(super) fn refuse(&self, reason: String) -> CheckpointError {
        CheckpointError::Reference { reference: self.written.clone(), reason }
    }
}

/// Whether an owner or a model can be called so, by the Hub's rules; such a name is no way out of a directory.
fn is_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |c: char| matches!(c, '-' | '.');
    (1..=96).contains(&name.len())
        && name.bytes().all(known)
        && !name.contains("--")
        && !name.contains("..")
        && !name.starts_with(edge)
        && !name.ends_with(edge)
}

/// Whether a branch, tag or commit can be called so; it becomes a path under `refs`.
fn is_revision(revision: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(known);
    revision.len() <= 200 && revision.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(written: &str, id: &str, revision: &str) -> Reference {
        Reference::Remote(Name { written: written.into(), id: id.into(), revision: revision.into() })
    }

    #[test]
    fn what_exists_is_a_path_and_the_rest_a_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        assert_eq!(Reference::parse(path).unwrap(), Reference::Local(path.into()));
        let cases = [
            ("owner/name", "owner/name", "main"),
            ("hf://owner/name", "owner/name", "main"),
            ("hf://owner/name@v1.0", "owner/name", "v1.0"),
            ("owner/my_model-2.5B@refs/pr/3", "owner/my_model-2.5B", "refs/pr/3"),
            ("hf://gpt2", "gpt2", "main"),
        ];
        for (written, id, revision) in cases {
            assert_eq!(Reference::parse(written).unwrap(), remote(written, id, revision));
        }
    }

    #[test]
    fn what_is_neither_is_told_what_would_be() {
        for (written, expected) in [
            ("gpt2", "found no such file or directory, expected a directory"),
            ("./owner/name", "found no such file or directory"),
            ("../name", "found no such file or directory"),
            ("/nowhere/at/all", "found no such file or directory"),
            ("a/b/c", "found no such file or directory"),
            ("", "found no such file or directory"),
            ("hf://", "found no name that the Hub could have"),
            ("hf://owner/..", "found no name that the Hub could have"),
            ("hf://owner/a--b", "found no name that the Hub could have"),
            ("hf://ow ner/name", "found no name that the Hub could have"),
            ("owner/name@", "found the revision \"\""),
            ("owner/name@../../x", "found the revision \"../../x\""),
            ("owner/name@a//b", "found the revision"),
        ] {
            let message = Reference::parse(written).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{written}: {expected}")), "{message}");
        }
    }
}
