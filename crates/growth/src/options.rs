//! From the TOML table of a method to its checked options.

use crate::{GrowthError, Result};
use serde::de::value::Error as Nothing;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use std::cell::Cell;

/// Reads a method's options into its struct, which derives `Deserialize` with `#[serde(default, deny_unknown_fields)]`.
///
/// ```
/// #[derive(Debug, Default, serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Options {
///     steps: u64,
/// }
/// let table = toml::toml! { setps = 3 };
/// let error = ligo_growth::parse_options::<Options>("toy", &table).unwrap_err();
/// assert_eq!(error.to_string(), "method toy: option setps: unknown, did you mean `steps`? (it has: steps)");
/// ```
///
/// # Errors
/// [`GrowthError::Option`] that names the method, the key, and what is wrong with it.
pub fn parse_options<T: DeserializeOwned>(method: &'static str, table: &toml::Table) -> Result<T> {
    let known = known_keys::<T>();
    if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(GrowthError::option(method, key, unknown(key, known)));
    }
    table.clone().try_into::<T>().map_err(|error| {
        // The first key without which the table can be read is the one to blame: serde's error need not name it.
        let culprit = table.keys().find(|key| {
            let mut rest = table.clone();
            rest.remove(key.as_str());
            rest.try_into::<T>().is_ok()
        });
        let reason = error.message().to_owned();
        match culprit {
            Some(key) => {
                let found = table.get(key).map(|value| format!(" (found {value})")).unwrap_or_default();
                GrowthError::option(method, key, format!("{reason}{found}"))
            }
            None => GrowthError::option(method, "(all of them)", reason),
        }
    })
}

fn unknown(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= name.len() / 2 => format!("unknown, did you mean `{name}`?"),
        _ => "unknown".into(),
    };
    if known.is_empty() {
        format!("{hint} (it has no options)")
    } else {
        format!("{hint} (it has: {})", known.join(", "))
    }
}

/// The fields of a struct, as its derived `Deserialize` names them to a deserializer.
fn known_keys<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Listener<'a>(&'a Cell<&'static [&'static str]>);
    impl<'de> Deserializer<'de> for Listener<'_> {
        type Error = Nothing;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> std::result::Result<V::Value, Nothing> {
            Err(Nothing::custom("only the names are wanted"))
        }
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> std::result::Result<V::Value, Nothing> {
            self.0.set(fields);
            self.deserialize_any(visitor)
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let fields: Cell<&'static [&'static str]> = Cell::new(&[]);
    // The attempt always fails; the names have been heard by then.
    let _ = T::deserialize(Listener(&fields));
    fields.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Draw {
        #[default]
        Random,
        Balanced,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Toy {
        steps: Option<u64>,
        learning_rate: f32,
        draw: Draw,
    }

    fn parse(text: &str) -> Result<Toy> {
        parse_options("toy", &text.parse().unwrap())
    }

    #[test]
    fn what_is_left_out_has_its_default_and_an_integer_will_do_for_a_float() {
        assert_eq!(parse("").unwrap(), Toy::default());
        let expected = Toy { steps: Some(3), learning_rate: 1.0, draw: Draw::Balanced };
        assert_eq!(parse("steps = 3\nlearning_rate = 1\ndraw = 'balanced'").unwrap(), expected);
    }

    #[test]
    fn a_wrong_option_is_named_with_what_was_expected() {
        let cases = [
            ("lerning_rate = 1", &["lerning_rate", "did you mean `learning_rate`?"][..]),
            ("x = 1", &["option x: unknown (it has: steps, learning_rate, draw)"]),
            ("steps = 1\nlearning_rate = 'a'", &["option learning_rate", "f32", "found \"a\""]),
            ("steps = -1", &["option steps", "-1"]),
            ("draw = 'blanced'", &["option draw", "random", "balanced"]),
        ];
        for (text, parts) in cases {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with("method toy: option "), "{message}");
            for part in parts {
                assert!(message.contains(part), "{text}: {message}");
            }
        }
    }

    #[test]
    fn a_method_without_options_says_so() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}
        let error = parse_options::<Empty>("plain", &toml::toml! { a = 1 }).unwrap_err();
        assert!(error.to_string().contains("it has no options"), "{error}");
    }
}
