//! Bytes that nobody meant as a checkpoint, or meant to harm: reading them never panics, and takes no memory beyond the size of
//! the files and a constant.
//!
//! Each test tries some thousands of inputs, `PROPTEST_CASES` of them if that is set. It is a program of its own because it counts
//! what it allocates.

mod mutations;

use ligo_kernels::Cpu;
use ligo_models::hub::{self, ExportOptions, LoadOptions};
use mutations::{Mutation, mutated, mutations};
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What looking at any checkpoint takes beyond the size of its files: a model of two layers, paths, messages.
const CONSTANT: usize = 160 << 10;

/// The allocator counts for all threads, so that one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3000);
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Does everything that can be done with a checkpoint, and says whether it could be loaded.
fn look_at(directory: &Path) -> bool {
    let Ok(checkpoint) = hub::open(directory) else { return false };
    let tensors = checkpoint.tensors().map(|tensor| tensor.bytes).max();
    let (missing, unexpected) = (checkpoint.missing(), checkpoint.unexpected());
    let loaded = checkpoint.load(&Cpu::default(), &LoadOptions::default());
    if let (Ok(_), Ok(missing), Ok(unexpected)) = (&loaded, missing, unexpected) {
        assert!(tensors > Some(0) && missing.is_empty() && unexpected.iter().all(|remark| remark.harmless));
    }
    loaded.is_ok()
}

/// Bytes in all files of a directory.
fn size(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| fs::metadata(entry.path()).unwrap().len() as usize).sum()
}

/// Runs [`look_at`]; returns what it said and the most memory it held at a time.
fn measured(directory: &Path) -> (bool, usize) {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let loaded = look_at(directory);
    (loaded, ALLOCATED.peak_usage().saturating_sub(before))
}

/// A directory in which one file is replaced again and again.
struct Target {
    directory: tempfile::TempDir,
    file: &'static str,
    original: Vec<u8>,
    /// Where mutations take place.
    mutable: usize,
}

impl Target {
    /// A copy of a fixture.
    fn of_fixture(name: &str, file: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(fixtures().join(name).join(file), directory.path().join(file)).unwrap();
        }
        Self::new(directory, file)
    }

    /// A fixture in shards.
    fn of_shards(name: &str, file: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = hub::open(&fixtures().join(name)).unwrap();
        let (model, parameters) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
        let options = ExportOptions { from: Some(&checkpoint), shard_bytes: 6000, ..ExportOptions::default() };
        hub::export(directory.path(), &model, &parameters, &options).unwrap();
        Self::new(directory, file)
    }

    fn new(directory: tempfile::TempDir, file: &'static str) -> Self {
        let original = fs::read(directory.path().join(file)).unwrap();
        let mutable = match original.first_chunk() {
            Some(length) if file.ends_with(".safetensors") => 8 + u64::from_le_bytes(*length) as usize,
            _ => original.len(),
        };
        assert!(look_at(directory.path()), "the original has to be good");
        Self { directory, file, original, mutable }
    }

    /// Puts bytes in the file's place and looks at the checkpoint.
    fn check(&self, bytes: &[u8], figures: &Figures) -> Result<(), TestCaseError> {
        let directory = self.directory.path();
        // Writing over a file can make the system wait for the disk.
        fs::remove_file(directory.join(self.file)).unwrap();
        fs::write(directory.join(self.file), bytes).unwrap();
        let (loaded, taken) = measured(directory);
        let excess = taken.saturating_sub(size(directory));
        figures.loaded.set(figures.loaded.get() + usize::from(loaded));
        figures.excess.set(figures.excess.get().max(excess));
        prop_assert!(excess <= CONSTANT, "{taken} bytes taken, {excess} more than the files have");
        Ok(())
    }
}

#[derive(Default)]
struct Figures {
    loaded: Cell<usize>,
    /// The most bytes that were taken beyond the files' size.
    excess: Cell<usize>,
}

/// Half of the inputs are raw bytes, half are originals with some mutations.
fn try_all(what: &str, targets: &[Target]) {
    let figures = Figures::default();
    let raw = (any::<Index>(), prop::collection::vec(any::<u8>(), 0..300), any::<bool>());
    let raw = raw.prop_map(|(target, bytes, framed)| (target, Input::Raw { bytes, framed }));
    let changed = (any::<Index>(), mutations()).prop_map(|(target, mutations)| (target, Input::Mutated(mutations)));
    let mut runner = runner();
    runner
        .run(&prop_oneof![1 => raw, 3 => changed], |(target, input)| {
            let target = target.get(targets);
            target.check(&input.bytes(target), &figures)
        })
        .unwrap();
    let Figures { loaded, excess } = figures;
    eprintln!(
        "{what}: {} inputs, {} of them loaded, at most {} bytes beyond the files' size",
        runner.config().cases,
        loaded.get(),
        excess.get()
    );
}

#[derive(Debug, Clone)]
enum Input {
    /// Bytes as they are, or (where the file is one of tensors) behind their length.
    Raw {
        bytes: Vec<u8>,
        framed: bool,
    },
    Mutated(Vec<Mutation>),
}

impl Input {
    fn bytes(&self, target: &Target) -> Vec<u8> {
        match self {
            Self::Raw { bytes, framed: true } if target.file.ends_with(".safetensors") => {
                [&(bytes.len() as u64).to_le_bytes(), &bytes[..]].concat()
            }
            Self::Raw { bytes, .. } => bytes.clone(),
            Self::Mutated(mutations) => mutated(&target.original, target.mutable, mutations),
        }
    }
}

#[test]
fn no_configuration_takes_more_than_its_files() {
    let _alone = alone();
    let names = [
        "bert-base-plain",
        "bert-regression-odd",
        "roberta-masked-lm-plain",
        "gpt2-odd",
        "llama-rope-longrope",
        "llama-rope-yarn-options",
        "mistral-window",
        "qwen2-window",
        "qwen3-plain",
        "vit-odd",
        "deit-teacher-plain",
        "timm-vit-odd",
        "timm-deit-plain",
        "timm-cait-odd",
    ];
    try_all("config.json", &names.map(|name| Target::of_fixture(name, "config.json")));
}

#[test]
fn no_index_takes_more_than_its_files() {
    let _alone = alone();
    let names = ["llama-tied", "gpt2-plain"];
    try_all("index", &names.map(|name| Target::of_shards(name, "model.safetensors.index.json")));
}

#[test]
fn no_header_takes_more_than_its_files() {
    let _alone = alone();
    let names = ["llama-tied", "bert-base-no-pooler-plain", "timm-vit-plain"];
    try_all("model.safetensors", &names.map(|name| Target::of_fixture(name, "model.safetensors")));
}

/// Texts that are as small as can be for what they make a reader build.
fn dense(file: &str, bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let fill =
        |start: &str, part: &str, end: &str| format!("{start}{}{end}", part.repeat(bytes / part.len())).into_bytes();
    let numbered = |start: &str, part: fn(usize) -> String, end: &str| {
        let mut text = start.to_owned();
        (0..)
            .take_while(|i| {
                text.push_str(&part(*i));
                text.len() < bytes
            })
            .for_each(drop);
        format!("{}{end}", text.trim_end_matches(',')).into_bytes()
    };
    let framed = |json: Vec<u8>| [&(json.len() as u64).to_le_bytes(), &json[..]].concat();
    match file {
        "config.json" => vec![
            ("numbers", fill("{\"model_type\":\"bert\",\"x\":[", "0,", "0]}")),
            ("lists", fill("{\"model_type\":\"bert\",\"x\":[", "[],", "0]}")),
            ("keys", numbered("{\"model_type\":\"bert\",", |i| format!("\"{i}\":0,"), "}")),
            ("open lists", fill("", "[", "")),
        ],
        "model.safetensors.index.json" => vec![
            ("shards", numbered("{\"weight_map\":{", |i| format!("\"{i}\":\"{i}.safetensors\","), "}}")),
            ("passed over", fill("{\"x\":[", "0,", "0],\"weight_map\":{}}")),
        ],
        _ => vec![
            (
                "tensors",
                framed(numbered(
                    "{",
                    |i| format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]}},"),
                    "}",
                )),
            ),
            (
                "empty tensors",
                framed(numbered(
                    "{",
                    |i| format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},"),
                    "}",
                )),
            ),
            ("sizes", framed(fill("{\"a\":{\"dtype\":\"U8\",\"shape\":[", "0,", "0],\"data_offsets\":[0,0]}}"))),
            ("metadata", framed(numbered("{\"__metadata__\":{", |i| format!("\"{i}\":\"\","), "}}"))),
            ("spaces", framed(fill("{", " ", "}"))),
            (
                "layers",
                framed(numbered(
                    "{",
                    |i| format!("\"h.{}.{}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},", i / 8, i % 8),
                    "}",
                )),
            ),
        ],
    }
}

#[test]
fn large_files_take_a_small_multiple_of_their_size() {
    let _alone = alone();
    let targets = [
        Target::of_fixture("gpt2-plain", "config.json"),
        Target::of_shards("llama-tied", "model.safetensors.index.json"),
        Target::of_fixture("gpt2-plain", "model.safetensors"),
    ];
    for target in targets {
        for (what, bytes) in dense(target.file, 1 << 20) {
            fs::write(target.directory.path().join(target.file), &bytes).unwrap();
            let (loaded, taken) = measured(target.directory.path());
            let times = taken as f64 / size(target.directory.path()) as f64;
            eprintln!("{} of {what}: {times:.2} times the files' size", target.file);
            // JSON that is kept as it is takes the most, which is why a configuration has a longest length.
            let most = if target.file == "config.json" { 25.0 } else { 8.0 };
            assert!(!loaded && times < most, "{} of {what}: {times}", target.file);
        }
    }
}

#[test]
fn four_thousand_layers_are_not_built_for_a_configuration_of_a_few_bytes() {
    let _alone = alone();
    let target = Target::of_fixture("gpt2-plain", "config.json");
    let text = String::from_utf8(target.original.clone()).unwrap().replace("\"n_layer\": 2", "\"n_layer\": 4096");
    assert_ne!(text.as_bytes(), target.original);
    target.check(text.as_bytes(), &Figures::default()).unwrap();
}

/// So that the strategies are used alike by all.
fn tokens() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "null",
            "true",
            "false",
            "[",
            "]",
            "{",
            "}",
            "\"",
            ",",
            ":",
            "-1",
            "0",
            "1",
            "1e400",
            "-1e-400",
            "0.5",
            "4096",
            "16777216",
            "4294967296",
            "9007199254740993",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "\\u0000",
            "\\ud800",
            "\"\"",
            "[[[[[[[[",
            "\"F16\"",
            "\"BF16\"",
            "\"I64\"",
            "\"BOOL\"",
            "[]",
            "{}",
            "../",
            "\u{fffd}",
        ][..],
    )
}
