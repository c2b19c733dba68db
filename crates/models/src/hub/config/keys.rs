//! What a file calls a field of [`crate::ModelConfig`], for messages about its value: who reads one looks into `config.json`, where
//! GPT-2's `hidden_size` is `n_embd`.

use super::families::fields;
use super::source::Source;
use super::{labels, rotary, timm};
use crate::{Family, ModelError};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The keys of one file.
#[derive(Clone, Copy)]
pub(in crate::hub) struct Keys<'a> {
    source: Source<'a>,
    family: Family,
}

impl<'a> Keys<'a> {
    /// Of a file that a model of this family was read from.
    pub(in crate::hub) fn new(json: &'a Map<String, Value>, family: Family) -> Self {
        Self { source: Source(json), family }
    }

    /// What it calls a field; one that it does not have keeps its name.
    pub(in crate::hub) fn of<'f>(self, field: &'f str) -> Cow<'f, str> {
        if timm::is_form(self.source) {
            return timm::key(self.source, field).map_or(field.into(), Cow::Owned);
        }
        if field == "num_labels" {
            return labels::key(self.source).into();
        }
        if let Some(key) = rotary::key(self.source, field) {
            return key.into();
        }
        fields(self.family).find(|known| known.field == field).map_or(field, |known| known.key).into()
    }

    /// What an error says about a field, in the file's words; none if it is about something else.
    pub(in crate::hub) fn reason(self, error: &ModelError) -> Option<String> {
        let ModelError::Config { field, found, expected } = error else { return None };
        let mut said = format!("{}: found {found}, expected ", self.of(field));
        // Every field that another's limits hang on has a name of several words.
        let in_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        for piece in expected.split_inclusive(|c| !in_a_name(c)) {
            let word = piece.trim_end_matches(|c| !in_a_name(c));
            said += &if word.contains('_') { self.of(word) } else { word.into() };
            said += &piece[word.len()..];
        }
        Some(said)
    }
}
