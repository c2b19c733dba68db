//! What a new baseline looks like on disk, and that a failure leaves nothing.

use super::*;
use std::collections::BTreeMap;
use std::process::Command;

/// A name that the workspace does not have.
const NEW: &str = "made-by-a-test";

/// A workspace with nothing but what lists the methods.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for path in LISTS {
        write(&root.path().join(path), &fs::read_to_string(real.join(path)).unwrap()).unwrap();
    }
    for directory in ["crates/baselines", "experiments"] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    root
}

/// Every file below a directory.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn a_new_baseline_is_a_crate_an_experiment_and_a_line_in_each_list() {
    let root = workspace();
    let before = files(root.path());
    Baseline::plan(root.path(), &name(NEW)).unwrap().write().unwrap();
    let mut after = files(root.path());
    for (path, line) in [
        (WORKSPACE, "ligo-made-by-a-test = { path = \"crates/baselines/made-by-a-test\" }"),
        (DEPENDENCIES, "ligo-made-by-a-test.workspace = true"),
        (REGISTRY, "        Box::new(ligo_made_by_a_test::MadeByATest),"),
        (
            TABLE,
            "| `made-by-a-test` | ours | copies in turn, divided by their number | stacking, or each layer repeated | the layers | \
             [made-by-a-test](made-by-a-test) |",
        ),
    ] {
        let text = after.remove(Path::new(path)).unwrap();
        assert_eq!(text.replace(&format!("{line}\n"), ""), before[Path::new(path)], "{path}");
        assert!(text.contains(&format!("\n{line}\n")), "{path}");
    }
    let new: Vec<&str> = after.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(
        new,
        [
            "crates/baselines/made-by-a-test/Cargo.toml",
            "crates/baselines/made-by-a-test/README.md",
            "crates/baselines/made-by-a-test/src/lib.rs",
            "crates/baselines/made-by-a-test/src/tests.rs",
            "experiments/made-by-a-test.toml",
        ]
    );
    for (path, text) in &after {
        assert!(!text.to_lowercase().replace(['-', '_'], "").contains("mymethod"), "{}: {text}", path.display());
    }
}

#[test]
fn what_exists_already_is_refused_and_nothing_is_written() {
    let root = workspace();
    write(&root.path().join("crates/baselines/mine/src/lib.rs"), "").unwrap();
    write(&root.path().join("experiments/theirs.toml"), "").unwrap();
    let before = files(root.path());
    for (text, expected) in [
        ("mine", "crates/baselines/mine exists already"),
        ("theirs", "experiments/theirs.toml exists already"),
        ("scratch", "a method called 'scratch' already"),
        ("direct-copy", "a method called 'direct-copy' already"),
        ("data", "Cargo.toml has a crate called ligo-data already"),
    ] {
        let message = Baseline::plan(root.path(), &name(text)).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
    assert_eq!(files(root.path()), before);
}

#[test]
fn a_file_of_another_shape_is_named() {
    for (path, expected) in [
        (WORKSPACE, "Cargo.toml: expected a line like `ligo-direct-copy = { path = … }`"),
        (DEPENDENCIES, "crates/experiment/Cargo.toml: expected a line like `ligo-direct-copy.workspace = true`"),
        (REGISTRY, "crates/experiment/src/registry.rs: expected a function `pub fn methods`"),
        (TABLE, "crates/baselines/README.md: expected a table of methods"),
    ] {
        let root = workspace();
        write(&root.path().join(path), "").unwrap();
        let message = Baseline::plan(root.path(), &name(NEW)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        fs::remove_file(root.path().join(path)).unwrap();
        let message = Baseline::plan(root.path(), &name(NEW)).unwrap_err().to_string();
        assert!(message.contains(path) && message.contains("cannot read"), "{message}");
    }
}

#[test]
fn a_file_that_cannot_be_written_takes_back_all_others() {
    let root = workspace();
    let before = files(root.path());
    let baseline = Baseline::plan(root.path(), &name(NEW)).unwrap();
    // The last file to be written has no directory, and none can be made.
    fs::remove_dir(root.path().join("experiments")).unwrap();
    fs::write(root.path().join("experiments"), "").unwrap();
    let message = baseline.write().unwrap_err().to_string();
    assert!(message.contains("experiments"), "{message}");
    fs::remove_file(root.path().join("experiments")).unwrap();
    assert_eq!(files(root.path()), before);
}

#[test]
fn rustfmt_has_nothing_to_say_whatever_the_name() {
    let directory = tempfile::tempdir().unwrap();
    let style = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("rustfmt.toml");
    for text in ["a", "zz-top", NEW, "a-name-of-thirty-two-letters-abc", "onewordofthirtytwolettersandmore"] {
        let name = name(text);
        for (path, template) in CRATE {
            write(&directory.path().join(path), &name.put_into(template)).unwrap();
        }
        // It goes on to the module of the tests by itself.
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--check", "--edition", "2024", "--config-path"]).arg(&style);
        let output = rustfmt.arg(directory.path().join("src/lib.rs")).output();
        let output = output.expect("rustfmt belongs to what `cargo xtask test` needs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
