//! An experiment of seconds, in a directory of its own.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(crate) const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

const TOML: &str = r#"
title = "Tiny"
description = "an experiment of seconds"
threads = 1

[data]
train = ["TRAIN"]
validation = ["VALIDATION"]
sequence_length = 16

[data.tokenizer]
vocab_size = 300

[small]
family = "gpt2"
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2

[large]
family = "gpt2"
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 4

[training]
steps = 60
batch_size = 8
learning_rate = 3e-3
warmup_steps = 5

[evaluation]
every = 10
batches = 2

[[methods]]
method = "scratch"

[[methods]]
method = "stackbert"

[[methods]]
method = "direct-copy"

[[methods]]
method = "ligo"
steps = 10
"#;

/// A temporary directory with `tiny.toml`, its text, and room for data and results.
pub(crate) struct Tiny {
    directory: tempfile::TempDir,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tiny = Self { directory };
        for (name, first) in [("train.parquet", 0), ("validation.parquet", 5000)] {
            let rows: Vec<String> = (first..first + 300).map(sentence).collect();
            tiny.write_parquet(name, "text", &rows);
        }
        let path = |name| tiny.path(name).display().to_string();
        let toml = TOML.replace("TRAIN", &path("train.parquet")).replace("VALIDATION", &path("validation.parquet"));
        std::fs::write(tiny.path("tiny.toml"), toml).expect("the directory can be written");
        tiny
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write_parquet(&self, name: &str, column: &str, rows: &[String]) {
        ligo_data::write_text_parquet(&self.path(name), column, rows).expect("the directory can be written");
    }

    /// `xtask <command> tiny.toml` with results and data in this directory.
    pub(crate) fn arguments(&self, command: &str) -> Vec<String> {
        let path = |name| self.path(name).display().to_string();
        [command, &path("tiny.toml"), "--results", &path("results"), "--data", &path("data")].map(String::from).to_vec()
    }

    pub(crate) fn xtask(&self, command: &str) -> Command {
        let mut xtask = xtask();
        xtask.args(self.arguments(command));
        xtask
    }

    /// A run that writes a checkpoint at each step, and its events to stdout.
    pub(crate) fn process(&self) -> std::process::Command {
        let mut command = std::process::Command::new(XTASK);
        command.args(self.arguments("run")).args(["--json", "--checkpoint-every", "0"]);
        command
    }

    /// What `summary.json` says apart from the clock and the machine.
    pub(crate) fn summary(&self) -> Value {
        let path = self.path("results/tiny/summary.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut summary: Value = serde_json::from_str(&text).expect("JSON");
        let object = summary.as_object_mut().expect("an object");
        for clock in ["timing", "provenance"] {
            object.remove(clock).unwrap_or_else(|| panic!("summary.json has no {clock}"));
        }
        // The text lies in another temporary directory each time.
        summary["data"]["name"].take();
        summary
    }
}

/// The binary, with nothing of the environment that changes what it prints.
pub(crate) fn xtask() -> Command {
    let mut command = Command::new(XTASK);
    for name in ["COLUMNS", "LIGO_LOG", "NO_COLOR", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// The events of a `--json` run by their name.
pub(crate) fn events(stdout: &[u8], name: &str) -> Vec<Value> {
    let lines = String::from_utf8_lossy(stdout);
    let events =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{line}: {e}")));
    events.filter(|event| event["event"] == name).collect()
}

/// A sentence with something to learn in it.
fn sentence(number: u64) -> String {
    const WORDS: [&str; 16] = [
        "the", "model", "grows", "wider", "and", "deeper", "while", "its", "weights", "stay", "small", "layers",
        "learn", "from", "text", "again",
    ];
    let mut state = number;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[(state >> 33) as usize % WORDS.len()]
    };
    (0..12).map(|_| word()).collect::<Vec<_>>().join(" ")
}
