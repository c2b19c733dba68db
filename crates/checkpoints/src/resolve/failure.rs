//! What it means when the Hub refuses or does not answer, and what its user can do.

use super::environment::Hub;
use super::reference::Name;
use crate::CheckpointError;
use hf_hub::api::sync::ApiError;

/// Why something was not fetched.
pub(super) enum Failure {
    /// The network; what the cache holds may do, or another try.
    Unreachable(String),
    /// An answer, and it is no.
    Refused(CheckpointError),
}

/// A request that came to nothing; `file` is none for the first question.
pub(super) fn of_request(hub: &Hub, name: &Name, file: Option<&str>, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::StatusCode(status) => match status {
            429 | 500..=599 if file.is_some() => Failure::Unreachable(format!("the Hub answers with status {status}")),
            _ => Failure::Refused(of_status(hub, name, file, *status, "")),
        },
        ureq::Error::Io(error) => Failure::Unreachable(error.to_string()),
        other => Failure::Unreachable(other.to_string()),
    }
}

/// What `hf-hub` says of a file.
pub(super) fn of_api(hub: &Hub, name: &Name, file: &str, error: ApiError) -> Failure {
    let refuse = |reason: String| Failure::Refused(name.refuse(format!("{file}: {reason}")));
    match error {
        ApiError::RequestError(error) => of_request(hub, name, Some(file), &error),
        // Both the connection and the disk end here; only a connection is worth another try.
        ApiError::IoError(error) => match error.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::PermissionDenied
            | std::io::ErrorKind::ReadOnlyFilesystem
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::NotADirectory => {
                refuse(format!("the cache {} cannot be written: {error}", hub.cache.display()))
            }
            _ => Failure::Unreachable(error.to_string()),
        },
        ApiError::LockAcquisition(path) => refuse(format!("another process is fetching it ({})", path.display())),
        other => refuse(format!("found an answer that is no Hub's at {} ({other})", hub.environment.endpoint)),
    }
}

/// What a status means; `code` is the Hub's own word for it, empty if it is not known.
pub(super) fn of_status(hub: &Hub, name: &Name, file: Option<&str>, status: u16, code: &str) -> CheckpointError {
    let Name { id, revision, .. } = name;
    let place = format!("{}/{id}", hub.environment.endpoint);
    let token = "put it into HF_TOKEN, or run `hf auth login`";
    let known = hub.environment.token.is_some();
    let reason = match (status, code) {
        (401 | 403, "GatedRepo") if known => {
            format!("is gated, and the token that was sent is not let in: accept its conditions at {place}")
        }
        (401 | 403, "GatedRepo") => {
            format!("is gated: accept its conditions at {place}; then a token is needed, {token}")
        }
        (401 | 403, _) if file.is_some() && !known => {
            format!("is gated or private: a token is needed, {token}; if it is gated, accept its conditions at {place}")
        }
        (401 | 403, _) if known => {
            format!("is not at {place}, or the token that was sent is not let in (status {status})")
        }
        // The Hub does not say which of the two it is.
        (401 | 403, _) => format!("is not at {place}, or is private: then a token is needed, {token}"),
        (404, "RevisionNotFound") => format!("has no revision {revision} at {place}"),
        (404, _) if file.is_none() => format!("is not at {place}, or has no revision {revision}"),
        (404, _) => format!("is no longer at {place} in the revision {revision}"),
        (429, _) => format!("has been asked for too often (status {status}): wait a little, or send a token: {token}"),
        _ => format!("cannot be had: {place} answers with status {status}"),
    };
    name.refuse(format!("{} {reason}", file.unwrap_or(id)))
}
