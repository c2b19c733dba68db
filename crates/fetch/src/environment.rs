//! The Hub as data sets are fetched from it.

use crate::Result;
use ligo_hub::Environment;
use std::time::Duration;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

/// How long the Hub may take to let itself be reached.
const CONNECTION: Duration = Duration::from_secs(20);
/// How long nothing may come before a download counts as broken off.
const SILENCE: Duration = Duration::from_secs(30);

/// The Hub as this process sees it, by the variables that [`Environment`] names; `HF_DATASETS_OFFLINE` too says that nothing is asked of
/// the network.
///
/// A proxy is taken from `HTTPS_PROXY` and its kind. The token goes to the endpoint alone, not to where it sends on to.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) environment: Environment,
    /// How long to wait before a file that broke off is tried again; each time twice as long.
    pub(crate) pause: Duration,
    pub(crate) agent: Agent,
}

impl Hub {
    /// By the variables of this process.
    ///
    /// # Errors
    /// An endpoint that is no URL.
    pub fn from_environment() -> Result<Self> {
        Ok(Self::of(Environment::of_process("HF_DATASETS_OFFLINE")?))
    }

    pub(crate) fn of(environment: Environment) -> Self {
        Self { environment, pause: Duration::from_millis(500), agent: agent() }
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
