//! The Hugging Face Hub as a process sees it, by the variables that `huggingface_hub` reads: where it is, where its files are kept, who
//! asks. Asking it is the affair of those who use this.

use std::path::{Path, PathBuf};

/// What the variables say.
///
/// | variable | what it says |
/// |---|---|
/// | `HF_HOME` | where everything lies; `$XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` if not set |
/// | `HF_HUB_CACHE` (`HUGGINGFACE_HUB_CACHE`) | where models lie; `$HF_HOME/hub` |
/// | `HF_TOKEN` (`HUGGING_FACE_HUB_TOKEN`) | the token; else the file `HF_TOKEN_PATH`, `$HF_HOME/token` |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: no token is sent |
/// | `HF_ENDPOINT` | another server with the Hub's interface |
/// | `HF_HUB_OFFLINE`, and a library's own such as `TRANSFORMERS_OFFLINE` | `1`: nothing is asked of the network |
#[derive(Clone)]
pub struct Environment {
    /// The address of the server, without a slash at its end.
    pub endpoint: String,
    /// Where models are kept, absolute; none if neither a variable nor a home directory says it.
    pub cache: Option<PathBuf>,
    /// What shows who asks.
    pub token: Option<String>,
    /// Whether the network is left alone.
    pub offline: bool,
}

/// A variable with a value that it cannot have.
#[derive(Debug, thiserror::Error)]
#[error("{name}: found {found}, expected {expected}")]
pub struct EnvironmentError {
    /// The variable.
    pub name: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

impl std::fmt::Debug for Environment {
    /// The token stays secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        let Self { endpoint, cache, offline, .. } = self;
        write!(f, "Hub {{ endpoint: {endpoint:?}, cache: {cache:?}, token: {token:?}, offline: {offline} }}")
    }
}

impl Environment {
    /// By the variables of this process. `library_offline`: the library's own variable beside `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// An endpoint that is no URL.
    pub fn of_process(library_offline: &str) -> Result<Self, EnvironmentError> {
        Self::from_variables(&|name| std::env::var(name).ok(), std::env::home_dir(), library_offline)
    }

    /// By these variables; one that is empty is not set.
    ///
    /// # Errors
    /// As for [`of_process`](Self::of_process).
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
        home: Option<PathBuf>,
        library_offline: &str,
    ) -> Result<Self, EnvironmentError> {
        let get = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let path = |names: &[&str]| get(names).map(|path| under_home(&path, home.as_deref()));
        let is_set = |name: &str| get(&[name]).is_some_and(|value| is_true(&value));
        let hub_home = path(&["HF_HOME"])
            .or_else(|| Some(path(&["XDG_CACHE_HOME"])?.join("huggingface")))
            .or_else(|| Some(home.as_ref()?.join(".cache/huggingface")));
        let cache = path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).or_else(|| Some(hub_home.as_ref()?.join("hub")));
        let endpoint = get(&["HF_ENDPOINT"]).unwrap_or_else(|| "https://huggingface.co".into());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !is_url(&endpoint) {
            let expected = "the address of a server, such as https://huggingface.co".into();
            return Err(EnvironmentError { name: "HF_ENDPOINT", found: endpoint, expected });
        }
        let token_file = path(&["HF_TOKEN_PATH"]).or_else(|| Some(hub_home?.join("token")));
        let token = get(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
            .or_else(|| token_file.and_then(|path| std::fs::read_to_string(path).ok()))
            .map(|token| token.trim().to_owned())
            .filter(|token| is_token(token) && !is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        Ok(Self {
            endpoint,
            // Links between what is kept are relative, and made of absolute paths.
            cache: cache.map(|cache| std::path::absolute(&cache).unwrap_or(cache)),
            token,
            offline: is_set("HF_HUB_OFFLINE") || is_set(library_offline),
        })
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

    fn hub(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Environment::from_variables(&variable, Some("/home/u".into()), "TRANSFORMERS_OFFLINE")
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
            assert_eq!(hub(variables).unwrap().cache.as_deref(), Some(Path::new(expected)), "{variables:?}");
        }
        assert_eq!(Environment::from_variables(&|_| None, None, "TRANSFORMERS_OFFLINE").unwrap().cache, None);
    }

    #[test]
    fn the_token_is_the_variables_or_the_files_and_is_never_printed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("huggingface")).unwrap();
        std::fs::write(home.path().join("token"), "hf_home\n").unwrap();
        std::fs::write(home.path().join("huggingface/token"), "hf_xdg\n").unwrap();
        let path = home.path().to_str().unwrap();
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case; 6] = [
            (&[("HF_HOME", path)], Some("hf_home")),
            (&[("XDG_CACHE_HOME", path)], Some("hf_xdg")),
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
            for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
                assert_eq!(hub(&[(name, value)]).unwrap().offline, expected, "{name}={value:?}");
            }
        }
        assert!(!hub(&[("HF_DATASETS_OFFLINE", "1")]).unwrap().offline);
        assert_eq!(hub(&[("HF_ENDPOINT", "http://mirror:8000/")]).unwrap().endpoint, "http://mirror:8000");
        for wrong in ["mirror", "ftp://mirror", "https://", "http://a b", "http://a?b"] {
            let message = hub(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("HF_ENDPOINT: found {}", wrong.trim_end_matches('/'))), "{message}");
        }
    }
}
