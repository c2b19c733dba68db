//! What can be wrong with an experiment file, and where it stands.

use std::fmt;
use std::sync::Arc;

/// Where a value of an experiment comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A place in a file; lines and columns count from 1.
    File {
        /// As the user would write it.
        path: Arc<str>,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// A `--set key=value`.
    CommandLine(Arc<str>),
    /// Filled in because it was left out.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::CommandLine(argument) => write!(f, "--set {argument}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// An experiment that cannot be run as written: one message that names file, place, key, what was found, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    place: String,
    message: String,
}

impl ConfigError {
    pub(super) fn new(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), message: message.into() }
    }

    /// The message without its place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// `, did you mean 'x'?` for the nearest of `known`, or a list of them where none is near.
pub(super) fn hint<'a>(found: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(found, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        // A third of the letters may be wrong: `lerning_rate`, `stps`; not `depth` for `width`.
        Some((distance, candidate)) if 3 * distance <= found.chars().count().max(3) => {
            format!(", did you mean '{candidate}'?")
        }
        Some(_) => format!("; {what}: {}", known.join(", ")),
        None => format!("; {what}: none"),
    }
}
