//! The files of a package that may hold prose: `.rs` and `.md`, in an order that no file system decides.

use std::fs;
use std::path::{Path, PathBuf};

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rust,
    Markdown,
}

/// Larger files are generated tables.
const LARGEST_BYTES: u64 = 4 << 20;

/// Directories that hold other things than documentation of the crate.
const SKIPPED_DIRECTORIES: [&str; 10] =
    ["target", "tests", "test", "testdata", "test_data", "fixtures", "benches", "vendor", "third_party", "specs"];

/// Markdown that is law rather than prose, the same in many packages.
const SKIPPED_FILES: [&str; 6] = ["license", "licence", "copying", "code_of_conduct", "code-of-conduct", "notice"];

/// The contents of a package's files, in the order of their paths. Files that are not UTF-8 or cannot be read are left
/// out; symbolic links are not followed.
pub(super) fn read_all(root: &Path) -> impl Iterator<Item = (Kind, String)> {
    list(root).into_iter().filter_map(|(_, kind, path)| Some((kind, fs::read_to_string(path).ok()?)))
}

/// Path below the root (parted by `/`), kind, and path of each file, by the first of these.
fn list(root: &Path) -> Vec<(String, Kind, PathBuf)> {
    let mut files = Vec::new();
    collect(root, String::new(), &mut files);
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

fn collect(directory: &Path, prefix: String, files: &mut Vec<(String, Kind, PathBuf)>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        // The type of the entry itself: a link is neither file nor directory.
        let (Ok(name), Ok(file_type)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
        let path = format!("{prefix}{name}");
        if file_type.is_dir() {
            if !name.starts_with('.') && !SKIPPED_DIRECTORIES.contains(&name.as_str()) {
                collect(&entry.path(), format!("{path}/"), files);
            }
        } else if file_type.is_file()
            && let Some(kind) = kind(&name)
            && entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_BYTES)
        {
            files.push((path, kind, entry.path()));
        }
    }
}

fn kind(name: &str) -> Option<Kind> {
    let name = name.to_lowercase();
    if name.ends_with(".rs") {
        return Some(Kind::Rust);
    }
    let prose = name.ends_with(".md") && !SKIPPED_FILES.iter().any(|skipped| name.starts_with(skipped));
    prose.then_some(Kind::Markdown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_paths_without_links_binaries_and_licences() {
        let package = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.md"), "not of the package").unwrap();
        for (path, bytes) in [
            ("src/b.rs", &b"b"[..]),
            ("src/a/c.rs", b"c"),
            ("src/latin1.rs", b"caf\xe9"),
            ("README.md", b"r"),
            ("LICENSE-MIT.md", b"l"),
            ("tests/t.rs", b"t"),
            (".github/x.md", b"x"),
            ("data.json", b"{}"),
        ] {
            let path = package.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        #[cfg(unix)]
        for (target, link) in [(outside.path().to_path_buf(), "linked"), (outside.path().join("secret.md"), "s.md")] {
            std::os::unix::fs::symlink(target, package.path().join(link)).unwrap();
        }
        let paths: Vec<String> = list(package.path()).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, ["README.md", "src/a/c.rs", "src/b.rs", "src/latin1.rs"]);
        let read: Vec<(Kind, String)> = read_all(package.path()).collect();
        assert_eq!(read, [(Kind::Markdown, "r".into()), (Kind::Rust, "c".into()), (Kind::Rust, "b".into())]);
    }
}
