//! A Hub of a few files on this machine, for the tests: it answers what `hf-hub` asks, and counts what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How a server behaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Behaviour {
    /// By name in the repository `owner/name`.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Without this token files are refused as those of a gated repository.
    pub(super) gate: Option<String>,
    /// Each answer with a file's body ends after so many bytes.
    pub(super) cut: Option<usize>,
    /// Every question is answered with this status.
    pub(super) status: Option<u16>,
}

/// A running server; it ends with the process.
pub(super) struct Server {
    pub(super) endpoint: String,
    /// Method, path and range of all requests.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, log) = (behaviour.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &behaviour, &log));
            }
        });
        Self { endpoint, asked }
    }

    /// How often something was asked whose description holds `part`.
    pub(super) fn count(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|request| request.contains(part)).count()
    }
}

/// Answers one request and closes.
fn answer(mut stream: TcpStream, behaviour: &Behaviour, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut path, mut range, mut token) = (String::new(), String::new(), String::new());
    for line in (&mut reader).lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let lower = line.to_ascii_lowercase();
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some(value) = lower.strip_prefix("range: bytes=") {
            range = value.to_owned();
        } else if lower.starts_with("authorization: bearer ") {
            token = line["authorization: bearer ".len()..].to_owned();
        }
    }
    log.lock().unwrap().push(format!("{path} {range}"));
    let mut respond = |status: u16, headers: &str, body: &[u8], cut: usize| {
        let head =
            format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..cut.min(body.len())]));
    };
    if let Some(status) = behaviour.status {
        return respond(status, "", b"", 0);
    }
    if path == format!("/api/models/owner/name/revision/{COMMIT}") || path == "/api/models/owner/name/revision/main" {
        let siblings: Vec<_> = behaviour.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let info = serde_json::json!({ "sha": COMMIT, "siblings": siblings, "gated": behaviour.gate.is_some() });
        return respond(200, "", info.to_string().as_bytes(), usize::MAX);
    }
    if path.starts_with("/api/models/owner/name/") {
        return respond(404, "x-error-code: RevisionNotFound\r\n", b"", 0);
    }
    if path.starts_with("/api/models/") {
        // As the Hub answers whoever has no token.
        return respond(401, "x-error-code: RepoNotFound\r\n", b"", 0);
    }
    if behaviour.gate.as_ref().is_some_and(|gate| *gate != token) {
        return respond(401, "x-error-code: GatedRepo\r\n", b"", 0);
    }
    let file = path.strip_prefix(&format!("/owner/name/resolve/{COMMIT}/")).and_then(|name| behaviour.files.get(name));
    let Some(file) = file else { return respond(404, "x-error-code: EntryNotFound\r\n", b"", 0) };
    let (first, last) = range.split_once('-').unwrap_or(("0", ""));
    let first: usize = first.parse().unwrap_or(0);
    let last: usize = last.parse().unwrap_or(file.len() - 1).min(file.len() - 1);
    if first > last {
        return respond(416, "", b"", 0);
    }
    let etag: String = file.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    let headers = format!(
        "x-repo-commit: {COMMIT}\r\netag: \"{etag}{}\"\r\ncontent-range: bytes {first}-{last}/{}\r\n",
        file.len(),
        file.len()
    );
    let whole_file = range.ends_with('-');
    respond(206, &headers, &file[first..=last], behaviour.cut.filter(|_| whole_file).unwrap_or(usize::MAX));
}
