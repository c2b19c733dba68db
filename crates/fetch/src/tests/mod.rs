//! Against a small Hub on this machine.

mod server;

use crate::{Action, Event, FetchError, Hub, Record, Set, Sets, State, Watch};
use ligo_hub::Environment;
use server::{Behaviour, COMMIT, Server, sha256};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TRAIN: &[u8] = b"the first shard of what a model is trained on";
const MORE: &[u8] = b"the second shard";
const TEST: &[u8] = b"what it is tested on";

const SET: &str = "[fetch]
about = 'a set of three files'
repository = 'owner/name'
licence = ['mit']
splits.train.files = ['data/train-*.parquet']
splits.test = { files = ['data/test-*.parquet'], into = 'test.parquet' }
";

fn three() -> Behaviour {
    Behaviour::of(&[
        ("README.md", b"a card"),
        ("data/other.parquet", b"no part of it"),
        ("data/test-0.parquet", TEST),
        ("data/train-0.parquet", TRAIN),
        ("data/train-1.parquet", MORE),
    ])
}

/// A directory with the description of a set, and a Hub that has it.
struct Place {
    directory: tempfile::TempDir,
    server: Server,
    hub: Hub,
    set: Set,
}

impl Place {
    fn new(behaviour: Behaviour) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("some.toml"), SET).unwrap();
        let set = Sets::read(directory.path()).unwrap().sets.remove(0);
        let server = Server::start(behaviour);
        let endpoint = server.endpoint.clone();
        let variable = |name: &str| (name == "HF_ENDPOINT").then(|| endpoint.clone());
        let environment = Environment::from_variables(&variable, None, "HF_DATASETS_OFFLINE").unwrap();
        let hub = Hub { pause: Duration::ZERO, ..Hub::of(environment) };
        Self { directory, server, hub, set }
    }

    fn fetch(&self) -> Result<Record, String> {
        self.watched(&|_| {}).map_err(|error| error.to_string())
    }

    fn watched(&self, report: &dyn Fn(Event<'_>)) -> crate::Result<Record> {
        self.hub.fetch(&self.set, self.directory.path(), Watch { report, stopped: &|| false })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("some").join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn state(&self) -> State {
        State::of(&self.set, self.directory.path()).unwrap()
    }

    /// Where the first shard lies until it is whole.
    fn part(&self) -> String {
        format!("train/train-0.parquet.{}.part", &sha256(TRAIN)[..12])
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.server.behaviour.lock().unwrap());
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_set_is_fetched_written_down_and_not_fetched_again() {
    let place = Place::new(three());
    let bytes = (TRAIN.len() + MORE.len() + TEST.len()) as u64;
    assert_eq!(place.state(), State::Absent);
    let (positions, licences) = (RefCell::new(vec![]), RefCell::new(vec![]));
    let record = place
        .watched(&|event| match event {
            Event::Position(position) => positions.borrow_mut().push(position),
            Event::Listed { licence, files, bytes, commit, .. } => {
                licences.borrow_mut().push((licence.to_vec(), files, bytes, commit.to_owned()));
            }
            _ => {}
        })
        .unwrap();
    assert_eq!(licences.into_inner(), [(vec!["mit".to_owned()], 3, bytes, COMMIT.to_owned())]);
    assert_eq!(positions.borrow().last(), Some(&bytes));
    assert!(positions.borrow().is_sorted(), "{positions:?}");
    assert_eq!((place.read("train/train-0.parquet"), place.read("test.parquet")), (TRAIN.to_vec(), TEST.to_vec()));
    assert_eq!(names(&place.path("")), ["fetched.json", "test.parquet", "train"]);
    assert_eq!(names(&place.path("train")), ["train-0.parquet", "train-1.parquet"]);
    assert_eq!(Record::read(&place.set, place.directory.path()).unwrap().as_ref(), Some(&record));
    let file = &record.files[1];
    assert_eq!((file.source.as_str(), file.bytes), ("data/train-0.parquet", TRAIN.len() as u64));
    assert_eq!((&file.sha256, record.commit.as_str(), record.complete), (&sha256(TRAIN), COMMIT, true));
    assert_eq!(place.state(), State::Whole { bytes });

    assert_eq!(place.server.downloads().len(), 3);
    assert_eq!(place.fetch().unwrap(), record);
    assert_eq!(place.server.downloads().len(), 3, "nothing is fetched twice");
    std::fs::remove_file(place.path("test.parquet")).unwrap();
    assert_eq!(place.state(), State::Part { bytes: bytes - TEST.len() as u64 });
    place.fetch().unwrap();
    assert_eq!(place.server.downloads()[3..], ["data/test-0.parquet"]);
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was() {
    let place = Place::new(Behaviour { cut: Some(20), ..three() });
    let again = Cell::new(0);
    place.watched(&|event| again.set(again.get() + u32::from(matches!(event, Event::Again { .. })))).unwrap();
    assert_eq!(place.read("train/train-0.parquet"), TRAIN);
    let of_train: Vec<String> =
        place.server.downloads().into_iter().filter(|request| request.starts_with("data/train-0")).collect();
    assert_eq!(of_train, ["data/train-0.parquet", "data/train-0.parquet 20-", "data/train-0.parquet 40-"]);
    assert_eq!(again.get(), 2);

    // One that brings nothing more says so, and the next command goes on from there.
    let place = Place::new(three());
    place.write(&place.part(), &TRAIN[..10]);
    place.change(|behaviour| behaviour.cut = Some(0));
    place.write("test.parquet", TEST);
    let message = place.fetch().unwrap_err();
    let expected = format!("some: some/train/train-0.parquet broke off after 10 of {} bytes: ", TRAIN.len());
    assert!(message.starts_with(&expected) && message.contains("goes on from there"), "{message}");
    assert_eq!(place.state(), State::Part { bytes: 10 + TEST.len() as u64 });
    place.change(|behaviour| behaviour.cut = None);
    let actions = RefCell::new(vec![]);
    let report = |event: Event<'_>| {
        if let Event::File { name, action, .. } = event {
            actions.borrow_mut().push((name.to_owned(), action));
        }
    };
    place.watched(&report).unwrap();
    let expected = [
        ("some/test.parquet", Action::Check),
        ("some/train/train-0.parquet", Action::Resume),
        ("some/train/train-1.parquet", Action::Fetch),
    ];
    assert_eq!(actions.into_inner(), expected.map(|(name, action)| (name.to_owned(), action)));
    assert_eq!(place.read("train/train-0.parquet"), TRAIN);
}

#[test]
fn a_server_without_ranges_sends_the_file_from_its_start() {
    let place = Place::new(Behaviour { without_ranges: true, ..three() });
    place.write(&place.part(), b"something else");
    let told = Cell::new(false);
    place.watched(&|event| told.set(told.get() || matches!(event, Event::FromTheStart { .. }))).unwrap();
    assert!(told.get());
    assert_eq!(place.read("train/train-0.parquet"), TRAIN);
}

#[test]
fn a_part_that_is_too_long_or_whole_is_not_gone_on_with() {
    let place = Place::new(three());
    place.write(&place.part(), &[TRAIN, b" and more"].concat());
    place.fetch().unwrap();
    assert_eq!(place.read("train/train-0.parquet"), TRAIN);
    // Whole, but for its name.
    std::fs::rename(place.path("train/train-0.parquet"), place.path(&place.part())).unwrap();
    let before = place.server.downloads().len();
    place.fetch().unwrap();
    assert_eq!((place.read("train/train-0.parquet"), place.server.downloads().len()), (TRAIN.to_vec(), before));
}

#[test]
fn a_file_with_another_hash_than_the_hub_tells_is_removed() {
    let wrong = "f".repeat(64);
    let place = Place::new(Behaviour { told: Some(("data/train-0.parquet".into(), wrong.clone())), ..three() });
    let message = place.fetch().unwrap_err();
    let expected = format!("found the SHA-256 {}, expected {wrong}; what was fetched is removed", sha256(TRAIN));
    assert!(message.starts_with("some: some/train/train-0.parquet: ") && message.contains(&expected), "{message}");
    assert_eq!(names(&place.path("train")), [""; 0]);
    place.change(|behaviour| behaviour.told = None);
    place.fetch().unwrap();
    assert_eq!(place.read("train/train-0.parquet"), TRAIN);
}

#[test]
fn what_somebody_else_put_there_is_left_alone_and_what_was_fetched_earlier_is_replaced() {
    let place = Place::new(three());
    for (bytes, found) in [(&b"mine"[..], "found a file of 4 bytes, expected 20"), (&[b'x'; 20], "with the SHA-256 ")] {
        place.write("test.parquet", bytes);
        let message = place.fetch().unwrap_err();
        assert!(message.contains(found) && message.contains("move it away"), "{message}");
        assert_eq!((place.read("test.parquet"), place.server.downloads().len()), (bytes.to_vec(), 0));
    }
    std::fs::remove_file(place.path("test.parquet")).unwrap();
    place.fetch().unwrap();
    // Another commit has a new file in an old place, and one file less.
    place.change(|behaviour| {
        behaviour.files.remove("data/train-1.parquet");
        behaviour.files.insert("data/test-0.parquet".into(), b"new".to_vec());
    });
    let removed = RefCell::new(vec![]);
    let report = |event: Event<'_>| {
        if let Event::Removed { name } = event {
            removed.borrow_mut().push(name.to_owned());
        }
    };
    place.watched(&report).unwrap();
    assert_eq!(removed.into_inner(), ["some/train/train-1.parquet"]);
    assert_eq!(
        (place.read("test.parquet"), names(&place.path("train"))),
        (b"new".to_vec(), vec!["train-0.parquet".into()])
    );
}

#[test]
fn what_the_hub_refuses_is_told_with_what_to_do() {
    let gated = || Behaviour { gate: Some("hf_good".into()), ..three() };
    let status = |status| Behaviour { status: Some(status), ..three() };
    let other = |set: &mut Set| set.repository = "other/name".into();
    let revision = |set: &mut Set| set.revision = "v2".into();
    let same = |_: &mut Set| {};
    type Change = fn(&mut Set);
    let cases: [(Behaviour, Change, Option<&str>, &[&str]); 7] = [
        (three(), other, None, &["other/name is not at ", "or is private: then a token is needed", "HF_TOKEN"]),
        (three(), other, Some("hf_x"), &["or the token that was sent is not let in (status 401)"]),
        (three(), revision, None, &["owner/name has no revision v2 at "]),
        (
            gated(),
            same,
            None,
            &["train-0.parquet is gated: accept its conditions at ", "/datasets/owner/name; ", "HF_TOKEN"],
        ),
        (gated(), same, Some("hf_bad"), &["the token that was sent is not let in: accept its conditions at "]),
        (
            status(503),
            same,
            None,
            &["cannot be reached (the Hub answers with status 503), and found nothing that was fetched in "],
        ),
        (status(200), same, None, &["expected the answer of a Hub"]),
    ];
    for (behaviour, change, token, expected) in cases {
        let mut place = Place::new(behaviour);
        place.write("test.parquet", TEST);
        place.hub.environment.token = token.map(str::to_owned);
        change(&mut place.set);
        let message = place.fetch().unwrap_err();
        assert!(message.starts_with("some: "), "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        assert!(!message.contains("hf_x") && !message.contains("hf_bad"), "{message}");
        assert_eq!(place.read("test.parquet"), TEST, "nothing is lost");
    }
    let mut place = Place::new(gated());
    place.hub.environment.token = Some("hf_good".into());
    place.fetch().expect("whoever has the token is let in");
}

#[test]
fn without_a_network_a_whole_set_will_do() {
    let mut place = Place::new(three());
    let dead = || "http://127.0.0.1:1".to_owned();
    for (offline, expected) in [
        (true, "some: HF_HUB_OFFLINE is set, and found nothing that was fetched in "),
        (false, "some: http://127.0.0.1:1 cannot be reached ("),
    ] {
        (place.hub.environment.offline, place.hub.environment.endpoint) = (offline, dead());
        let message = place.fetch().unwrap_err();
        assert!(message.starts_with(expected), "{message}");
    }
    assert_eq!(place.server.count(), 0);
    place.hub.environment.endpoint = place.server.endpoint.clone();
    let record = place.fetch().unwrap();
    for offline in [true, false] {
        (place.hub.environment.offline, place.hub.environment.endpoint) = (offline, dead());
        let here = Cell::new(false);
        let found = place.watched(&|event| here.set(matches!(event, Event::Here { commit: COMMIT, .. }))).unwrap();
        assert!(here.get() && found == record);
    }
    std::fs::remove_file(place.path("train/train-1.parquet")).unwrap();
    let message = place.fetch().unwrap_err();
    assert!(message.contains("found only a part of the set in "), "{message}");
}

#[test]
fn whoever_stops_finds_what_was_there_and_goes_on() {
    let place = Place::new(three());
    place.write(&place.part(), &TRAIN[..10]);
    let stopped = Cell::new(false);
    let report =
        |event: Event<'_>| stopped.set(stopped.get() || matches!(event, Event::File { action: Action::Resume, .. }));
    let watch = Watch { report: &report, stopped: &|| stopped.get() };
    let error = place.hub.fetch(&place.set, place.directory.path(), watch).unwrap_err();
    assert!(matches!(error, FetchError::Stopped), "{error}");
    assert_eq!((place.read(&place.part()), place.read("test.parquet")), (TRAIN[..10].to_vec(), TEST.to_vec()));
    place.fetch().unwrap();
    assert_eq!(place.server.downloads()[2..], ["data/train-0.parquet 10-", "data/train-1.parquet"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_how_much_is_to_come() {
    let place = Place::new(three());
    std::fs::create_dir_all(place.path("train")).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.path(&place.part())).unwrap();
    let message = place.fetch().unwrap_err();
    let expected = format!("{} bytes of this file are to come: what is there stays", TRAIN.len());
    assert!(message.contains(": cannot write: ") && message.contains(&expected), "{message}");
}

#[test]
fn two_processes_do_not_fetch_one_file() {
    let place = Place::new(three());
    place.write(&place.part(), &TRAIN[..10]);
    let other = std::fs::File::open(place.path(&place.part())).unwrap();
    other.lock().unwrap();
    let message = place.fetch().unwrap_err();
    assert!(message.ends_with(".part: another process is fetching this file"), "{message}");
}
