//! What it means when the Hub refuses or does not answer, and what its user can do.

use crate::{FetchError, Hub, Set};

/// Why an answer was not had.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The network, or the server for now; another try may do.
    Unreachable(String),
    /// An answer, and it is no; or the disk; or a wish to stop.
    Refused(FetchError),
}

impl<E: Into<FetchError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// A refusal that names the set.
pub(crate) fn refuse(set: &Set, reason: impl Into<String>) -> FetchError {
    FetchError::Hub { set: set.name.clone(), reason: reason.into() }
}

/// What a status means; `code` is the Hub's own word for it, empty if it is not known, `file` none for questions about all.
pub(crate) fn of_status(hub: &Hub, set: &Set, file: Option<&str>, status: u16, code: &str) -> Failure {
    let Set { repository, revision, .. } = set;
    let place = format!("{}/datasets/{repository}", hub.environment.endpoint);
    let token = "put it into HF_TOKEN, or run `hf auth login`";
    let has_token = hub.environment.token.is_some();
    let known_as_gated = code == "GatedRepo" || (set.gated && code.is_empty());
    let reason = match status {
        429 => {
            let hint = if has_token { String::new() } else { format!(", or send a token: {token}") };
            return Failure::Unreachable(format!("it was asked too often, status 429: wait a little{hint}"));
        }
        500..=599 => return Failure::Unreachable(format!("the Hub answers with status {status}")),
        401 | 403 if known_as_gated && has_token => {
            format!("is gated, and the token that was sent is not let in: accept its conditions at {place}")
        }
        401 | 403 if known_as_gated => {
            format!("is gated: accept its conditions at {place}; then a token is needed, {token}")
        }
        401 | 403 if has_token => {
            format!("is not at {place}, or the token that was sent is not let in (status {status})")
        }
        // The Hub does not say which of the two it is.
        401 | 403 => format!("is not at {place}, or is private: then a token is needed, {token}"),
        404 if code == "RevisionNotFound" => format!("has no revision {revision} at {place}"),
        404 if file.is_none() => format!("is not at {place}, or has no revision {revision}"),
        404 => format!("is no longer at {place} in the revision {revision}"),
        _ => format!("cannot be had: {place} answers with status {status}"),
    };
    Failure::Refused(refuse(set, format!("{} {reason}", file.unwrap_or(repository))))
}
