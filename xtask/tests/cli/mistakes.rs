//! Bad input: exit code 2 and one message that names the place, what was found and what was expected.

use crate::tiny::{Tiny, xtask};
use std::process::Output;

/// The one message of a run that fails as it should.
fn message(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(stderr.starts_with("error: "), "{stderr}");
    for noise in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!stderr.contains(noise), "{stderr}");
    }
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    stderr
}

fn assert_contains(message: &str, expected: &[&str]) {
    for part in expected {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[test]
fn an_unknown_experiment_is_told_with_the_nearest_one() {
    let output = xtask().args(["run", "quickstrat", "--quiet"]).output().expect("the binary runs");
    assert_contains(&message(&output), &["'quickstrat'", "'quickstart'"]);
    let output = xtask().args(["show", "nowhere/mine.toml"]).output().expect("the binary runs");
    assert_contains(&message(&output), &["nowhere/mine.toml", "no such file"]);
}

#[test]
fn a_mistake_in_the_experiment_ends_before_anything_is_written() {
    let tiny = Tiny::new();
    for (set, expected) in [
        ("training.lerning_rate=1e-3", &["lerning_rate", "learning_rate"][..]),
        ("training.steps=many", &["training.steps", "many"]),
        ("large.num_attention_heads=3", &["hidden_size", "32", "3"]),
        ("large.hidden_size=8", &["hidden_size", "8", "16"]),
        ("large.vocab_size=290", &["vocab_size", "290", "300"]),
        ("methods.ligo.stps=3", &["stps", "steps"]),
        ("seeds", &["seeds"]),
    ] {
        let output = tiny.xtask("run").args(["--quiet", "--set", set]).output().expect("the binary runs");
        assert_contains(&message(&output), expected);
        assert!(!tiny.path("results").exists(), "{set}");
    }
}

#[test]
fn text_that_cannot_be_used_is_told_with_its_file() {
    let tiny = Tiny::new();
    tiny.write_parquet("empty.parquet", "text", &[]);
    tiny.write_parquet("short.parquet", "text", &["too short".into()]);
    tiny.write_parquet("other.parquet", "txt", &["a text in another column".into()]);
    let whole = std::fs::read(tiny.path("train.parquet")).expect("it was written");
    std::fs::write(tiny.path("truncated.parquet"), &whole[..whole.len() / 2]).expect("the directory can be written");
    for (file, expected) in [
        ("missing.parquet", &["missing.parquet", "no such file"][..]),
        ("empty.parquet", &["empty.parquet", "no text"]),
        ("short.parquet", &["short.parquet", "shorter than one block"]),
        ("other.parquet", &["other.parquet", "`text`", "`txt`"]),
        ("truncated.parquet", &["truncated.parquet", "expected a complete Parquet file"]),
    ] {
        let set = format!("data.validation=[{:?}]", tiny.path(file).display().to_string());
        let output = tiny.xtask("run").args(["--quiet", "--set", &set]).output().expect("the binary runs");
        assert_contains(&message(&output), expected);
    }
}

#[test]
fn a_results_directory_that_cannot_be_made_is_told_with_its_path() {
    let tiny = Tiny::new();
    std::fs::write(tiny.path("results"), "a file").expect("the directory can be written");
    let output = tiny.xtask("run").arg("--quiet").output().expect("the binary runs");
    assert_contains(&message(&output), &["results"]);
}

#[test]
fn a_report_of_nothing_says_that_there_is_no_run() {
    let tiny = Tiny::new();
    let output = tiny.xtask("report").output().expect("the binary runs");
    assert_contains(&message(&output), &["no finished run of tiny"]);
}

#[test]
fn a_peer_without_an_interpreter_says_how_to_make_one() {
    for (what, install) in [("step", "pip install torch"), ("models", "crates/models/tests/fixtures/requirements.txt")]
    {
        let arguments = ["bench", what, "--peer", "pytorch", "--python", "/nowhere/python"];
        let output = xtask().args(arguments).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_contains(&message, &["/nowhere/python", install]);
    }
}

#[test]
fn a_family_that_is_not_measured_is_told_with_those_that_are() {
    let output = xtask().args(["bench", "models", "--only", "gpt2,gpt3"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_contains(&message, &["'gpt3'", "gpt2, bert, roberta"]);
}
