//! A Hub of one data set on this machine, `owner/name`: it answers what [`Hub`](crate::Hub) asks, and counts what it was asked.

use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How a server behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// By path in the repository.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// A file that is told with this SHA-256 in place of its own.
    pub(crate) told: Option<(String, String)>,
    /// Without this token files are refused as those of a gated repository.
    pub(crate) gate: Option<String>,
    /// Each answer with a file's body ends after so many bytes.
    pub(crate) cut: Option<usize>,
    /// A file is always sent from its start.
    pub(crate) without_ranges: bool,
    /// Every question is answered with this status.
    pub(crate) status: Option<u16>,
}

impl Behaviour {
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        Self { files, ..Self::default() }
    }
}

/// A running server; it ends with the process.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    /// How it answers from now on.
    pub(crate) behaviour: Arc<Mutex<Behaviour>>,
    /// Path and range of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let behaviour = Arc::new(Mutex::new(behaviour));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (shared, log, base) = (behaviour.clone(), asked.clone(), endpoint.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, log, base) = (shared.lock().expect("no panic").clone(), log.clone(), base.clone());
                std::thread::spawn(move || answer(stream, &behaviour, &log, &base));
            }
        });
        Self { endpoint, behaviour, asked }
    }

    /// The requests for files, `<path> <range>`.
    pub(crate) fn downloads(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no panic");
        let prefix = format!("/datasets/owner/name/resolve/{COMMIT}/");
        asked.iter().filter_map(|request| Some(request.strip_prefix(&prefix)?.trim_end().to_owned())).collect()
    }

    /// How much was asked at all.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

/// A SHA-256 as the Hub writes it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers one request and closes.
fn answer(mut stream: TcpStream, behaviour: &Behaviour, log: &Mutex<Vec<String>>, base: &str) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
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
    log.lock().expect("no panic").push(format!("{path} {range}"));
    let mut respond = |status: u16, headers: &str, body: &[u8], cut: usize| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
        // Whoever asked may be gone.
        _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..cut.min(length)]));
    };
    let whole = usize::MAX;
    if let Some(status) = behaviour.status {
        return respond(status, "", b"", whole);
    }
    let (question, _) = path.split_once('?').unwrap_or((&path, ""));
    let api = "/api/datasets/owner/name";
    if question == api {
        let about = json!({ "cardData": { "license": ["mit"] }, "tags": ["license:mit"] });
        return respond(200, "", about.to_string().as_bytes(), whole);
    }
    if question == format!("{api}/revision/main") || question == format!("{api}/revision/refs%2Fconvert%2Fparquet") {
        return respond(200, "", json!({ "sha": COMMIT }).to_string().as_bytes(), whole);
    }
    if question == format!("{api}/tree/{COMMIT}") {
        let (headers, page) = listing(behaviour, &path, base);
        return respond(200, &headers, page.as_bytes(), whole);
    }
    if question.starts_with(&format!("{api}/")) {
        return respond(404, "x-error-code: RevisionNotFound\r\n", b"", whole);
    }
    if question.starts_with("/api/") {
        // As the Hub answers whoever has no token.
        return respond(401, "x-error-code: RepoNotFound\r\n", b"", whole);
    }
    if behaviour.gate.as_ref().is_some_and(|gate| *gate != token) {
        return respond(401, "x-error-code: GatedRepo\r\n", b"", whole);
    }
    let name = question.strip_prefix(&format!("/datasets/owner/name/resolve/{COMMIT}/"));
    let Some(file) = name.and_then(|name| behaviour.files.get(name)) else {
        return respond(404, "x-error-code: EntryNotFound\r\n", b"", whole);
    };
    let cut = behaviour.cut.unwrap_or(whole);
    let first = range.strip_suffix('-').and_then(|first| first.parse::<usize>().ok());
    match first.filter(|_| !behaviour.without_ranges) {
        None => respond(200, "", file, cut),
        Some(first) if first >= file.len() => respond(416, "", b"", whole),
        Some(first) => {
            let headers = format!("content-range: bytes {first}-{}/{}\r\n", file.len() - 1, file.len());
            respond(206, &headers, &file[first..], cut);
        }
    }
}

/// The headers and the text of a page of the listing: two lines of it, the first of all is a directory's.
fn listing(behaviour: &Behaviour, path: &str, base: &str) -> (String, String) {
    let mut lines = vec![json!({ "type": "directory", "path": "data", "oid": "a".repeat(40), "size": 0 })];
    lines.extend(behaviour.files.iter().map(|(path, bytes)| {
        let told = behaviour.told.as_ref().filter(|(told, _)| told == path).map(|(_, hash)| hash.clone());
        let oid = told.unwrap_or_else(|| sha256(bytes));
        let lfs = json!({ "oid": oid, "size": bytes.len(), "pointerSize": 130 });
        json!({ "type": "file", "path": path, "oid": "b".repeat(40), "size": bytes.len(), "lfs": lfs })
    }));
    let page: usize = path.split_once("cursor=").map_or(0, |(_, page)| page.parse().expect("our own cursor"));
    let pages: Vec<_> = lines.chunks(2).collect();
    let next = format!(
        "link: <{base}/api/datasets/owner/name/tree/{COMMIT}?recursive=true&cursor={}>; rel=\"next\"\r\n",
        page + 1
    );
    let headers = if page + 1 < pages.len() { next } else { String::new() };
    (headers, serde_json::Value::from(pages[page]).to_string())
}
