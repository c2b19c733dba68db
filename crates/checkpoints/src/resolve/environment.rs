//! The Hub as checkpoints are looked for in it.

use crate::Result;
use ligo_hub::{Environment, EnvironmentError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The Hub as this process sees it, by the variables that [`Environment`] names; `TRANSFORMERS_OFFLINE` too says that only the cache
/// is looked at.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(super) environment: Environment,
    pub(super) cache: PathBuf,
    /// How long to wait before a file that broke off is tried again; each time twice as long.
    pub(super) pause: Duration,
}

impl Hub {
    /// By the variables of this process.
    ///
    /// # Errors
    /// An endpoint that is no URL, or if nothing says where the cache is.
    pub fn from_environment() -> Result<Self> {
        Ok(Self::of(Environment::of_process("TRANSFORMERS_OFFLINE")?)?)
    }

    fn of(environment: Environment) -> std::result::Result<Self, EnvironmentError> {
        let cache = environment.cache.clone().ok_or_else(|| EnvironmentError {
            name: "HF_HOME",
            found: "nothing, and no home directory".into(),
            expected: "the directory of the Hub's cache".into(),
        })?;
        Ok(Self { environment, cache, pause: Duration::from_millis(500) })
    }

    /// The cache in which models are looked for.
    pub fn cache(&self) -> &Path {
        &self.cache
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_place_for_the_cache_there_is_no_hub() {
        let nowhere = Environment::from_variables(&|_| None, None, "TRANSFORMERS_OFFLINE").unwrap();
        let message = Hub::of(nowhere).unwrap_err().to_string();
        assert!(message.starts_with("HF_HOME: found nothing"), "{message}");
    }
}
