//! The sets of this repository: every `data/*.toml` can be followed, and says the same to whoever fetches and to whoever trains.

#![allow(missing_docs, reason = "a test")]

use ligo_fetch::{Set, Sets};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
}

fn sets() -> Sets {
    Sets::read(&directory()).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything in a set's file but `[fetch]`.
fn of_experiments(name: &str) -> Table {
    let path = directory().join(name).with_added_extension("toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut table: Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    table.remove("fetch");
    table
}

/// The paths below `data/` that a table names, however deep.
fn paths(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.starts_with("data/") => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(paths).collect(),
        Value::Table(table) => table.values().flat_map(paths).collect(),
        _ => Vec::new(),
    }
}

/// Where the splits of a set go, as an experiment names it.
fn places(set: &Set) -> Vec<String> {
    set.splits.iter().map(|split| format!("data/{}/{}", set.name, split.into.display())).collect()
}

#[test]
fn an_experiment_names_what_is_fetched_and_all_of_it() {
    for set in &sets().sets {
        let mut named = paths(&Value::Table(of_experiments(&set.name)));
        let mut fetched = places(set);
        named.sort();
        fetched.sort();
        assert_eq!(named, fetched, "data/{}.toml", set.name);
    }
}

#[test]
fn a_group_names_the_tasks_of_its_sets() {
    let sets = sets();
    for group in &sets.groups {
        let tasks = |table: Table| table.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
        let table = of_experiments(&group.name);
        if let Some(extended) = table.get("extends") {
            let files: Vec<Value> = group.sets.iter().map(|name| format!("{name}.toml").into()).collect();
            assert_eq!(extended.as_array(), Some(&files), "data/{}.toml", group.name);
            assert!(tasks(table).is_empty(), "data/{}.toml", group.name);
            continue;
        }
        let own = tasks(table);
        assert_eq!(own.len(), group.sets.len(), "data/{}.toml", group.name);
        for (task, name) in own.iter().zip(&group.sets) {
            let mut alone = of_experiments(name);
            match alone.get("data").and_then(|data| data.get("images")) {
                // The same images, to be transferred to.
                Some(Value::Table(images)) => {
                    let keys =
                        [("column", "image_column"), ("label_column", "label_column"), ("num_labels", "num_labels")];
                    for (key, there) in keys.into_iter().chain(["train", "validation"].map(|key| (key, key))) {
                        assert_eq!(task.get(key), images.get(there), "data/{}.toml: {name}: {key}", group.name);
                    }
                }
                _ => assert_eq!(Some(&vec![task.clone()]), alone.remove("tasks").as_ref().and_then(Value::as_array)),
            }
        }
    }
}

#[test]
fn sets_of_one_repository_agree_on_its_revision_and_licence() {
    let sets = sets();
    let mut known: BTreeMap<&str, (&str, &[String])> = BTreeMap::new();
    for set in &sets.sets {
        let told = (&*set.revision, &*set.licence);
        assert_eq!(*known.entry(&set.repository).or_insert(told), told, "data/{}.toml", set.name);
    }
    let glue = ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"];
    let wanted =
        ["cifar10", "cifar100", "flowers102", "stanford-cars", "imagenet-1k", "squad", "squad-v2", "wikipedia", "c4"];
    let found = sets.named(&[&glue[..], &wanted].concat()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), glue.len() + wanted.len());
    assert_eq!(sets.named(&["glue"]).unwrap_or_else(|error| panic!("{error}")).len(), glue.len());
}
