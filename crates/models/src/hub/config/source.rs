//! Typed access to the keys of one JSON object, with errors that name the key.
//!
//! A key that is null counts as left out. Which keys there are is not known here.

use crate::{ModelError, Result};
use serde_json::{Map, Value};

/// No more of a wrong value is shown: a quantisation table fills pages.
const SHOWN: usize = 80;

/// One JSON object. A dotted key is a nested one's full name for messages; what follows the last dot is looked up.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Source<'a> {
    /// The value, if there is one.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(last(key)).filter(|value| !value.is_null())
    }

    /// Whether the key is there and null, where that differs from being left out.
    pub(super) fn is_null(self, key: &str) -> bool {
        self.0.get(last(key)).is_some_and(Value::is_null)
    }

    /// A number that has to be there.
    pub(super) fn needed_number(self, key: &'static str) -> Result<f64> {
        self.number(key)?.map_or_else(|| wrong(key, self.0.get(last(key)), "a number"), Ok)
    }

    /// A whole number.
    pub(super) fn size(self, key: &'static str) -> Result<Option<usize>> {
        let whole = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        self.typed(key, "a whole number", whole)
    }

    /// The side of a square: a whole number, or twice the same one.
    pub(super) fn side(self, key: &'static str) -> Result<Option<usize>> {
        let side = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([height, width]) if height == width => height.as_u64(),
            Some(_) => None,
            None => value.as_u64(),
        };
        let expected = "a whole number, or two that are the same, as images and patches are square";
        self.typed(key, expected, |value| side(value).and_then(|size| usize::try_from(size).ok()))
    }

    /// A number.
    pub(super) fn number(self, key: &'static str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// True or false.
    pub(super) fn flag(self, key: &'static str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A string.
    pub(super) fn text(self, key: &'static str) -> Result<Option<&'a str>> {
        self.typed(key, "a string", Value::as_str)
    }

    /// An object.
    pub(super) fn object(self, key: &'static str) -> Result<Option<&'a Map<String, Value>>> {
        self.typed(key, "an object", Value::as_object)
    }

    /// A list of numbers that has to be there.
    pub(super) fn needed_numbers(self, key: &'static str) -> Result<Vec<f64>> {
        let numbers = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect();
        let expected = "a list of numbers";
        self.typed(key, expected, numbers)?.map_or_else(|| wrong(key, self.0.get(last(key)), expected), Ok)
    }

    fn typed<T>(self, key: &'static str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        match self.get(key) {
            None => Ok(None),
            Some(found) => read(found).map_or_else(|| wrong(key, Some(found), expected), |value| Ok(Some(value))),
        }
    }
}

/// What follows the last dot of a key.
pub(super) fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The error about one key.
pub(super) fn wrong<T>(field: &'static str, found: Option<&Value>, expected: impl ToString) -> Result<T> {
    let mut found = found.map_or("nothing".into(), Value::to_string);
    if let Some((end, _)) = found.char_indices().nth(SHOWN) {
        found.truncate(end);
        found.push('…');
    }
    Err(ModelError::Config { field, found, expected: expected.to_string() })
}

/// The shortest decimal that reads back as `x`: 0.1, not the 0.10000000149011612 that an f32 becomes in f64.
pub(super) fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
