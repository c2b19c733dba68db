//! Against a small Hub on this machine.

use super::server::{Behaviour, COMMIT, Server};
use super::*;
use ligo_hub::Environment;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn files(names: &[&str]) -> BTreeMap<String, Vec<u8>> {
    names.iter().map(|name| ((*name).to_owned(), format!("contents of {name}").into_bytes())).collect()
}

fn single() -> Behaviour {
    let names = [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "vocab.txt",
        "README.md",
        "pytorch_model.bin",
        "tf_model.h5",
        "onnx/model.onnx",
        "1_Pooling/config.json",
        "2_Dense/pytorch_model.bin",
        "run.py",
        "../escape.json",
    ];
    Behaviour { files: files(&names), ..Behaviour::default() }
}

fn hub(endpoint: &str, cache: &Path) -> Hub {
    let cache = cache.to_owned();
    let environment =
        Environment { endpoint: endpoint.into(), cache: Some(cache.clone()), token: None, offline: false };
    Hub { environment, cache, pause: Duration::ZERO }
}

fn resolved(hub: &Hub, reference: &str) -> std::result::Result<PathBuf, String> {
    hub.resolve(reference, &|_| {}).map_err(|error| error.to_string())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_checkpoint_is_fetched_into_the_layout_of_pythons_cache_and_not_fetched_again() {
    let (server, cache) = (Server::start(single()), tempfile::tempdir().unwrap());
    let hub = hub(&server.endpoint, cache.path());
    let events = RefCell::new(vec![]);
    let directory = hub.resolve("owner/name", &|event| events.borrow_mut().push(format!("{event:?}"))).unwrap();

    let place = cache.path().join("models--owner--name");
    assert_eq!(directory, place.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(place.join("refs/main")).unwrap(), COMMIT);
    assert_eq!(names(&place.join("refs")), ["main"]);
    let along = ["1_Pooling", "README.md", "config.json", "model.safetensors", "tokenizer.json", "vocab.txt"];
    assert_eq!(names(&directory), along);
    for name in ["1_Pooling/config.json", "config.json", "model.safetensors"] {
        assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), format!("contents of {name}"));
        assert!(directory.join(name).is_symlink(), "{name}");
    }
    for name in ["escape", ".bin", ".py", "onnx", "tf_model"] {
        assert_eq!(server.count(&format!("{name} ")) + server.count(&format!("/{name}")), 0, "{name}");
    }
    let events = events.into_inner();
    let expected = "File { name: \"config.json\", number: 1, of: 6, bytes: 23 }";
    assert_eq!((events[0].as_str(), events.last().unwrap().as_str()), (expected, "Done"), "{events:?}");

    let before = server.count("/resolve/");
    for reference in ["hf://owner/name", "owner/name@main"] {
        assert_eq!(resolved(&hub, reference).unwrap(), directory);
    }
    let commit = format!("owner/name@{COMMIT}");
    assert_eq!(resolved(&hub, &commit).unwrap(), directory);
    assert_eq!(server.count("/resolve/"), before, "nothing is fetched twice");
    assert_eq!(names(&place.join("refs")), ["main"]);
}

#[test]
fn all_shards_of_an_index_are_fetched() {
    let mut behaviour = Behaviour {
        files: files(&["config.json", "a.safetensors", "b.safetensors", "c.safetensors"]),
        ..Behaviour::default()
    };
    let index = serde_json::json!({ "weight_map": { "x": "a.safetensors", "y": "b.safetensors" } }).to_string();
    behaviour.files.insert("model.safetensors.index.json".into(), index.into_bytes());
    let (server, cache) = (Server::start(behaviour), tempfile::tempdir().unwrap());
    let directory = resolved(&hub(&server.endpoint, cache.path()), "owner/name").unwrap();
    assert_eq!(names(&directory), ["a.safetensors", "b.safetensors", "config.json", "model.safetensors.index.json"]);
}

#[test]
fn a_file_that_another_commit_brought_is_linked() {
    let (server, cache) = (Server::start(single()), tempfile::tempdir().unwrap());
    let hub = hub(&server.endpoint, cache.path());
    let directory = resolved(&hub, "owner/name").unwrap();
    // As if the snapshot had been another commit's.
    fs::rename(&directory, directory.with_file_name("f".repeat(40))).unwrap();
    let bodies = || server.asked.lock().unwrap().iter().filter(|request| request.ends_with(" 0-")).count();
    let before = bodies();
    assert_eq!(resolved(&hub, "owner/name").unwrap(), directory);
    assert_eq!(bodies(), before, "no body is fetched again");
    assert_eq!(
        fs::read_to_string(directory.join("1_Pooling/config.json")).unwrap(),
        "contents of 1_Pooling/config.json"
    );
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was() {
    // Each answer brings 8 bytes of 29; four of them are all.
    let behaviour =
        Behaviour { cut: Some(8), files: files(&["config.json", "model.safetensors"]), ..Behaviour::default() };
    let (server, cache) = (Server::start(behaviour), tempfile::tempdir().unwrap());
    let directory = resolved(&hub(&server.endpoint, cache.path()), "owner/name").unwrap();
    assert_eq!(fs::read_to_string(directory.join("model.safetensors")).unwrap(), "contents of model.safetensors");
    let bodies: Vec<String> = server.asked.lock().unwrap().iter().filter(|r| r.ends_with('-')).cloned().collect();
    let ranges: Vec<&str> =
        bodies.iter().filter_map(|request| request.split_once("model.safetensors ")?.1.into()).collect();
    assert_eq!(ranges, ["0-", "8-", "16-", "24-"]);
    // One that brings too little for all tries says so, and the next command goes on from there.
    let behaviour =
        Behaviour { cut: Some(5), files: files(&["config.json", "model.safetensors"]), ..Behaviour::default() };
    let (server, cache) = (Server::start(behaviour), tempfile::tempdir().unwrap());
    let hub = hub(&server.endpoint, cache.path());
    let message = resolved(&hub, "owner/name").unwrap_err();
    assert!(message.contains("config.json broke off: ") && message.contains("goes on from there"), "{message}");
    while let Err(message) = resolved(&hub, "owner/name") {
        assert!(message.contains("broke off"), "{message}");
    }
    assert_eq!(server.count("config.json 20-"), 1);
}

#[test]
fn a_complete_part_that_lacks_only_its_name_is_taken() {
    let (server, cache) = (Server::start(single()), tempfile::tempdir().unwrap());
    let hub = hub(&server.endpoint, cache.path());
    let directory = resolved(&hub, "owner/name").unwrap();
    let blob = fs::canonicalize(directory.join("config.json")).unwrap();
    fs::rename(&blob, blob.with_extension("part")).unwrap();
    let asked = server.count("config.json 0-");
    assert_eq!(resolved(&hub, "owner/name").unwrap(), directory);
    assert!(directory.join("config.json").exists());
    // Its size was asked for, the file was not.
    assert_eq!(server.count("config.json 0-"), asked + 1);
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let absent = |revision: &str| format!("owner/name@{revision}");
    let gated = || Behaviour { gate: Some("hf_good".into()), ..single() };
    let without = |names: &[&str]| Behaviour { files: files(names), ..Behaviour::default() };
    let status = |status| Behaviour { status: Some(status), ..single() };
    let cases: [(Behaviour, &str, Option<&str>, &[&str]); 11] = [
        (single(), "other/name", None, &["other/name is not at ", "or is private: then a token is needed", "HF_TOKEN"]),
        (single(), "other/name", Some("hf_x"), &["or the token that was sent is not let in (status 401)"]),
        (single(), &absent("v2"), None, &["owner/name has no revision v2 at "]),
        (gated(), "owner/name", None, &["gated", "a token is needed", "HF_TOKEN", "accept its conditions at "]),
        (gated(), "owner/name", Some("hf_bad"), &["the token that was sent is not let in"]),
        (
            without(&["config.json", "pytorch_model.bin"]),
            "owner/name",
            None,
            &["pytorch_model.bin alone", "python -c", "save_pretrained(d)"],
        ),
        (
            without(&["config.json", "README.md"]),
            "owner/name",
            None,
            &["a repository without weights, expected model.safetensors"],
        ),
        (without(&["model.safetensors"]), "owner/name", None, &["a repository without config.json"]),
        (status(429), "owner/name", None, &["too often (status 429)"]),
        (status(500), "owner/name", None, &["answers with status 500"]),
        (status(200), "owner/name", None, &["expected the answer of a Hub"]),
    ];
    for (behaviour, reference, token, expected) in cases {
        let (server, cache) = (Server::start(behaviour), tempfile::tempdir().unwrap());
        let mut hub = hub(&server.endpoint, cache.path());
        hub.environment.token = token.map(str::to_owned);
        let message = resolved(&hub, reference).unwrap_err();
        assert!(message.starts_with(&format!("{reference}: ")), "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        assert!(!message.contains("hf_x") && !message.contains("hf_bad"), "{message}");
    }
    let (server, cache) = (Server::start(gated()), tempfile::tempdir().unwrap());
    let mut hub = hub(&server.endpoint, cache.path());
    hub.environment.token = Some("hf_good".into());
    assert!(resolved(&hub, "owner/name").is_ok(), "whoever has the token is let in");
}

#[test]
fn without_a_network_the_cache_is_taken_or_named() {
    let (server, cache) = (Server::start(single()), tempfile::tempdir().unwrap());
    // Nobody listens at port 1.
    let dead = hub("http://127.0.0.1:1", cache.path());
    let mut offline = dead.clone();
    offline.environment.offline = true;
    for (hub, why) in [(&dead, "the Hub cannot be reached ("), (&offline, "HF_HUB_OFFLINE is set")] {
        let message = resolved(hub, "owner/name").unwrap_err();
        let place = format!("owner/name is not in the cache {}", cache.path().display());
        let instead = "a directory with config.json and model.safetensors does as well: where there is a network, `hf download owner/name --local-dir name` makes one";
        for part in [why, &place, instead] {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        let message = resolved(hub, "hf://owner/name").unwrap_err();
        assert!(message.starts_with(&format!("hf://owner/name: {why}")), "no directory was meant: {message}");
    }
    let message = resolved(&dead, "owner/name").unwrap_err();
    assert!(message.starts_with("owner/name: no such directory here, the Hub cannot be reached ("), "{message}");
    let directory = resolved(&hub(&server.endpoint, cache.path()), "owner/name").unwrap();
    let events = RefCell::new(vec![]);
    let found = dead.resolve("owner/name", &|event| events.borrow_mut().push(format!("{event:?}"))).unwrap();
    assert_eq!(found, directory);
    assert!(events.borrow()[0].starts_with("FromCache { reason: "), "{events:?}");
    let asked = server.asked.lock().unwrap().len();
    let mut offline_here = hub(&server.endpoint, cache.path());
    offline_here.environment.offline = true;
    assert_eq!(resolved(&offline_here, &format!("owner/name@{COMMIT}")).unwrap(), directory);
    assert_eq!(resolved(&offline_here, "owner/name").unwrap(), directory);
    assert_eq!(server.asked.lock().unwrap().len(), asked, "offline means that nothing is asked");

    let message = resolved(&offline_here, "owner/name@v2").unwrap_err();
    assert!(message.contains("the revision v2 of owner/name is not in the cache"), "{message}");
    fs::remove_file(directory.join("model.safetensors")).unwrap();
    let message = resolved(&offline_here, "owner/name").unwrap_err();
    assert!(message.contains("owner/name is there without model.safetensors in the cache"), "{message}");
}
