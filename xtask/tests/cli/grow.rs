//! A checkpoint grown, and what is said where it cannot be.

use crate::tiny::{Tiny, XTASK, xtask};
use ligo_kernels::Cpu;
use ligo_models::hub::{ExportOptions, export, open};
use ligo_models::{Family, Model, ModelConfig};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// A directory with the checkpoints `gpt2` and `vit`, and text.
struct Place {
    tiny: Tiny,
}

impl Place {
    fn new() -> Self {
        let this = Self { tiny: Tiny::new() };
        let gpt2 =
            ModelConfig { vocab_size: 40, max_position_embeddings: 64, ..ModelConfig::new(Family::Gpt2, 16, 2, 2) };
        this.make("gpt2", gpt2);
        let words =
            ["[UNK]", "<|endoftext|>", "the", "model", "grows", "wider", "and", "deeper", "while", "its", "weights"];
        let vocabulary: serde_json::Map<String, Value> =
            words.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), Value::from(id))).collect();
        let tokenizer = json!({
            "version": "1.0", "added_tokens": [], "pre_tokenizer": { "type": "Whitespace" },
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" },
        });
        std::fs::write(this.path("gpt2/tokenizer.json"), tokenizer.to_string()).expect("the directory can be written");
        let vit = ModelConfig::new(Family::Vit, 8, 1, 2);
        this.make("vit", ModelConfig { image_size: Some(8), patch_size: Some(4), num_labels: Some(5), ..vit });
        this
    }

    fn make(&self, name: &str, config: ModelConfig) {
        let model = Model::new(config).expect("sizes that work");
        let parameters = model.fresh(&Cpu::default(), 1).expect("memory");
        export(&self.path(name), &model, &parameters, &ExportOptions::default()).expect("a directory to write to");
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.tiny.path(name)
    }

    /// `xtask grow` of a checkpoint here, in this directory.
    fn grow(&self, checkpoint: &str, rest: &[&str]) -> Output {
        let mut xtask = xtask();
        xtask.current_dir(self.path("")).args(["grow", "--threads", "1", "--from", checkpoint]).args(rest);
        xtask.output().expect("the binary runs")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const TWICE: [&str; 4] = ["--hidden-size", "32", "--layers", "4"];

#[test]
fn help_reads_like_a_manual() {
    let output = xtask().args(["grow", "--help"]).output().expect("the binary runs");
    insta::assert_snapshot!("help_grow", stdout(&output));
}

#[test]
fn a_checkpoint_grows_by_a_fixed_and_by_a_learnt_operator_and_an_experiment_trains_it_on() {
    let place = Place::new();
    let text = stdout(&place.grow("gpt2", &[&["--method", "direct-copy", "--out", "copied"], &TWICE[..]].concat()));
    for part in [
        "before   2 layers × 16 channels, 2 heads, MLP 64: ",
        "after    4 layers × 32 channels, 4 heads, MLP 128: ",
        "receipt  the function is not kept: largest difference of logits ",
        "wrote    copied",
        "as experiments/copied.toml, then cargo xtask run copied:\n\nextends = \"bases/continue.toml\"\n[small]\ncheckpoint = ",
        "model = AutoModelForCausalLM.from_pretrained(",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    assert_eq!(open(&place.path("copied")).expect("a checkpoint").config().hidden_size, 32);

    let learn =
        ["--method", "ligo", "--data", "train.parquet", "--steps", "3", "--batch-size", "2", "--sequence-length", "16"];
    let learn = [&learn[..], &["--save-factors", "--out", "learnt"], &TWICE].concat();
    let text = stdout(&place.grow("gpt2", &learn));
    assert!(text.contains(" before, ") && text.contains("\nlearning 0: "), "{text}");
    assert!(place.path("learnt/factors.safetensors").is_file());
    let card = std::fs::read_to_string(place.path("learnt/README.md")).expect("a card");
    assert!(card.contains("cargo xtask grow --threads 1 --from gpt2 --method ligo --data train.parquet"), "{card}");

    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/bases/continue.toml");
    let toml = format!("extends = {base:?}\n[small]\ncheckpoint = {:?}\n", place.path("learnt"));
    std::fs::write(place.path("tiny.toml"), toml).expect("the directory can be written");
    let path = |name: &str| place.path(name).display().to_string();
    let (train, validation) = (path("train.parquet"), path("validation.parquet"));
    let set = [
        "data={sequence_length=16}".to_owned(),
        format!("data.train=[{train:?}]"),
        format!("data.validation=[{validation:?}]"),
        "training.steps=4".into(),
        "training.batch_size=2".into(),
        "training.warmup_steps=1".into(),
        "evaluation={every=2,batches=1}".into(),
    ];
    let mut run = place.tiny.xtask("run");
    run.args(["--quiet", "--threads", "1"]).args(set.iter().flat_map(|set| ["--set", set]));
    let output = run.output().expect("the binary runs");
    assert!(stdout(&output).contains("continue"), "{}", stdout(&output));
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let place = Place::new();
    let before = place.names();
    let dry = ["--method", "ligo", "--data", "train.parquet", "--dry-run", "--out", "grown"];
    let text = stdout(&place.grow("gpt2", &[&dry[..], &TWICE].concat()));
    for part in ["learning 100 steps of 8 × 64 tokens", "memory   ", "time     about 0:0", "nothing was written now"] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    assert_eq!(place.names(), before);
}

/// Models large enough that a second copy of the weights would not fit into what is said.
#[test]
fn learning_takes_no_more_memory_than_a_dry_run_says() {
    let place = Place::new();
    let sizes =
        ModelConfig { vocab_size: 40, max_position_embeddings: 64, ..ModelConfig::new(Family::Gpt2, 512, 6, 8) };
    place.make("large", sizes);
    std::fs::copy(place.path("gpt2/tokenizer.json"), place.path("large/tokenizer.json")).expect("a tokenizer");
    let learn = ["--method", "ligo", "--data", "train.parquet", "--steps", "1", "--batch-size", "2"];
    let larger = ["--sequence-length", "16", "--hidden-size", "768", "--layers", "12", "--out", "grown"];
    let megabytes = |dry: &[&str]| {
        let text = stdout(&place.grow("large", &[&learn[..], &larger, dry].concat()));
        let before = text.split(" MB at the most").next().filter(|before| before.len() < text.len());
        before.and_then(|before| before.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let said = megabytes(&["--dry-run"]).expect("a dry run says it in megabytes at this size");
    // Where the system says what a process has had at the most.
    if let Some(taken) = megabytes(&[]) {
        assert!(taken <= said, "{taken} MB, not {said}");
        // The large weights (343 MB) are there, and with them the small ones.
        assert!(taken > 420, "{taken} MB is less than the weights are");
    }
}

#[test]
fn what_cannot_be_is_told_in_one_message_with_exit_code_2_and_nothing_is_left() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("taken/x")).expect("the directory can be written");
    let before = place.names();
    let copy = ["--method", "direct-copy", "--out", "out"];
    let cases: Vec<(&str, Vec<&str>, Vec<&str>)> = vec![
        (
            "gpt2",
            [&["--method", "direct-copy", "--out", "taken"], &TWICE[..]].concat(),
            vec!["--out: found taken (a directory that is not empty)", "another --out"],
        ),
        (
            "gpt2",
            [&copy[..], &["--hidden-size", "8"]].concat(),
            vec!["hidden_size: the large model has 8, expected at least 16"],
        ),
        (
            "gpt2",
            [&copy[..], &["--hidden-size", "36"]].concat(),
            vec!["--hidden-size: found 36, expected a multiple of 8"],
        ),
        ("gpt2", copy.to_vec(), vec!["the target: found the source's own sizes"]),
        ("gpt2", [&copy[..], &["--to", "vit"]].concat(), vec!["family: the large model has vit, expected gpt2"]),
        ("gpt2", [&copy[..], &TWICE, &["--set", "x=1"]].concat(), vec!["method direct-copy: option x: unknown"]),
        (
            "gpt2",
            [&["--method", "direct-cpoy", "--out", "out"], &TWICE[..]].concat(),
            vec!["no method is called 'direct-cpoy', did you mean 'direct-copy'?"],
        ),
        (
            "gpt2",
            [&["--method", "scratch", "--out", "out"], &TWICE[..]].concat(),
            vec!["method scratch: it begins with", "expected a method that can: ligo"],
        ),
        ("gpt2", [&["--method", "stackbert", "--out", "out"], &TWICE[..]].concat(), vec!["method stackbert: "]),
        (
            "gpt2",
            [&["--method", "ligo", "--out", "out"], &TWICE[..]].concat(),
            vec!["there is no --data", "--data text.parquet --column text`"],
        ),
        (
            "vit",
            [&["--method", "ligo", "--out", "out", "--data", "train.parquet"], &TWICE[..]].concat(),
            vec!["--data: found text (train.parquet), expected images"],
        ),
        ("nowhere", [&copy[..], &TWICE].concat(), vec!["nowhere: found no such file or directory"]),
    ];
    let mut wrong = String::new();
    for (checkpoint, arguments, expected) in cases {
        let output = place.grow(checkpoint, &arguments);
        let message = stderr(&output);
        let one =
            output.status.code() == Some(2) && output.stdout.is_empty() && message.trim_end().lines().count() == 1;
        if !one || !message.starts_with("error: ") || expected.iter().any(|part| !message.contains(part)) {
            wrong += &format!("{arguments:?}: expected {expected:?}, found: {message}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(place.names(), before);
}

/// Whether a checkpoint of step 1 or more lies below.
#[cfg(unix)]
fn has_learnt(partial: &Path) -> bool {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let files = entries(partial).flat_map(|learning| entries(&learning.path()).collect::<Vec<_>>());
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("step-") && name.ends_with(".safetensors") && !name.contains("-0000000000."))
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_learnt_and_the_same_command_goes_on() {
    use std::io::{BufRead, BufReader};
    let place = Place::new();
    let arguments = ["grow", "--threads", "1", "--from", "gpt2", "--method", "ligo", "--data", "train.parquet"];
    let steps = ["--steps", "600", "--batch-size", "2", "--out", "grown", "--checkpoint-every", "0"];
    let arguments = [&arguments[..], &steps, &TWICE].concat();
    let mut process = std::process::Command::new(XTASK);
    process.current_dir(place.path("")).args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = process.spawn().expect("the binary runs");
    let lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("600 steps")), "learning begins");
    // Before the first step there is nothing to go on from.
    while !has_learnt(&place.path("grown.partial")) {
        assert!(process.try_wait().expect("it can be asked").is_none(), "it ended before anyone stopped it");
        std::thread::sleep(Duration::from_millis(1));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(process.wait().expect("it can be waited for").code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("what was learnt is kept in grown.partial")), "{rest:?}");
    assert!(place.path("grown.partial").is_dir() && !place.path("grown").exists());

    let again = xtask().current_dir(place.path("")).args(&arguments).output().expect("the binary runs");
    assert!(again.status.success() && stderr(&again).contains("learn-operator goes on at step "), "{}", stderr(&again));
    assert!(place.path("grown/model.safetensors").is_file() && !place.path("grown.partial").exists());
}
