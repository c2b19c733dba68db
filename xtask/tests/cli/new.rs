//! A new baseline: what is said and written, and that a mistake writes nothing. That it compiles, passes its tests and runs is
//! shown by `cargo xtask test`, which follows the README.

use crate::tiny::xtask;
use std::path::Path;
use std::process::Output;

const LISTS: [&str; 4] =
    ["Cargo.toml", "crates/experiment/Cargo.toml", "crates/experiment/src/registry.rs", "crates/baselines/README.md"];

/// A workspace with nothing but what lists the methods.
struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let real = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        // By this file the binary knows the workspace that cargo runs it in.
        for path in LISTS.into_iter().chain(["xtask/src/flags.rs"]) {
            let to = root.path().join(path);
            std::fs::create_dir_all(to.parent().expect("a directory")).expect("it can be written");
            std::fs::copy(real.join(path), to).expect("it can be written");
        }
        for directory in ["crates/baselines", "experiments"] {
            std::fs::create_dir_all(root.path().join(directory)).expect("it can be written");
        }
        Self(root)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn new_baseline(&self, name: &str) -> Output {
        let mut command = xtask();
        command.env("CARGO_MANIFEST_DIR", self.0.path().join("xtask")).current_dir(self.0.path());
        command.args(["new", "baseline", name]).output().expect("the binary runs")
    }
}

#[test]
fn a_new_baseline_says_what_was_written_and_what_to_do_next() {
    let workspace = Workspace::new();
    let output = workspace.new_baseline("made-by-a-test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout).trim_end(), @r#"
    written:
      crates/baselines/made-by-a-test/Cargo.toml
      crates/baselines/made-by-a-test/README.md
      crates/baselines/made-by-a-test/src/lib.rs
      crates/baselines/made-by-a-test/src/tests.rs
      experiments/made-by-a-test.toml

    a line added in:
      Cargo.toml
      crates/experiment/Cargo.toml
      crates/experiment/src/registry.rs
      crates/baselines/README.md

    It works as it is: it copies in turn and repeats layers, until src/lib.rs says something better.

      cargo test -p ligo-made-by-a-test
      cargo xtask run made-by-a-test

    In any experiment it is a row:

      [[methods]]
      method = "made-by-a-test"

    Commit Cargo.lock with it: `cargo xtask test` asks for --locked.
    "#);
    // Cargo cannot read this workspace, which lacks nearly everything: told, and no reason to fail.
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(note.starts_with("Cargo.lock does not know ligo-made-by-a-test yet ("), "{note}");

    assert!(
        workspace
            .read("crates/experiment/src/registry.rs")
            .contains("Box::new(ligo_made_by_a_test::MadeByATest),\n    ]")
    );
    assert!(workspace.read("crates/baselines/made-by-a-test/src/lib.rs").contains("pub struct MadeByATest;"));
    assert!(workspace.read("experiments/made-by-a-test.toml").contains("method = \"made-by-a-test\""));
}

#[test]
fn a_name_that_is_none_or_taken_is_told_and_nothing_is_written() {
    let workspace = Workspace::new();
    let before = LISTS.map(|path| workspace.read(path));
    for (name, expected) in [
        ("Noisy Copy", "expected small letters and digits, words joined by single dashes, such as noisy-copy"),
        ("2copies", "expected a letter"),
        ("direct-copy", "a method called 'direct-copy' already"),
        ("growth", "would have a type Growth, which is something else"),
    ] {
        let output = workspace.new_baseline(name);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: ") && message.contains(expected), "{message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(LISTS.map(|path| workspace.read(path)), before);
    let crates = std::fs::read_dir(workspace.0.path().join("crates/baselines")).expect("it is there");
    assert_eq!(crates.count(), 1, "nothing but the table of methods");
}
