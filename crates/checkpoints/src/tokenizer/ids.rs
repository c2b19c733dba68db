//! The largest id of a tokenizer, without building it: a vocabulary of a hundred thousand tokens takes milliseconds.

use super::files::{ADDED, TOKENIZER, VOCAB_JSON, VOCAB_TXT};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::path::{Path, PathBuf};

/// The first tokenizer file of a directory and the largest id in it; none if there is no such file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn largest_id(directory: &Path) -> Option<(PathBuf, Result<Option<u32>, String>)> {
    let path = [TOKENIZER, VOCAB_JSON, VOCAB_TXT].iter().map(|name| directory.join(name)).find(|path| path.exists())?;
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("cannot be read: {error}"));
    let largest = read(&path).and_then(|bytes| {
        let added = directory.join(ADDED);
        let more = |largest: Option<u32>| match added.exists() {
            true => Ok(largest.max(parsed::<Largest>(&read(&added)?)?.0)),
            false => Ok(largest),
        };
        if path.ends_with(TOKENIZER) {
            let file: File = parsed(&bytes)?;
            Ok(file.added_tokens.into_iter().map(|token| token.id).max().max(file.model.vocab.0))
        } else if path.ends_with(VOCAB_JSON) {
            more(parsed::<Largest>(&bytes)?.0)
        } else {
            let lines = bytes.split(|&b| b == b'\n').count() - usize::from(bytes.last().is_none_or(|&b| b == b'\n'));
            more(lines.checked_sub(1).and_then(|id| u32::try_from(id).ok()))
        }
    });
    Some((path, largest))
}

fn parsed<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("found no vocabulary ({error}), expected one"))
}

/// What of `tokenizer.json` has ids.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
}

#[derive(Deserialize)]
struct Model {
    vocab: Largest,
}

/// The largest id of a vocabulary: a map from tokens to ids, or a list whose places are ids.
struct Largest(Option<u32>);

impl<'de> Deserialize<'de> for Largest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Largest(None))
    }
}

impl<'de> Visitor<'de> for Largest {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of tokens or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut largest = None;
        while let Some((IgnoredAny, id)) = map.next_entry()? {
            largest = largest.max(Some(id));
        }
        Ok(Self(largest))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        let mut length = 0_u32;
        while list.next_element::<IgnoredAny>()?.is_some() {
            length = length.checked_add(1).ok_or_else(|| A::Error::custom("too many tokens"))?;
        }
        Ok(Self(length.checked_sub(1)))
    }
}
