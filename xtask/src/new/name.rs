//! What a baseline may be called, and what its crate and its types are called then.

use anyhow::{Result, bail, ensure};
use std::fmt;

/// The longest name: with it no line of the template outgrows what rustfmt puts on one.
const LONGEST: usize = 32;

/// A checked name: words of small letters and digits, joined by single dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// Checks what was typed.
    ///
    /// # Errors
    /// If it is no name, or one that means something else already; whether it is taken is not looked at.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let expected = "expected small letters and digits, words joined by single dashes, such as noisy-copy";
        ensure!(!text.is_empty(), "a baseline needs a name: {expected}");
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        ensure!(
            text.split('-').all(|word| !word.is_empty() && word.chars().all(letters)),
            "'{text}' cannot be the name of a baseline: {expected}"
        );
        ensure!(
            text.starts_with(|c: char| c.is_ascii_lowercase()),
            "'{text}' cannot be the name of a baseline: it begins with a digit, expected a letter"
        );
        let length = text.len();
        ensure!(length <= LONGEST, "'{text}' has {length} letters, expected at most {LONGEST}");
        if text == "ligo" || text.starts_with("ligo-") {
            bail!("'{text}' cannot be the name of a baseline: reports show what begins with ligo as a setting of LiGO");
        }
        // The small model is a run of that name.
        ensure!(
            text != "small",
            "'small' cannot be the name of a baseline: it is what runs of the small model are called"
        );
        let name = Self(text.into());
        if let Some(taken) = name.types().into_iter().find(|own| super::baseline::means_something(own)) {
            bail!(
                "'{text}' cannot be the name of a baseline: its crate would have a type {taken}, which is something else"
            );
        }
        Ok(name)
    }

    /// `ligo-noisy-copy`
    pub(super) fn package(&self) -> String {
        format!("ligo-{}", self.0)
    }

    /// `ligo_noisy_copy`
    pub(super) fn library(&self) -> String {
        format!("ligo_{}", self.snake())
    }

    /// `NoisyCopy`
    pub(super) fn type_name(&self) -> String {
        let capital = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        };
        self.0.split('-').map(capital).collect()
    }

    /// A text of the template with this name in the place of `my-method`.
    pub(super) fn put_into(&self, template: &str) -> String {
        let named = template.replace("my-method", &self.0).replace("my_method", &self.snake());
        named.replace("MyMethod", &self.type_name())
    }

    fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The types that its crate declares.
    fn types(&self) -> [String; 3] {
        ["", "Options", "Operator"].map(|suffix| self.type_name() + suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_that_of_a_package_a_library_and_a_type() {
        for (text, package, library, type_name) in [
            ("noisy-copy", "ligo-noisy-copy", "ligo_noisy_copy", "NoisyCopy"),
            ("x", "ligo-x", "ligo_x", "X"),
            ("net3net", "ligo-net3net", "ligo_net3net", "Net3net"),
            ("a-2-b", "ligo-a-2-b", "ligo_a_2_b", "A2B"),
            // Words that Rust keeps for itself.
            ("fn", "ligo-fn", "ligo_fn", "Fn"),
            ("match", "ligo-match", "ligo_match", "Match"),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!([name.package(), name.library(), name.type_name()], [package, library, type_name]);
        }
        let name = Name::parse("noisy-copy").unwrap();
        assert_eq!(name.put_into("ligo_my_method::MyMethod, my-method"), "ligo_noisy_copy::NoisyCopy, noisy-copy");
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_would_be() {
        for (text, expected) in [
            ("", "needs a name"),
            ("Noisy", "small letters and digits"),
            ("noisy_copy", "small letters and digits"),
            ("noisy--copy", "single dashes"),
            ("-noisy", "single dashes"),
            ("noisy-", "single dashes"),
            ("../noisy", "small letters and digits"),
            ("nöisy", "small letters and digits"),
            ("2net", "begins with a digit"),
            ("a-name-that-does-not-fit-on-a-line", "has 34 letters, expected at most 32"),
            ("ligo-fast", "a setting of LiGO"),
            ("small", "runs of the small model"),
            ("self", "a type Self"),
            ("ok", "a type Ok"),
            ("method", "a type Method"),
            ("order", "a type Order"),
            ("growth", "a type Growth,"),
        ] {
            let message = Name::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }
}
