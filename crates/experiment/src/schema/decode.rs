//! A serde deserializer over the tree, so that structs which know nothing of files still give errors with a place.
//!
//! It keeps serde's structured errors (unknown key, wrong type, missing key) apart until the place and the key are known.

use super::error::{ConfigError, Origin, hint};
use super::tree::{self, Node, Table, Value};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use std::fmt;

/// Reads `node`, which stands at `path` (`""` for the whole document), into a type.
pub(super) fn decode<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, ConfigError> {
    T::deserialize(node).map_err(|error| error.at(path, &node.origin))
}

/// An error on its way up, from the value in which it arose to the root.
#[derive(Debug)]
pub(super) struct DecodeError {
    problem: Problem,
    /// Keys from the inside out.
    path: Vec<String>,
    origin: Option<Origin>,
}

#[derive(Debug)]
enum Problem {
    UnknownKey { key: String, known: &'static [&'static str] },
    MissingKey(&'static str),
    Value { found: Option<String>, expected: String },
    UnknownWord { word: String, known: &'static [&'static str] },
    Other(String),
}

impl DecodeError {
    fn of(problem: Problem) -> Self {
        Self { problem, path: Vec::new(), origin: None }
    }

    /// Names the place unless an inner one was named.
    fn or_origin(mut self, origin: &Origin) -> Self {
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    fn under(mut self, key: &str, origin: &Origin) -> Self {
        self.path.push(key.to_owned());
        self.or_origin(origin)
    }

    fn at(self, prefix: &str, origin: &Origin) -> ConfigError {
        let mut parts: Vec<&str> = if prefix.is_empty() { Vec::new() } else { vec![prefix] };
        parts.extend(self.path.iter().rev().map(String::as_str));
        let key_of = |last: &str| {
            let mut parts = parts.clone();
            parts.push(last);
            parts.join(".")
        };
        let here = parts.join(".");
        let message = match &self.problem {
            Problem::UnknownKey { key, known } => {
                format!("unknown key '{}'{}", key_of(key), hint(key, known.iter().copied(), "known keys"))
            }
            Problem::MissingKey(key) => format!("missing key '{}'", key_of(key)),
            Problem::Value { found: Some(found), expected } => format!("'{here}' is {found}, expected {expected}"),
            Problem::Value { found: None, expected } => format!("'{here}': expected {expected}"),
            Problem::UnknownWord { word, known } => {
                format!("'{here}' is {word:?}{}", hint(word, known.iter().copied(), "expected one of"))
            }
            Problem::Other(message) => format!("'{here}': {message}"),
        };
        ConfigError::new(self.origin.as_ref().unwrap_or(origin), message)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.problem)
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(Problem::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(Problem::Value { found: Some(found_words(&found)), expected: expected_words(expected) })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::of(Problem::UnknownWord { word: word.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::of(Problem::UnknownKey { key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::of(Problem::MissingKey(key))
    }
}

fn found_words(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        // As TOML writes it, `nan` and all.
        Unexpected::Float(number) => format!("{number:?}").to_lowercase(),
        Unexpected::Str(text) => format!("the string {text:?}"),
        Unexpected::Seq => "an array".into(),
        Unexpected::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// serde's words for Rust's types, in words for someone who writes TOML.
fn expected_words(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "an array".into(),
        "path string" => "a string".into(),
        _ if words.starts_with("struct ") || words == "a map" => "a table".into(),
        _ => words,
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match &self.value {
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) if !number.is_finite() => {
                Err(DecodeError::invalid_value(Unexpected::Float(*number), &"a finite number"))
            }
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::Datetime(_) => Err(DecodeError::invalid_type(Unexpected::Other(&self.describe()), &visitor)),
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Table(table) => visitor.visit_map(Keys { table, next: 0 }),
        };
        result.map_err(|error| error.or_origin(&self.origin))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let result = match &self.value {
            Value::String(word) => {
                let word: StrDeserializer<'_, DecodeError> = word.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => Err(DecodeError::of(Problem::Value {
                found: Some(self.describe()),
                expected: format!("one of \"{}\"", known.join("\", \"")),
            })),
        };
        result.map_err(|error| error.or_origin(&self.origin))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The items of an array, named by their label or else by their place.
struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item).map(Some).map_err(|error| match tree::label(item) {
            Some(label) => error.under(label, &item.origin),
            None => error.under(&index.to_string(), &item.origin),
        })
    }
}

/// The keys of a table in order.
struct Keys<'a> {
    table: &'a Table,
    next: usize,
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(entry) = self.table.0.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<'_, DecodeError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.or_origin(&entry.origin))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let Some(entry) = self.table.0.get(self.next) else {
            return Err(DecodeError::custom("a value was asked for where no key is left"));
        };
        self.next += 1;
        seed.deserialize(&entry.node).map_err(|error| error.under(&entry.key, &entry.node.origin))
    }
}
