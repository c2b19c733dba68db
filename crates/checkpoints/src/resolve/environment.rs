//! Where the Hub, its cache and the token are, by the variables that `huggingface_hub` reads.

use crate::{CheckpointError, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The Hub as this process sees it.
///
/// | variable | what it says |
/// |---|---|
/// | `HF_HOME` | where everything lies; `$XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` if not set |
/// | `HF_HUB_CACHE` (`HUGGINGFACE_HUB_CACHE`) | where models lie; `$HF_HOME/hub` |
/// | `HF_TOKEN` (`HUGGING_FACE_HUB_TOKEN`) | the token; else the file `HF_TOKEN_PATH`, `$HF_HOME/token` |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: no token is sent |
/// | `HF_ENDPOINT` | another server with the Hub's interface |
/// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | `1`: nothing is asked of the network, only the cache is looked at |
#[derive(Clone)]
pub struct Hub {
    pub(super) endpoint: String,
    pub(super) cache: PathBuf,
    pub(super) token: Option<String>,
    pub(super) offline: bool,
    /// How long to wait before a file that broke off is tried again; each time twice as long.
    pub(super) pause: Duration,
}

impl std::fmt::Debug for Hub {
    /// The token stays secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        let Self { endpoint, cache, offline, .. } = self;
        write!(f, "Hub {{ endpoint: {endpoint:?}, cache: {cache:?}, token: {token:?}, offline: {offline} }}")
    }
}

impl Hub {
    /// By the variables of this process.
    ///
    /// # Errors
    /// [`CheckpointError::Environment`] for an endpoint that is no URL, or if nothing says where the cache is.
    pub fn from_environment() -> Result<Self> {
        Self::from_variables(&|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// By these variables; one that is empty is not set.
    pub(super) fn from_variables(variable: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Result<Self> {
        let get = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let path = |names: &[&str]| get(names).map(|path| under_home(&path, home.as_deref()));
        let hub_home = path(&["HF_HOME"])
            .or_else(|| Some(path(&["XDG_CACHE_HOME"])?.join("huggingface")))
            .or_else(|| Some(home.as_ref()?.join(".cache/huggingface")));
        let cache = path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
            .or_else(|| Some(hub_home.as_ref()?.join("hub")))
            .ok_or_else(|| CheckpointError::Environment {
            name: "HF_HOME",
            found: "nothing, and no home directory".into(),
            expected: "the directory of the Hub's cache".into(),
        })?;
        // Links between snapshots and blobs are relative, and made of absolute paths.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        let token_file = path(&["HF_TOKEN_PATH"]).or_else(|| Some(hub_home?.join("token")));
        let read = |path: PathBuf| std::fs::read_to_string(path).ok();
        let token = get(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]).or_else(|| token_file.and_then(read));
        let token = token.map(|token| token.trim().to_owned()).filter(|token| is_token(token));
        let endpoint = get(&["HF_ENDPOINT"]).unwrap_or_else(|| "https://huggingface.co".into());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !is_url(&endpoint) {
            let expected = "the address of a server, such as https://huggingface.co".into();
            return Err(CheckpointError::Environment { name: "HF_ENDPOINT", found: endpoint, expected });
        }
        let is_set = |names: &[&str]| get(names).is_some_and(|value| is_true(&value));
        Ok(Self {
            endpoint,
            cache,
            token: token.filter(|_| !is_set(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"])),
            offline: is_set(&["HF_HUB_OFFLINE"]) || is_set(&["TRANSFORMERS_OFFLINE"]),
            pause: Duration::from_millis(500),
        })
    }

    /// The cache in which models are looked for.
    pub fn cache(&self) -> &Path {
        &self.cache
    }
}

/// What `huggingface_hub` takes for yes.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&&*value.to_ascii_lowercase())
}

/// Whether it can stand in a header.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}

fn is_url(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic()) && !host.contains(['?', '#'])
    })
}

/// `~` at the start is the home directory.
fn under_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub> {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Hub::from_variables(&variable, Some("/home/u".into()))
    }

    #[test]
    fn the_cache_is_where_pythons_library_has_it() {
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[], "/home/u/.cache/huggingface/hub"),
            (&[("HF_HOME", "")], "/home/u/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/h/hub"),
            (&[("HF_HOME", "~/h")], "/home/u/h/hub"),
            (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h")], "/c"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
        ];
        for (variables, expected) in cases {
            assert_eq!(hub(variables).unwrap().cache(), Path::new(expected), "{variables:?}");
        }
        let message = Hub::from_variables(&|_| None, None).unwrap_err().to_string();
        assert!(message.starts_with("HF_HOME: found nothing"), "{message}");
    }

    #[test]
    fn the_token_is_the_variables_or_the_files_and_is_never_printed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let path = home.path().to_str().unwrap();
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case; 5] = [
            (&[("HF_HOME", path)], Some("hf_file")),
            (&[("HF_HOME", path), ("HF_TOKEN", "hf_variable")], Some("hf_variable")),
            (&[("HF_HOME", path), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], None),
            (&[("HF_HOME", "/nowhere")], None),
            (&[("HF_HOME", "/nowhere"), ("HF_TOKEN", "two words")], None),
        ];
        for (variables, expected) in cases {
            let hub = hub(variables).unwrap();
            assert_eq!(hub.token.as_deref(), expected, "{variables:?}");
            assert!(!format!("{hub:?}").contains("hf_"), "{hub:?}");
        }
    }

    #[test]
    fn offline_is_said_as_in_python_and_an_endpoint_is_a_url() {
        for (value, expected) in [("1", true), ("True", true), ("on", true), ("YES", true), ("0", false), ("", false)] {
            assert_eq!(hub(&[("HF_HUB_OFFLINE", value)]).unwrap().offline, expected, "{value:?}");
            assert_eq!(hub(&[("TRANSFORMERS_OFFLINE", value)]).unwrap().offline, expected, "{value:?}");
        }
        assert_eq!(hub(&[("HF_ENDPOINT", "http://mirror:8000/")]).unwrap().endpoint, "http://mirror:8000");
        for wrong in ["mirror", "ftp://mirror", "https://", "http://a b", "http://a?b"] {
            let message = hub(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("HF_ENDPOINT: found {}", wrong.trim_end_matches('/'))), "{message}");
        }
    }
}
