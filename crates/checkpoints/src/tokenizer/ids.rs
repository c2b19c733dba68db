//! The largest id of a tokenizer, without building it: a vocabulary of a hundred thousand tokens takes milliseconds.
//!
//! Ids are given out as the `tokenizers` library gives them: a token that is added gets the id that its text has in the vocabulary,
//! else the next one, whatever id its file says.

use super::files::{ADDED, TOKENIZER, VOCAB_JSON, VOCAB_TXT, added, check_added};
use crate::read::{LONGEST_TOKENIZER, read};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The first tokenizer file of a directory and the largest id in it; none if there is no such file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn largest_id(directory: &Path) -> Option<(PathBuf, Result<Option<u32>, String>)> {
    let path = [TOKENIZER, VOCAB_JSON, VOCAB_TXT].iter().map(|name| directory.join(name)).find(|path| path.exists())?;
    let largest = largest(directory, &path);
    Some((path, largest))
}

fn largest(directory: &Path, path: &Path) -> Result<Option<u32>, String> {
    let bytes = read(path, LONGEST_TOKENIZER)?.unwrap_or_default();
    let mut vocabulary = if path.ends_with(TOKENIZER) {
        let File { added_tokens, model } = parsed(&bytes)?;
        let mut vocabulary = model.vocab;
        added_tokens.into_iter().for_each(|token| _ = vocabulary.add(token.content));
        return Ok(vocabulary.largest());
    } else if path.ends_with(VOCAB_JSON) {
        parsed(&bytes)?
    } else {
        Vocabulary::of_lines(&bytes)?
    };
    for (token, id) in added(directory).map_err(|error| error.to_string())? {
        let next = vocabulary.add(token.clone());
        check_added(&token, id, next).map_err(|reason| format!("{ADDED}: {reason}"))?;
    }
    Ok(vocabulary.largest())
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
    content: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: Vocabulary,
}

/// Tokens with their ids: a map, or a list whose places are ids.
struct Vocabulary {
    ids: HashMap<String, u32>,
    /// What the next token that is added gets.
    next: u32,
}

impl Vocabulary {
    fn new(ids: HashMap<String, u32>, tokens: usize) -> Result<Self, String> {
        let next =
            u32::try_from(tokens).map_err(|_| format!("found {tokens} tokens, expected at most {}", u32::MAX))?;
        Ok(Self { ids, next })
    }

    /// `vocab.txt`: a token on each line.
    fn of_lines(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|error| format!("found no text ({error}), expected a vocabulary"))?;
        let ids: HashMap<String, u32> = text.lines().map(|line| line.trim_end().to_owned()).zip(0..).collect();
        let tokens = ids.len();
        Self::new(ids, tokens)
    }

    /// Adds a token and returns its id; none for one without text, which the library passes over.
    fn add(&mut self, token: String) -> Option<u32> {
        if token.is_empty() {
            return self.ids.get(&token).copied();
        }
        Some(*self.ids.entry(token).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        }))
    }

    fn largest(&self) -> Option<u32> {
        self.ids.values().copied().max()
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tokens)
    }
}

struct Tokens;

impl<'de> Visitor<'de> for Tokens {
    type Value = Vocabulary;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of tokens or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
        let mut ids = HashMap::new();
        while let Some((token, id)) = map.next_entry()? {
            ids.insert(token, id);
        }
        let tokens = ids.len();
        Vocabulary::new(ids, tokens).map_err(A::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
        let mut ids = HashMap::new();
        let mut tokens = 0;
        // A token and its score.
        while let Some((token, IgnoredAny)) = list.next_element::<(String, IgnoredAny)>()? {
            ids.insert(token, tokens as u32);
            tokens += 1;
        }
        Vocabulary::new(ids, tokens).map_err(A::Error::custom)
    }
}
