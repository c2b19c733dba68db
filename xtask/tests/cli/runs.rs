//! A run from its file to its table, and what the other commands make of it.

use crate::tiny::{Tiny, events};

fn stdout(output: std::process::Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn an_experiment_runs_once_and_is_kept_listed_shown_and_reported_afterwards() {
    let tiny = Tiny::new();
    let before = stdout(tiny.xtask("show").output().expect("the binary runs"));
    for part in ["title = \"Tiny\"", "large model", "memory", "time", "learn-operator", "FLOPs"] {
        assert!(before.contains(part), "{part:?} is missing in:\n{before}");
    }
    assert!(!tiny.path("results").exists(), "show writes nothing");

    let output = tiny.xtask("run").arg("--quiet").output().expect("the binary runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = stdout(output);
    for part in ["scratch", "direct-copy", "ligo", "stackbert", "FLOPs saved", "results/tiny/report.html"] {
        assert!(table.contains(part), "{part:?} is missing in:\n{table}");
    }
    for file in [
        "table.md",
        "metrics.parquet",
        "summary.json",
        "loss-flops.svg",
        "loss-flops-dark.svg",
        "loss-wall.svg",
        "report.html",
        "experiment.resolved.toml",
    ] {
        assert!(tiny.path("results/tiny").join(file).is_file(), "{file} was not written");
    }

    let summary = tiny.summary();
    let again = tiny.xtask("run").arg("--json").output().expect("the binary runs");
    assert!(again.status.success());
    assert_eq!(events(&again.stdout, "run-kept").len(), 5, "the small model and four rows");
    assert!(events(&again.stdout, "run-started").is_empty());
    assert_eq!(events(&again.stdout, "finished")[0]["summary"]["metrics"], summary["metrics"]);
    assert_eq!(tiny.summary(), summary);

    std::fs::remove_file(tiny.path("results/tiny/table.md")).expect("it is there");
    let reported = stdout(tiny.xtask("report").output().expect("the binary runs"));
    assert_eq!(reported, table);
    assert!(tiny.path("results/tiny/table.md").is_file());
    assert_eq!(tiny.summary(), summary);
}

#[test]
fn a_log_gets_lines_and_a_change_does_again_just_what_depends_on_it() {
    let tiny = Tiny::new();
    let output = tiny.xtask("run").args(["--set", "training.steps=10"]).output().expect("the binary runs");
    assert!(output.status.success());
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in
        ["data:", "run 1 of 5", "scratch: train, 10 steps", "ligo: learn-operator", "ligo: done, validation loss"]
    {
        assert!(log.contains(part), "{part:?} is missing in:\n{log}");
    }
    assert!(!log.contains('\u{1b}'), "no colours in a file:\n{log}");

    let changed = ["--json", "--set", "training.steps=10", "--set", "methods.ligo.steps=5"];
    let output = tiny.xtask("run").args(changed).output().expect("the binary runs");
    assert!(output.status.success());
    assert_eq!(events(&output.stdout, "run-kept").len(), 4);
    let started = events(&output.stdout, "run-started");
    assert_eq!(started.len(), 1);
    assert_eq!(started[0]["label"], "ligo");
    let stale = events(&output.stdout, "stale");
    assert!(stale.iter().any(|event| event["after"] == "5"), "{stale:?}");
}
