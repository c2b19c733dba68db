//! Where the Hub and the token are, by the variables that `huggingface_hub` reads; as `ligo_checkpoints` reads them.

use crate::{FetchError, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

/// How long the Hub may take to let itself be reached.
const CONNECTION: Duration = Duration::from_secs(20);
/// How long nothing may come before a download counts as broken off.
const SILENCE: Duration = Duration::from_secs(30);

/// The Hub as this process sees it.
///
/// | variable | what it says |
/// |---|---|
/// | `HF_TOKEN` (`HUGGING_FACE_HUB_TOKEN`) | the token; else the file `HF_TOKEN_PATH`, `$HF_HOME/token` |
/// | `HF_HOME` | `$XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` if not set |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: no token is sent |
/// | `HF_ENDPOINT` | another server with the Hub's interface |
/// | `HF_HUB_OFFLINE`, `HF_DATASETS_OFFLINE` | `1`: nothing is asked of the network |
///
/// A proxy is taken from `HTTPS_PROXY` and its kind. The token goes to the endpoint alone, not to where it sends on to.
#[derive(Clone)]
pub struct Hub {
    pub(crate) endpoint: String,
    pub(crate) token: Option<String>,
    pub(crate) offline: bool,
    /// How long to wait before a file that broke off is tried again; each time twice as long.
    pub(crate) pause: Duration,
    pub(crate) agent: Agent,
}

impl std::fmt::Debug for Hub {
    /// The token stays secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        write!(f, "Hub {{ endpoint: {:?}, token: {token:?}, offline: {} }}", self.endpoint, self.offline)
    }
}

impl Hub {
    /// By the variables of this process.
    ///
    /// # Errors
    /// [`FetchError::Environment`] for an endpoint that is no URL.
    pub fn from_environment() -> Result<Self> {
        Self::from_variables(&|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// By these variables; one that is empty is not set.
    pub(crate) fn from_variables(variable: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Result<Self> {
        let get = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let path = |name: &str| get(&[name]).map(|path| under_home(&path, home.as_deref()));
        let is_set = |names: &[&str]| names.iter().any(|name| get(&[name]).is_some_and(|value| is_true(&value)));
        let endpoint = get(&["HF_ENDPOINT"]).unwrap_or_else(|| "https://huggingface.co".into());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !is_url(&endpoint) {
            let expected = "the address of a server, such as https://huggingface.co".into();
            return Err(FetchError::Environment { name: "HF_ENDPOINT", found: endpoint, expected });
        }
        let token_file = path("HF_TOKEN_PATH")
            .or_else(|| Some(path("HF_HOME")?.join("token")))
            .or_else(|| Some(path("XDG_CACHE_HOME")?.join("huggingface/token")))
            .or_else(|| Some(home.as_ref()?.join(".cache/huggingface/token")));
        let token = get(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
            .or_else(|| token_file.and_then(|path| std::fs::read_to_string(path).ok()))
            .map(|token| token.trim().to_owned())
            .filter(|token| is_token(token) && !is_set(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"]));
        let offline = is_set(&["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"]);
        Ok(Self { endpoint, token, offline, pause: Duration::from_millis(500), agent: agent() })
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .user_agent(concat!("ligo/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECTION))
        .timeout_connect(Some(CONNECTION))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .http_status_as_error(false)
        // Ranges count bytes of the file, not of a compressed form of it.
        .accept_encoding("identity")
        .build()
        .new_agent()
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
        for (value, expected) in [("1", true), ("True", true), ("0", false), ("", false)] {
            for name in ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"] {
                assert_eq!(hub(&[(name, value)]).unwrap().offline, expected, "{name}={value:?}");
            }
        }
        assert_eq!(hub(&[("HF_ENDPOINT", "http://mirror:8000/")]).unwrap().endpoint, "http://mirror:8000");
        for wrong in ["mirror", "ftp://mirror", "https://", "http://a b"] {
            let message = hub(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("HF_ENDPOINT: found {}", wrong.trim_end_matches('/'))), "{message}");
        }
    }
}
