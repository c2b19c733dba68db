//! What a repository holds, and which of it belongs to a set.

use crate::failure::refuse;
use crate::set::is_plain;
use crate::{Result, Set, Split};
use glob::MatchOptions;
use std::path::PathBuf;

/// A repository at one commit.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    /// As the card names them now.
    pub(crate) licence: Vec<String>,
    pub(crate) files: Vec<Remote>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Git's name of the contents.
    pub(crate) oid: String,
    /// The hash of the contents, where the Hub tells it.
    pub(crate) sha256: Option<String>,
}

/// A file that belongs to a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) remote: Remote,
    /// Its place below the set's directory.
    pub(crate) place: PathBuf,
}

impl Remote {
    /// Tells these contents from others, for the name of a file that is not whole yet.
    pub(crate) fn identity(&self) -> &str {
        let name = self.sha256.as_ref().unwrap_or(&self.oid);
        &name[..12]
    }
}

impl Listing {
    /// The files of a set, by split and then by name.
    ///
    /// # Errors
    /// A pattern that nothing matches, several files for a place of one, two files of one name for a directory.
    pub(crate) fn choose(&self, set: &Set) -> Result<Vec<Wanted>> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for split in &set.splits {
            let found = self.of_split(set, split)?;
            if split.is_one_file()
                && let [_, second, ..] = &*found
            {
                let files = found.len();
                let found = format!("{files} files, {} and {} among them", found[0].path, second.path);
                return Err(refuse(set, format!("split {}: found {found}, expected one", split.name)));
            }
            for remote in found {
                let place = match split.is_one_file() {
                    true => split.into.clone(),
                    false => split.into.join(remote.path.rsplit('/').next().unwrap_or(&remote.path)),
                };
                if wanted.iter().any(|other| other.place == place) {
                    let reason = format!("split {}: found two files for {}", split.name, place.display());
                    return Err(refuse(set, reason));
                }
                wanted.push(Wanted { remote, place });
            }
        }
        Ok(wanted)
    }

    fn of_split(&self, set: &Set, split: &Split) -> Result<Vec<Remote>> {
        let options =
            MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, ..MatchOptions::new() };
        let mut found = Vec::new();
        for pattern in &split.files {
            let before = found.len();
            let matching = self.files.iter().filter(|file| pattern.matches_with(&file.path, options));
            found.extend(matching.cloned());
            if found.len() == before {
                let Set { repository, revision, .. } = set;
                let files = format!("{} files of {repository} in the revision {revision}", self.files.len());
                let reason = format!("split {}: found none that matches {pattern} among the {files}", split.name);
                return Err(refuse(set, reason));
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup();
        match found.iter().find(|file| !file.path.rsplit('/').next().is_some_and(is_plain)) {
            Some(file) => Err(refuse(set, format!("found the file {:?}, expected a plain name", file.path))),
            None => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sets;

    fn choose(splits: &str, files: &[&str]) -> std::result::Result<Vec<(String, String)>, String> {
        let directory = tempfile::tempdir().unwrap();
        let text = format!("[fetch]\nabout = 'x'\nrepository = 'o/n'\n{splits}");
        std::fs::write(directory.path().join("some.toml"), text).unwrap();
        let sets = Sets::read(directory.path()).map_err(|error| error.to_string())?;
        let remote = |path: &&str| Remote { path: (*path).to_owned(), bytes: 1, oid: "a".repeat(40), sha256: None };
        let files = files.iter().map(remote).collect();
        let listing = Listing { commit: "c".repeat(40), licence: vec![], files };
        let wanted = listing.choose(&sets.sets[0]).map_err(|error| error.to_string())?;
        Ok(wanted.into_iter().map(|file| (file.remote.path, file.place.display().to_string())).collect())
    }

    #[test]
    fn patterns_pick_files_and_the_split_says_where_they_go() {
        let files = ["en/a-01.parquet", "en/a-00.parquet", "en/a-40.parquet", "en/sub/a-00.parquet", "fr/a-00.parquet"];
        let splits = "splits.train.files = ['en/a-[0-3]?.parquet']\n\
                      splits.validation = { files = ['en/a-40.parquet'], into = 'v.parquet' }";
        let expected = [
            ("en/a-00.parquet", "train/a-00.parquet"),
            ("en/a-01.parquet", "train/a-01.parquet"),
            ("en/a-40.parquet", "v.parquet"),
        ];
        assert_eq!(choose(splits, &files).unwrap(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn what_cannot_be_picked_is_told() {
        for (splits, files, expected) in [
            ("splits.a.files = ['x-*']", &["y-1", "y-2"][..], "split a: found none that matches x-* among the 2 files"),
            ("splits.a.files = ['*']", &["sub/y"], "found none that matches *"),
            ("splits.a = { files = ['*.parquet'], into = 'a.parquet' }", &["1.parquet", "2.parquet"], "2 files, "),
            ("splits.a.files = ['*/x.parquet']", &["1/x.parquet", "2/x.parquet"], "found two files for a/x.parquet"),
            ("splits.a.files = ['a*']", &["a\\b"], "expected a plain name"),
        ] {
            let message = choose(splits, files).unwrap_err();
            assert!(message.starts_with("some: ") && message.contains(expected), "{message}");
        }
    }
}
