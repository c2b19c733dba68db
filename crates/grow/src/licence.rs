//! The licence of a checkpoint, from the front matter of its card and from the files that hold its text. The card's own words stay
//! where they are.

use std::path::{Path, PathBuf};

/// Keys of a card that say the licence.
const KEYS: [&str; 3] = ["license", "license_name", "license_link"];
/// Files that hold it.
const FILES: [&str; 6] = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt"];
/// No card is longer.
const LONGEST_CARD: u64 = 1 << 22;

/// What a checkpoint says of its licence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Licence {
    /// Keys and values of the front matter, as they are written there.
    pub(crate) keys: Vec<(String, String)>,
    /// Files with its text.
    pub(crate) files: Vec<PathBuf>,
}

impl Licence {
    /// Of the checkpoint in a directory. What cannot be read is not there.
    pub(crate) fn of(directory: &Path) -> Self {
        let card = directory.join("README.md");
        let short = std::fs::metadata(&card).is_ok_and(|found| found.is_file() && found.len() <= LONGEST_CARD);
        let text = if short { std::fs::read_to_string(&card).unwrap_or_default() } else { String::new() };
        Self {
            keys: KEYS.iter().filter_map(|key| Some(((*key).to_owned(), value(&text, key)?))).collect(),
            files: FILES.iter().map(|name| directory.join(name)).filter(|path| path.is_file()).collect(),
        }
    }

    /// Its name, if it is said.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = |key: &str| self.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        match named("license") {
            Some("other") => named("license_name").or(Some("other")),
            name => name,
        }
    }
}

/// The value of a key in the front matter: a word behind it, or the items of a list below it, as a list in one line.
fn value(card: &str, key: &str) -> Option<String> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut front = lines.take_while(|line| !matches!(line.trim_end(), "---" | "...")).peekable();
    while let Some(line) = front.next() {
        let Some(rest) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) else { continue };
        let rest = rest.trim();
        if !rest.is_empty() {
            return Some(rest.to_owned());
        }
        let mut items = Vec::new();
        while let Some(item) = front.peek().and_then(|line| line.trim_start().strip_prefix("- ")) {
            items.push(item.trim().to_owned());
            front.next();
        }
        return match &items[..] {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("[{}]", several.join(", "))),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_read_from_the_front_matter_alone() {
        for (card, expected) in [
            ("---\nlanguage: en\nlicense: apache-2.0\ntags:\n- x\n---\n# Text\nlicense: mit\n", Some("apache-2.0")),
            ("---\nlicense:\n- mit\n- apache-2.0\nx: 1\n---\n", Some("[mit, apache-2.0]")),
            ("---\nlicense:\n  - mit\n---\n", Some("mit")),
            ("---\nlicense_name: mine\n---\n", None),
            ("# A card\nlicense: mit\n", None),
            ("---\nlicense:\n---\n", None),
            ("", None),
        ] {
            assert_eq!(value(card, "license").as_deref(), expected, "{card}");
        }
    }

    #[test]
    fn another_licence_has_a_name_and_a_link_and_its_text_is_found() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Licence::of(directory.path()), Licence::default());
        std::fs::write(
            directory.path().join("README.md"),
            "---\nlicense: other\nlicense_name: mine\nlicense_link: LICENSE\n---\n",
        )
        .unwrap();
        std::fs::write(directory.path().join("LICENSE"), "x").unwrap();
        let licence = Licence::of(directory.path());
        assert_eq!((licence.name(), licence.keys.len(), licence.files.len()), (Some("mine"), 3, 1));
    }
}
