//! Data sets fetched and listed, from a small Hub on this machine.

use crate::tiny::xtask;
use assert_cmd::Command;
use serde_json::Value;
use server::{Behaviour, Server};
use std::path::PathBuf;
use std::process::Output;

#[path = "../../../crates/fetch/src/tests/server.rs"]
mod server;

const TRAIN: &[u8] = b"what a model is trained on";
const TEST: &[u8] = b"what it is tested on";

const SET: &str = "[fetch]
about = 'a set of two files'
repository = 'owner/name'
licence = ['mit']
gated = true
splits.train.files = ['data/train-*.parquet']
splits.test = { files = ['data/test-*.parquet'], into = 'test.parquet' }
";

fn two() -> Behaviour {
    Behaviour::of(&[("data/test-0.parquet", TEST), ("data/train-0.parquet", TRAIN)])
}

/// A directory with the description of a set, and a Hub.
struct Place {
    directory: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn new(behaviour: Behaviour) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write =
            |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("it can be written");
        write("reviews.toml", SET);
        write("all.toml", "[fetch]\nabout = 'everything'\nsets = ['reviews']\n");
        Self { directory, server: Server::start(behaviour) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut xtask = xtask();
        for name in ["HF_TOKEN", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_TOKEN_PATH"] {
            xtask.env_remove(name);
        }
        xtask.env("HF_HOME", self.directory.path()).env("HF_ENDPOINT", &self.server.endpoint);
        xtask.arg("data").args(arguments).arg("--data").arg(self.directory.path());
        xtask
    }

    fn fetch(&self, set: &str) -> Output {
        self.command(&["fetch", set]).output().expect("the binary runs")
    }

    fn state(&self) -> String {
        let output = self.command(&["list", "--json"]).output().expect("the binary runs");
        let sets: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let set = sets.iter().find(|set| set["name"] == "reviews").expect("the set");
        format!("{} {}", set["state"].as_str().unwrap_or_default(), set["bytes"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("reviews").join(name)
    }
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one message of a command that failed as it should.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_set_is_fetched_by_the_name_of_its_group_and_listed() {
    let place = Place::new(two());
    assert_eq!(place.state(), "not here 0");
    let output = place.fetch("all");
    let bytes = TRAIN.len() + TEST.len();
    let expected = format!(": {bytes} B in 2 files, owner/name at 0123456789ab, licence: mit\n");
    assert!(out(&output).ends_with(&expected), "{}", out(&output));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("reviews: owner/name at 0123456789ab, 2 files") && log.contains("mit, as expected"), "{log}");
    assert_eq!(std::fs::read(place.path("train/train-0.parquet")).expect("a file"), TRAIN);
    assert_eq!(place.state(), format!("fetched {bytes}"));
    let listed = out(&place.command(&["list"]).output().expect("the binary runs"));
    assert!(listed.contains("reviews  fetched  ") && listed.contains("mit (gated)  a set of two files"), "{listed}");

    out(&place.fetch("reviews"));
    assert_eq!(place.server.downloads().len(), 2, "nothing is fetched twice");
    let again = place.command(&["fetch", "reviews"]).env("HF_HUB_OFFLINE", "1").output().expect("the binary runs");
    assert!(out(&again).ends_with(&expected));
    let asked = place.server.count();
    out(&place.command(&["fetch", "reviews"]).env("HF_HUB_OFFLINE", "1").output().expect("the binary runs"));
    assert_eq!(place.server.count(), asked, "offline means that nothing is asked");
}

#[test]
fn another_licence_than_expected_is_told() {
    let place = Place::new(two());
    let description = SET.replace("'mit'", "'apache-2.0'");
    std::fs::write(place.directory.path().join("reviews.toml"), description).expect("it can be written");
    let log = String::from_utf8_lossy(&place.fetch("reviews").stderr).into_owned();
    assert!(log.contains("licence: found mit, expected apache-2.0"), "{log}");
}

#[test]
fn what_cannot_be_fetched_is_one_message_and_nothing_is_lost() {
    let wrong = ("data/train-0.parquet".to_owned(), "f".repeat(64));
    type Case<'a> = (Behaviour, &'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case; 5] = [
        (two(), "review", &[], &["no data set is called 'review', did you mean 'reviews'?"]),
        (two(), "reviews", &[("HF_ENDPOINT", "http://127.0.0.1:1")], &["http://127.0.0.1:1 cannot be reached ("]),
        (
            two(),
            "reviews",
            &[("HF_HUB_OFFLINE", "1")],
            &["HF_HUB_OFFLINE is set, and found only a part of the set in "],
        ),
        (
            Behaviour { gate: Some("hf_good".into()), ..two() },
            "reviews",
            &[],
            &["is gated: accept its conditions at ", "/datasets/owner/name; ", "HF_TOKEN"],
        ),
        (
            Behaviour { told: Some(wrong), ..two() },
            "reviews",
            &[],
            &["found the SHA-256 ", "what was fetched is removed"],
        ),
    ];
    for (behaviour, name, variables, expected) in cases {
        let place = Place::new(two());
        out(&place.fetch("reviews"));
        std::fs::remove_file(place.path("train/train-0.parquet")).expect("a file");
        *place.server.behaviour.lock().expect("no panic") = behaviour;
        let output = place.command(&["fetch", name]).envs(variables.iter().copied()).output().expect("the binary runs");
        let message = refusal(&output);
        assert_eq!(message.matches("error:").count(), 1, "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        assert_eq!(std::fs::read(place.path("test.parquet")).expect("a file"), TEST);
        *place.server.behaviour.lock().expect("no panic") = two();
        out(&place.fetch("reviews"));
        assert_eq!(std::fs::read(place.path("train/train-0.parquet")).expect("a file"), TRAIN);
    }
}

#[test]
fn the_sets_of_this_repository_are_listed() {
    let listed = out(&xtask().args(["data", "list"]).output().expect("the binary runs"));
    for part in ["cifar10 ", "imagenet-1k ", "other (gated)", "wikipedia ", "squad-v2 ", "glue "] {
        assert!(listed.contains(part), "{part:?} is missing in:\n{listed}");
    }
}
