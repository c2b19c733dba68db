//! Checkpoints inspected and spoken to, made here with fresh weights: what is said means nothing, how it is said does.

use crate::tiny::{XTASK, xtask};
use assert_cmd::Command;
use ligo_kernels::Cpu;
use ligo_models::hub::{ExportOptions, export};
use ligo_models::{Family, Head, Model, ModelConfig};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// A directory that holds `gpt2`, `bert` and `vit`, and a Hub's home with nothing in it.
struct Checkpoints {
    directory: tempfile::TempDir,
}

const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "model", "grows", "wider", "and", "deeper", "."];

impl Checkpoints {
    fn new() -> Self {
        let this = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let sizes =
            |family| ModelConfig { vocab_size: 13, max_position_embeddings: 24, ..ModelConfig::new(family, 12, 2, 3) };
        this.make("gpt2", sizes(Family::Gpt2));
        this.make("bert", sizes(Family::Bert));
        this.make("classifier", ModelConfig { head: Some(Head::SequenceClassification), ..sizes(Family::Bert) });
        let vit = ModelConfig::new(Family::Vit, 12, 2, 3);
        this.make("vit", ModelConfig { image_size: Some(8), patch_size: Some(4), num_labels: Some(5), ..vit });
        for (name, frame) in [("gpt2", None), ("bert", Some(("[CLS]", "[SEP]"))), ("classifier", None)] {
            this.write(name, "tokenizer.json", &tokenizer(frame).to_string());
        }
        this
    }

    fn make(&self, name: &str, config: ModelConfig) {
        let model = Model::new(config).expect("sizes that work");
        let parameters = model.fresh(&Cpu::default(), 1).expect("memory");
        export(&self.path(name), &model, &parameters, &ExportOptions::default()).expect("a directory to write to");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, checkpoint: &str, file: &str, text: &str) {
        std::fs::write(self.path(checkpoint).join(file), text).expect("the directory can be written");
    }

    /// `xtask <command> <checkpoint>`, of this directory if it is there.
    fn run(&self, command: &str, checkpoint: &str, rest: &[&str]) -> Output {
        self.command(command, checkpoint, rest).output().expect("the binary runs")
    }

    fn command(&self, command: &str, checkpoint: &str, rest: &[&str]) -> Command {
        let mut xtask = xtask();
        for name in ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN_PATH"] {
            xtask.env_remove(name);
        }
        xtask.env("HF_HOME", self.path("home")).env("HF_ENDPOINT", "http://127.0.0.1:1");
        let here = self.path(checkpoint);
        let checkpoint = if here.exists() { here.display().to_string() } else { checkpoint.to_owned() };
        xtask.current_dir(self.directory.path()).args([command, &checkpoint]).args(rest);
        xtask
    }
}

/// A tokenizer of a few words.
fn tokenizer(frame: Option<(&str, &str)>) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        WORDS.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), Value::from(id))).collect();
    let special = |(content, id): (&str, u32)| json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    let template = frame.map(|(first, last)| {
        let special = |token: &str| json!({ "SpecialToken": { "id": token, "type_id": 0 } });
        let sequence = |name: &str| json!({ "Sequence": { "id": name, "type_id": 0 } });
        let known = |token: &str, id: u32| json!({ "id": token, "ids": [id], "tokens": [token] });
        json!({
            "type": "TemplateProcessing",
            "single": [special(first), sequence("A"), special(last)],
            "pair": [sequence("A"), sequence("B")],
            "special_tokens": { first: known(first, 2), last: known(last, 3) },
        })
    });
    let special: Vec<Value> = WORDS[..5].iter().copied().zip(0..).map(special).collect();
    json!({
        "version": "1.0", "added_tokens": special, "pre_tokenizer": { "type": "Whitespace" }, "post_processor": template,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" },
    })
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one message of a command that fails as it should.
fn message(output: &Output) -> String {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty() && stderr.starts_with("error: "), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn a_checkpoint_is_shown_with_its_spaces() {
    let checkpoints = Checkpoints::new();
    let shown = |name: &str| {
        let text = stdout(&checkpoints.run("inspect", name, &[]));
        assert!(text.lines().skip(1).all(|line| line.chars().count() <= 100), "{text}");
        text.replace(&checkpoints.path(name).display().to_string(), "<directory>")
    };
    insta::assert_snapshot!("inspect_gpt2", shown("gpt2"));
    insta::assert_snapshot!("inspect_vit", shown("vit"));
    let json: Value = serde_json::from_str(&stdout(&checkpoints.run("inspect", "bert", &["--json"]))).expect("JSON");
    assert_eq!(
        (&json["family"], &json["loads"], &json["tokenizer"]["ids"]),
        (&json!("bert"), &json!(true), &json!(12))
    );
}

#[test]
fn text_goes_on_from_its_prompt_and_figures_go_elsewhere() {
    let checkpoints = Checkpoints::new();
    let output =
        checkpoints.run("generate", "gpt2", &["--prompt", "the model", "--max-new-tokens", "8", "--seed", "1"]);
    let text = stdout(&output);
    assert!(text.starts_with("the model ") && text.ends_with('\n') && text.len() > "the model \n".len(), "{text}");
    let figures = stderr(&output);
    assert!(
        figures.starts_with("temperature 0.8, top-k 50, top-p 0.95, seed 1\n8 new tokens (as many as asked for)"),
        "{figures}"
    );
    let greedy = ["--greedy", "--max-new-tokens", "4"];
    let output = checkpoints.run("generate", "gpt2", &[&["--prompt", "the model"], &greedy[..]].concat());
    assert!(stderr(&output).starts_with("always the likeliest token\n4 new tokens"), "{}", stderr(&output));
    let mut piped = checkpoints.command("generate", "gpt2", &[&["--prompt", "-"], &greedy[..]].concat());
    let piped = piped.write_stdin("the model\n").output().expect("the binary runs");
    assert_eq!(stdout(&piped), stdout(&output), "the prompt may come from stdin");

    let samples = |seed: &str| {
        stdout(&checkpoints.run("generate", "gpt2", &["--prompt", "the", "--samples", "2", "--seed", seed]))
    };
    assert_eq!(samples("3"), samples("3"));
    assert!(samples("3").contains("## 1 of 2, seed 3\nthe") && samples("3").contains("\n## 2 of 2, seed 4\nthe"));
    assert_ne!(samples("3"), samples("5"));
}

#[test]
fn the_checkpoints_own_settings_hold_unless_a_flag_says_otherwise() {
    let checkpoints = Checkpoints::new();
    let all: Vec<usize> = (0..13).collect();
    let settings = json!({ "do_sample": true, "temperature": 0.5, "max_new_tokens": 3, "repetition_penalty": 1.2, "eos_token_id": all });
    checkpoints.write("gpt2", "generation_config.json", &settings.to_string());
    let figures = stderr(&checkpoints.run("generate", "gpt2", &["--prompt", "the", "--top-p", "0.9"]));
    let lines: Vec<&str> = figures.lines().collect();
    assert_eq!(lines[0], "generation_config.json asks for what is not built here: repetition_penalty = 1.2");
    assert_eq!(lines[1], "temperature 0.5, top-k 50, top-p 0.9, seed 0");
    assert!(lines[2].starts_with("1 new token (the model ended the text)"), "{figures}");
}

#[test]
fn a_number_of_tokens_may_be_any_and_the_checkpoints_length_counts_the_prompt() {
    let checkpoints = Checkpoints::new();
    let figures = |rest: &[&str]| {
        let arguments = [&["--prompt", "the model grows", "--greedy"], rest].concat();
        let output = checkpoints.run("generate", "gpt2", &arguments);
        assert!(stdout(&output).starts_with("the model grows"));
        stderr(&output).lines().nth(1).unwrap_or_default().to_owned()
    };
    let all = figures(&["--max-new-tokens", "99999999999"]);
    assert!(all.starts_with("22 new tokens (the model has no more positions)"), "{all}");
    checkpoints.write("gpt2", "generation_config.json", r#"{"max_new_tokens": 18446744073709551615}"#);
    assert!(figures(&[]).starts_with("22 new tokens (the model has no more positions)"));
    checkpoints.write("gpt2", "generation_config.json", r#"{"max_length": 5}"#);
    assert!(figures(&[]).starts_with("2 new tokens (as many as asked for)"));
    assert!(figures(&["--max-new-tokens", "4"]).starts_with("4 new tokens (as many as asked for)"));
}

#[test]
fn masks_are_filled_with_tokens_probabilities_and_sentences() {
    let checkpoints = Checkpoints::new();
    let text = stdout(&checkpoints.run("fill-mask", "bert", &["the <mask> grows", "--top", "3"]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for line in lines {
        let (token, rest) = line.split_once(' ').expect("columns");
        assert!(rest.contains(" %  ") && rest.ends_with(&format!("the {token} grows")), "{line}");
    }
    let two = stdout(&checkpoints.run("fill-mask", "bert", &["the [MASK] <mask>", "--top", "1"]));
    assert!(two.starts_with("mask 1 of 2\n") && two.contains("\n\nmask 2 of 2\n"), "{two}");
    let json = stdout(&checkpoints.run("fill-mask", "bert", &["the [MASK] grows", "--top", "2", "--json"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["text"], &json["masks"][0]["position"]), (&json!("the [MASK] grows"), &json!(2)));
    let candidates = json["masks"][0]["candidates"].as_array().expect("a list");
    assert_eq!(candidates.len(), 2);
    assert!(candidates[0]["probability"].as_f64() >= candidates[1]["probability"].as_f64());
}

#[test]
fn what_cannot_be_is_told_in_one_line_with_exit_code_2() {
    let checkpoints = Checkpoints::new();
    checkpoints.write("vit", "keep", "");
    for name in ["endless", "huge"] {
        checkpoints.make(
            name,
            ModelConfig { vocab_size: 13, max_position_embeddings: 24, ..ModelConfig::new(Family::Gpt2, 12, 2, 3) },
        );
        checkpoints.write(name, "tokenizer.json", &tokenizer(None).to_string());
    }
    checkpoints.write("huge", "generation_config.json", r#"{"max_new_tokens": 1e30}"#);
    let endless = checkpoints.path("endless").join("generation_config.json");
    let endless = std::fs::File::create(endless).expect("the directory can be written");
    endless.set_len((1 << 24) + 1).expect("a length");
    let cases: [(&str, &str, &[&str], &[&str]); 19] = [
        ("fill-mask", "gpt2", &["the [MASK]"], &["found gpt2 with the head causal-lm", "`generate` is for this one"]),
        (
            "generate",
            "bert",
            &["--prompt", "the"],
            &["found bert with the head masked-lm", "`fill-mask` is for this one"],
        ),
        ("generate", "vit", &["--prompt", "the"], &["found vit with the head image-classification", "causal-lm"]),
        ("fill-mask", "classifier", &["[MASK]"], &["found bert with the head sequence-classification", "masked-lm"]),
        ("fill-mask", "bert", &["the model"], &["text: found no mask, expected at least one, written [MASK]"]),
        (
            "generate",
            "gpt2",
            &["--prompt", &"the ".repeat(25)],
            &["prompt: found 25 tokens, expected at most 24 (max_position_embeddings)"],
        ),
        (
            "fill-mask",
            "bert",
            &[&"[MASK] ".repeat(25)],
            &["text: found 27 tokens, expected at most 24 (max_position_embeddings)"],
        ),
        ("generate", "gpt2", &["--prompt", "the", "--top-p", "1.5"], &["top_p: found 1.5"]),
        ("generate", "gpt2", &["--prompt", "the", "--top-p", "-1"], &["top_p: found -1, expected a number above 0"]),
        (
            "generate",
            "gpt2",
            &["--prompt", "the", "--temperature", "-1"],
            &["temperature: found -1, expected a finite number of at least 0"],
        ),
        ("generate", "endless", &["--prompt", "the"], &["endless/generation_config.json: found 16777217 bytes"]),
        ("generate", "huge", &["--prompt", "the"], &["generation_config.json: max_new_tokens: found 1e+30, expected"]),
        ("inspect", "hf://m/llama", &[], &["error: hf://m/llama: the Hub cannot be reached ("]),
        ("inspect", "m/llama", &[], &["error: m/llama: no such directory here, the Hub cannot be reached ("]),
        ("generate", "gpt2", &["--prompt", "the", "--temperature", "0", "--samples", "2"], &["--samples: found 2"]),
        ("inspect", "gpt2", &["--sequence-length", "25"], &["sequence length: found 25, expected 1 to 24"]),
        (
            "inspect",
            "nowhere",
            &[],
            &["nowhere: found no such file or directory, expected a directory with config.json"],
        ),
        ("inspect", "home2", &[], &["home2: found no such file or directory"]),
        (
            "inspect",
            "owner/name",
            &[],
            &["the Hub cannot be reached (", "owner/name is not in the cache", "home/hub", "hf download owner/name"],
        ),
    ];
    for (command, checkpoint, rest, expected) in cases {
        let message = message(&checkpoints.run(command, checkpoint, rest));
        for part in expected {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }
    assert!(!checkpoints.path("home").exists(), "nothing is written");
}

#[test]
fn a_nan_is_named_and_let_through_by_a_flag_alone() {
    let checkpoints = Checkpoints::new();
    let path = checkpoints.path("gpt2").join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("it was written");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, bytes).expect("the directory can be written");
    let arguments = ["--prompt", "the", "--greedy", "--max-new-tokens", "1"];
    let message = message(&checkpoints.run("generate", "gpt2", &arguments));
    assert!(message.contains("NaN") && message.ends_with("; `--allow-nan` lets them through\n"), "{message}");
    let output =
        checkpoints.command("generate", "gpt2", &arguments).arg("--allow-nan").output().expect("the binary runs");
    assert!(output.status.success(), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_device_in_place_of_a_tokenizer_is_told_and_not_read() {
    let checkpoints = Checkpoints::new();
    let path = checkpoints.path("gpt2").join("tokenizer.json");
    std::fs::remove_file(&path).expect("it was written");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("the directory can be written");
    let found = "found a pipe or a device, expected a file";
    let message = message(&checkpoints.run("generate", "gpt2", &["--prompt", "the"]));
    assert_eq!(message, format!("error: {}: {found}\n", path.display()));
    let json = stdout(&checkpoints.run("inspect", "gpt2", &["--json"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["tokenizer"]["fits"], &json["tokenizer"]["problem"]), (&json!(false), &json!(found)));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_text_with_130_and_a_whole_line() {
    use std::io::Read;
    let checkpoints = Checkpoints::new();
    let sizes =
        ModelConfig { vocab_size: 13, max_position_embeddings: 20_000, ..ModelConfig::new(Family::Gpt2, 48, 6, 3) };
    checkpoints.make("long", sizes);
    checkpoints.write("long", "tokenizer.json", &tokenizer(None).to_string());
    checkpoints.write("long", "generation_config.json", r#"{"max_new_tokens": 19000}"#);
    let mut process = std::process::Command::new(XTASK);
    process.args([Path::new("generate"), &checkpoints.path("long")]).args(["--prompt", "the model"]);
    let mut process = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut output = process.stdout.take().expect("it is piped");
    let mut start = [0; 30];
    output.read_exact(&mut start).expect("text comes as it is made");
    let kill = std::process::Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("text");
    let ended = process.wait_with_output().expect("it can be waited for");
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    assert!(rest.ends_with('\n') && stderr(&ended).contains("new tokens (stopped)"), "{}", stderr(&ended));
}
