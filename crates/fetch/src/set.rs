//! A data set as its TOML file describes it, and all sets of a directory.
//!
//! `data/<name>.toml` describes what lies in `data/<name>/`. The table `[fetch]` is read here; every other key is the experiment's
//! that extends the file, and of no concern here. A file without `[fetch]` describes data that nobody needs to fetch.

use crate::{FetchError, Result};
use glob::Pattern;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A data set of the Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The name of its file without `.toml`, and of its directory.
    pub name: String,
    /// A line: what it is and what for.
    pub about: String,
    /// `owner/name` on the Hub.
    pub repository: String,
    /// A commit, a tag or a branch of it.
    pub revision: String,
    /// The licences that its card is known to name, as the Hub abbreviates them; none if the card names none.
    pub licence: Vec<String>,
    /// Whether its conditions have to be accepted first.
    pub gated: bool,
    /// Its parts, sorted by name.
    pub splits: Vec<Split>,
}

/// A part of a set: `train`, `validation`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Its name.
    pub name: String,
    /// Which files of the repository, as patterns: `*` and `?` stay within a directory, `[0-3]` is one of some characters.
    pub files: Vec<Pattern>,
    /// Where they go, below the set's directory: the name of a file that ends in `.parquet`, if it is just one, or a directory, in
    /// which they keep their names.
    pub into: PathBuf,
}

/// Sets that are fetched together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of its file without `.toml`.
    pub name: String,
    /// A line: what they are for.
    pub about: String,
    /// Their names.
    pub sets: Vec<String>,
}

/// All sets and groups of a directory, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sets {
    /// The sets.
    pub sets: Vec<Set>,
    /// The groups.
    pub groups: Vec<Group>,
}

/// The table `[fetch]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    about: String,
    #[serde(default)]
    sets: Vec<String>,
    #[serde(default)]
    repository: Option<String>,
    #[serde(default = "main")]
    revision: String,
    #[serde(default)]
    licence: Vec<String>,
    #[serde(default)]
    gated: bool,
    #[serde(default)]
    splits: BTreeMap<String, Files>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    files: Vec<String>,
    #[serde(default)]
    into: Option<PathBuf>,
}

fn main() -> String {
    "main".into()
}

impl Split {
    /// Whether just one file belongs to it.
    pub fn is_one_file(&self) -> bool {
        self.into.extension().is_some_and(|extension| extension == "parquet")
    }
}

impl Sets {
    /// Reads the `*.toml` files of a directory.
    ///
    /// # Errors
    /// A directory or a file that cannot be read, a `[fetch]` that is not as it should be, a group that names no set.
    pub fn read(directory: &Path) -> Result<Self> {
        let unreadable = |path: &Path, error: std::io::Error| FetchError::Description {
            path: path.to_owned(),
            reason: format!("cannot be read: {error}"),
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
            let path = entry.map_err(|error| unreadable(directory, error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        // `squad` comes before `squad-v2`, which it does not with what follows the name.
        paths.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
        let mut sets = Self::default();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let wrong = |reason: String| FetchError::Description { path: path.clone(), reason };
            sets.add(&path, &text).map_err(wrong)?;
        }
        for group in &sets.groups {
            if let Some(name) = group.sets.iter().find(|name| !sets.sets.iter().any(|set| set.name == **name)) {
                let path = directory.join(&group.name).with_added_extension("toml");
                let reason = format!("fetch.sets: found '{name}', expected the name of a set beside it");
                return Err(FetchError::Description { path, reason });
            }
        }
        Ok(sets)
    }

    /// What one file describes, if it has a table `[fetch]`.
    fn add(&mut self, path: &Path, text: &str) -> std::result::Result<(), String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let Some(fetch) = table.remove("fetch") else { return Ok(()) };
        let fetch: Fetch = fetch.try_into().map_err(|error| format!("fetch: {error}"))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_plain(name));
        let name = name.ok_or("found a name that is no plain text, expected <name>.toml")?.to_owned();
        if fetch.about.trim().is_empty() {
            return Err("fetch.about: found nothing, expected a line that says what the set is".into());
        }
        match (&fetch.repository, fetch.sets.is_empty()) {
            (Some(_), true) => self.sets.push(set(name, fetch)?),
            (None, false) if fetch.splits.is_empty() => {
                self.groups.push(Group { name, about: fetch.about, sets: fetch.sets });
            }
            _ => return Err("fetch: expected either 'repository' and 'splits', or 'sets' alone".into()),
        }
        Ok(())
    }

    /// The sets of these names, each once; a group stands for its sets.
    ///
    /// # Errors
    /// [`FetchError::Unknown`] for a name that no file has, with the nearest one.
    pub fn named(&self, names: &[impl AsRef<str>]) -> Result<Vec<&Set>> {
        let mut found: Vec<&Set> = Vec::new();
        for name in names.iter().map(AsRef::as_ref) {
            let group = self.groups.iter().find(|group| group.name == name);
            let here = |set: &&Set| set.name == name || group.is_some_and(|group| group.sets.contains(&set.name));
            let before = found.len();
            let known = self.sets.iter().filter(here).count();
            found.extend(self.sets.iter().filter(here));
            if known == 0 {
                return Err(self.unknown(name));
            }
            // A set that was named twice stays where it was named first.
            for at in (before..found.len()).rev() {
                if found[..at].contains(&found[at]) {
                    found.remove(at);
                }
            }
        }
        Ok(found)
    }

    fn unknown(&self, name: &str) -> FetchError {
        let names = || self.sets.iter().map(|set| &*set.name).chain(self.groups.iter().map(|group| &*group.name));
        let nearest = names()
            .map(|known| (strsim::damerau_levenshtein(name, known), known))
            .min()
            .filter(|(distance, known)| 2 * distance <= known.chars().count());
        let hint = match nearest {
            Some((_, known)) => format!(", did you mean '{known}'?"),
            None if names().next().is_none() => "; there is none".into(),
            None => format!("; there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        FetchError::Unknown { name: name.to_owned(), hint }
    }
}

fn set(name: String, fetch: Fetch) -> std::result::Result<Set, String> {
    let repository = fetch.repository.unwrap_or_default();
    if repository.split('/').count() != 2 || !repository.split('/').all(is_plain) {
        return Err(format!("fetch.repository: found '{repository}', expected owner/name of the Hugging Face Hub"));
    }
    if !fetch.revision.split('/').all(is_plain) {
        let expected = "a commit, a tag or a branch, such as main or refs/convert/parquet";
        return Err(format!("fetch.revision: found '{}', expected {expected}", fetch.revision));
    }
    if fetch.splits.is_empty() {
        return Err("fetch.splits: found none, expected at least one, such as train".into());
    }
    let splits =
        fetch.splits.into_iter().map(|(name, files)| split(name, files)).collect::<std::result::Result<_, _>>();
    let splits: Vec<Split> = splits?;
    for (at, split) in splits.iter().enumerate() {
        if splits[..at].iter().any(|other| split.into.starts_with(&other.into) || other.into.starts_with(&split.into)) {
            let into = split.into.display();
            return Err(format!("fetch.splits.{}.into: found '{into}', expected a place of its own", split.name));
        }
    }
    let Fetch { about, revision, licence, gated, .. } = fetch;
    Ok(Set { name, about, repository, revision, licence, gated, splits })
}

fn split(name: String, files: Files) -> std::result::Result<Split, String> {
    if files.files.is_empty() {
        return Err(format!("fetch.splits.{name}.files: found none, expected patterns such as data/train-*.parquet"));
    }
    let pattern = |pattern: &String| {
        Pattern::new(pattern).map_err(|error| format!("fetch.splits.{name}.files: found '{pattern}': {error}"))
    };
    let patterns = files.files.iter().map(pattern).collect::<std::result::Result<_, _>>()?;
    let into = files.into.unwrap_or_else(|| PathBuf::from(&name));
    let is_below = |part: Component<'_>| matches!(part, Component::Normal(part) if part.to_str().is_some_and(is_plain));
    if into.components().next().is_none() || !into.components().all(is_below) {
        let found = into.display();
        return Err(format!("fetch.splits.{name}.into: found '{found}', expected a path below the set's directory"));
    }
    Ok(Split { name, files: patterns, into })
}

/// Whether it can be a part of a path or of an address as it is.
pub(crate) fn is_plain(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str) -> std::result::Result<Sets, String> {
        let mut sets = Sets::default();
        sets.add(Path::new("data/some.toml"), text)?;
        Ok(sets)
    }

    const GOOD: &str = "[fetch]\nabout = 'x'\nrepository = 'o/n'\nsplits.train.files = ['train-*.parquet']\n";

    #[test]
    fn a_set_is_what_its_file_says_and_the_rest_is_the_experiments() {
        let sets = added(&format!("{GOOD}\n[data]\ntrain = ['data/some/train']\nunknown_here = 1\n")).unwrap();
        let set = &sets.sets[0];
        assert_eq!((set.name.as_str(), set.revision.as_str(), set.gated), ("some", "main", false));
        assert_eq!((set.splits[0].into.as_path(), set.splits[0].is_one_file()), (Path::new("train"), false));
        assert_eq!(added("[data]\ntrain = ['mine.parquet']").unwrap(), Sets::default(), "nothing to fetch");
    }

    #[test]
    fn a_description_that_cannot_be_followed_names_the_key() {
        for (text, expected) in [
            ("[fetch]", "missing field `about`"),
            ("[fetch]\nabout = ' '\nrepository = 'o/n'", "fetch.about: found nothing"),
            ("[fetch]\nabout = 'x'", "expected either 'repository' and 'splits', or 'sets' alone"),
            (&format!("{GOOD}sets = ['a']"), "expected either 'repository' and 'splits', or 'sets' alone"),
            (&GOOD.replace("o/n", "n"), "fetch.repository: found 'n', expected owner/name"),
            (&GOOD.replace("o/n", "../n"), "fetch.repository: found '../n'"),
            (&format!("{GOOD}revision = 'a/../b'"), "fetch.revision: found 'a/../b'"),
            ("[fetch]\nabout = 'x'\nrepository = 'o/n'", "fetch.splits: found none"),
            (&GOOD.replace("['train-*.parquet']", "[]"), "fetch.splits.train.files: found none"),
            (&GOOD.replace("train-*", "train-***"), "fetch.splits.train.files: found 'train-***.parquet': "),
            (&format!("{GOOD}splits.train.into = '../x'"), "fetch.splits.train.into: found '../x'"),
            (&format!("{GOOD}splits.train.into = '/x'"), "fetch.splits.train.into: found '/x'"),
            (&format!("{GOOD}splits.b = {{ files = ['b'], into = 'train' }}"), "expected a place of its own"),
            (&format!("{GOOD}license = 'mit'"), "unknown field `license`"),
        ] {
            let message = added(text).unwrap_err();
            assert!(message.contains(expected), "{expected:?} is missing in: {message}");
        }
    }

    #[test]
    fn a_name_is_a_set_or_a_group_and_the_nearest_is_offered() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        for name in ["cola.toml", "rte.toml", "squad.toml"] {
            write(name, GOOD);
        }
        write("glue.toml", "[fetch]\nabout = 'x'\nsets = ['rte', 'cola']");
        let sets = Sets::read(directory.path()).unwrap();
        let names = |wanted: &[&str]| -> std::result::Result<Vec<String>, String> {
            let found = sets.named(wanted).map_err(|error| error.to_string())?;
            Ok(found.into_iter().map(|set| set.name.clone()).collect())
        };
        assert_eq!(names(&["squad", "glue", "rte"]).unwrap(), ["squad", "cola", "rte"]);
        assert_eq!(names(&["sqad"]).unwrap_err(), "no data set is called 'sqad', did you mean 'squad'?");
        let all = "no data set is called 'imagenet'; there are: cola, rte, squad, glue";
        assert_eq!(names(&["imagenet"]).unwrap_err(), all);
        write("more.toml", "[fetch]\nabout = 'x'\nsets = ['mnli']");
        let message = Sets::read(directory.path()).unwrap_err().to_string();
        assert!(
            message.ends_with("more.toml: fetch.sets: found 'mnli', expected the name of a set beside it"),
            "{message}"
        );
    }
}
