//! The corpus of the crates' documentation, made from a workspace whose one dependency lies beside it.

use ligo_data::crate_docs::{Progress, Report, build_crate_docs};
use ligo_data::{BpeOptions, DataError, SpecialTokens, TextSource, Tokenizer};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const CHECKSUM: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A package that cargo finds in the directory `vendor` instead of the registry.
fn vendor(root: &Path, name: &str, source: &str) {
    put(root, &format!("vendor/{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n"));
    put(
        root,
        &format!("vendor/{name}/.cargo-checksum.json"),
        &format!("{{\"files\":{{}},\"package\":\"{CHECKSUM}\"}}"),
    );
    put(root, &format!("vendor/{name}/src/lib.rs"), source);
}

/// Sentences that no two are near duplicates of.
fn sentences(count: usize, about: &str) -> Vec<String> {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    (0..count)
        .map(|n| {
            format!(
                "This is what the {about}{}{}{} does when it is asked for it.",
                letter(n / 676),
                letter(n / 26),
                letter(n)
            )
        })
        .collect()
}

fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let packages = ["doccy", "noise-sys", "other"];
    let dependencies: String = packages.iter().map(|name| format!("{name} = \"1\"\n")).collect();
    put(
        root,
        "Cargo.toml",
        &format!(
            "[package]\nname = \"own\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n{dependencies}"
        ),
    );
    put(root, "src/lib.rs", "//! This is the prose of the workspace itself and it is not to be in the corpus.\n");
    put(
        root,
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
    );
    let locked: String = packages
        .iter()
        .map(|name| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n\
                 source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{CHECKSUM}\"\n\n"
            )
        })
        .collect();
    let own: String = packages.iter().map(|name| format!(" \"{name}\",\n")).collect();
    let own = format!("[[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\n{own}]\n\n");
    let (before, after) = locked.split_at(locked.find("[[package]]\nname = \"other\"").unwrap());
    put(root, "Cargo.lock", &format!("version = 4\n\n{before}{after}{own}"));

    let docs: String = sentences(600, "first").iter().map(|text| format!("/// {text}\nfn f() {{}}\n")).collect();
    vendor(root, "doccy", &docs);
    vendor(root, "noise-sys", "//! This is what a generator wrote and it is not to be in the corpus at all.\n");
    let repeated = sentences(3, "first").join("\n\n");
    let near = "This is what the FIRSTAAD does, when it is asked for it 1.";
    put(root, "vendor/other/README.md", &format!("# Other\n\n{repeated}\n\n{near}\n\n{}\n", sentences(1, "second")[0]));
    vendor(root, "other", "fn nothing() {}\n");
    directory
}

fn build(root: &Path, out: &Path) -> Result<Report, DataError> {
    build_crate_docs(&root.join("Cargo.toml"), out, &|_| {})
}

fn rows(out: &Path, file: &str, column: &str) -> Vec<String> {
    TextSource::new([out.join(file)], column).open().unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_prose_of_the_dependencies_is_split_counted_and_written() {
    let workspace = workspace();
    let out = workspace.path().join("data").join("crate-docs");
    let seen = AtomicU64::new(0);
    let watch = |progress: Progress| {
        assert_eq!(progress.packages, 2);
        seen.fetch_max(progress.done, Ordering::Relaxed);
    };
    let mut report = build_crate_docs(&workspace.path().join("Cargo.toml"), &out, &watch).unwrap();
    assert_eq!(seen.into_inner(), 2);

    let (train, validation) = (rows(&out, "train.parquet", "text"), rows(&out, "validation.parquet", "text"));
    assert_eq!((train.len() as u64, validation.len() as u64), (report.train.paragraphs, report.validation.paragraphs));
    assert!((2..40).contains(&validation.len()), "{} of 601", validation.len());
    let mut all = [train, validation].concat();
    let mut expected = [sentences(600, "first"), sentences(1, "second")].concat();
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(
        (report.dropped.generated_packages, report.dropped.duplicates, report.dropped.near_duplicates),
        (1, 3, 1)
    );
    let counts: Vec<(&str, u64)> = report.crates.iter().map(|c| (c.name.as_str(), c.paragraphs)).collect();
    assert_eq!(counts, [("doccy", 600), ("other", 1)]);
    assert_eq!(report.train.words + report.validation.words, 601 * 12);
    let mut crates = [rows(&out, "train.parquet", "crate"), rows(&out, "validation.parquet", "crate")].concat();
    crates.sort();
    assert_eq!((crates.len(), crates[0].as_str(), crates[600].as_str()), (601, "doccy", "other"));

    let tokenizer = BpeOptions::new(300, SpecialTokens::Causal);
    let tokenizer = Tokenizer::train(&TextSource::new([out.join("train.parquet")], "text"), &tokenizer).unwrap();
    report.count_tokens(&out, &tokenizer).unwrap();
    let tokens: usize = all.iter().map(|text| tokenizer.encode(text).unwrap().len()).sum();
    assert_eq!(report.tokens, Some(tokens as u64));
    let shown = report.to_string();
    for part in ["601 paragraphs, 7,212 words", "tokens from 2 packages of 2 crates", "doccy", "1 near duplicates"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn the_corpus_is_the_same_wherever_it_is_made_and_made_again_only_when_needed() {
    let (one, two) = (workspace(), workspace());
    let out = |workspace: &tempfile::TempDir| workspace.path().join("out");
    let report = build(one.path(), &out(&one)).unwrap();
    assert_eq!(build(two.path(), &out(&two)).unwrap(), report);
    for file in ["train.parquet", "validation.parquet", "report.json"] {
        assert_eq!(fs::read(out(&one).join(file)).unwrap(), fs::read(out(&two).join(file)).unwrap(), "{file}");
    }

    let validation = out(&one).join("validation.parquet");
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let first = written(&validation);
    assert_eq!(build(one.path(), &out(&one)).unwrap(), report);
    assert_eq!(written(&validation), first, "nothing has changed");

    fs::write(&validation, "damaged").unwrap();
    assert_eq!(build(one.path(), &out(&one)).unwrap(), report);
    assert_eq!(rows(&out(&one), "validation.parquet", "text").len() as u64, report.validation.paragraphs);

    let lock = one.path().join("Cargo.lock");
    fs::write(&lock, format!("{}# another lock file\n", fs::read_to_string(&lock).unwrap())).unwrap();
    let second = build(one.path(), &out(&one)).unwrap();
    assert_ne!(second.lock_hash, report.lock_hash);
    assert_eq!(second.corpus_hash, report.corpus_hash);
}

#[test]
fn a_workspace_that_cannot_be_read_is_named() {
    let directory = workspace();
    let (root, out) = (directory.path(), directory.path().join("out"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    fs::write(root.join("Cargo.toml"), manifest.replace("own", "renamed")).unwrap();
    let message = build(root, &out).unwrap_err().to_string();
    assert!(message.contains("Cargo.toml: `cargo metadata --locked` failed"), "{message}");
    assert!(message.contains("expected a Cargo.lock that matches"), "{message}");
    assert!(!out.exists());

    fs::remove_file(root.join("Cargo.lock")).unwrap();
    let message = build(root, &out).unwrap_err().to_string();
    assert!(message.contains("Cargo.lock: no such file"), "{message}");
}
