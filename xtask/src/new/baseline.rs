//! The files of a new baseline: first as texts, then written, and taken back if one of them cannot be.

use super::lines;
use super::name::Name;
use anyhow::{Context, Result, bail, ensure};
use ligo_experiment::methods;
use ligo_files::{FileError, replace_file};
use ligo_kernels::Cpu;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The crate's files, with the names that they get in it.
const CRATE: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml")),
    ("README.md", include_str!("template/README.md")),
    ("src/lib.rs", include_str!("template/lib.rs")),
    ("src/tests.rs", include_str!("template/tests.rs")),
];
const EXPERIMENT: &str = include_str!("template/experiment.toml");

/// Where methods are listed.
const WORKSPACE: &str = "Cargo.toml";
const DEPENDENCIES: &str = "crates/experiment/Cargo.toml";
const REGISTRY: &str = "crates/experiment/src/registry.rs";
const TABLE: &str = "crates/baselines/README.md";

/// The files that have a line for each method.
pub(crate) const LISTS: [&str; 4] = [WORKSPACE, DEPENDENCIES, REGISTRY, TABLE];

/// Whether a type of that name would hide one that the template uses.
pub(super) fn means_something(type_name: &str) -> bool {
    let code = CRATE.iter().flat_map(|(_, text)| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
    let mut words = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
    words.any(|word| word == type_name)
}

/// Everything that is to be written.
#[derive(Debug)]
pub(super) struct Baseline {
    root: PathBuf,
    /// The crate's directory, relative to the root.
    directory: PathBuf,
    /// Relative to that.
    files: Vec<(&'static str, String)>,
    /// In an order in which the workspace builds after each of them.
    changes: Vec<Change>,
}

/// A file of the workspace that is made or changed.
#[derive(Debug)]
struct Change {
    /// Relative to the root.
    path: PathBuf,
    before: Option<String>,
    after: String,
}

impl Baseline {
    /// Works out every file; touches none.
    ///
    /// # Errors
    /// If there is such a crate, method or experiment already, or a file that lists the methods is not as expected.
    pub(super) fn plan(root: &Path, name: &Name) -> Result<Self> {
        let (package, library) = (name.package(), name.library());
        let directory = PathBuf::from(format!("crates/baselines/{name}"));
        if root.join(&directory).exists() {
            bail!("{} exists already; give the new baseline another name", directory.display());
        }
        let known = methods::<Cpu>().iter().any(|method| method.name() == name.to_string());
        let [workspace, dependencies, registry, table] = LISTS.map(|path| read(root, path));
        let (workspace, dependencies, registry, table) = (workspace?, dependencies?, registry?, table?);
        ensure!(
            !known && !registry.contains(&format!("{library}::")),
            "{REGISTRY} has a method called '{name}' already; give the new baseline another name"
        );
        for (path, text) in [(WORKSPACE, &workspace), (DEPENDENCIES, &dependencies)] {
            let taken = text.lines().any(|line| lines::sets(line, &package));
            ensure!(!taken, "{path} has a crate called {package} already; give the new baseline another name");
        }
        let experiment = PathBuf::from(format!("experiments/{name}.toml"));
        ensure!(!root.join(&experiment).exists(), "{} exists already; move it away", experiment.display());

        let is_baseline = |line: &str| line.starts_with("ligo-") && line.contains("\"crates/baselines/");
        let line = format!("{package} = {{ path = \"{}\" }}", directory.display());
        let workspace_after = lines::into_table(&workspace, "workspace.dependencies", is_baseline, &line)
            .with_context(|| {
                format!(
                    "{WORKSPACE}: expected a line like `ligo-direct-copy = {{ path = … }}` in [workspace.dependencies]"
                )
            })?;
        let is_ours = |line: &str| line.starts_with("ligo") && line.contains(".workspace");
        let line = format!("{package}.workspace = true");
        let dependencies_after =
            lines::into_table(&dependencies, "dependencies", is_ours, &line).with_context(|| {
                format!("{DEPENDENCIES}: expected a line like `ligo-direct-copy.workspace = true` in [dependencies]")
            })?;
        let entry = format!("Box::new({library}::{}),", name.type_name());
        let registry_after = match lines::into_registry(&registry, &entry) {
            Ok(text) => text,
            Err(reason) => bail!("{REGISTRY}: {reason}"),
        };
        // As the template's own `axes` and `guarantee` say.
        let row = format!(
            "| `{name}` | ours | copies in turn, divided by their number | stacking, or each layer repeated | the layers | \
             [{name}]({name}) |"
        );
        let table_after = lines::behind_last(&table, |line| line.starts_with("| `"), &row)
            .with_context(|| format!("{TABLE}: expected a table of methods with rows like \"| `direct-copy` | …\""))?;
        let changed = |path: &str, before, after| Change { path: path.into(), before: Some(before), after };
        Ok(Self {
            root: root.into(),
            directory,
            files: CRATE.map(|(path, text)| (path, name.put_into(text))).to_vec(),
            changes: vec![
                changed(WORKSPACE, workspace, workspace_after),
                changed(DEPENDENCIES, dependencies, dependencies_after),
                changed(REGISTRY, registry, registry_after),
                changed(TABLE, table, table_after),
                Change { path: experiment, before: None, after: name.put_into(EXPERIMENT) },
            ],
        })
    }

    /// Writes everything; if that fails, what was written is taken back.
    ///
    /// # Errors
    /// The file that could not be written.
    pub(super) fn write(&self) -> Result<()> {
        // Filled beside its place and renamed: a crate that is there is whole.
        let filled = tempfile::Builder::new().prefix(ligo_files::TEMPORARY_PREFIX).tempdir_in(&self.root);
        let filled = filled.map_err(FileError::at("create a directory in", &self.root))?;
        let made = filled.path().join("crate");
        for (path, text) in &self.files {
            write(&made.join(path), text)?;
        }
        let place = self.root.join(&self.directory);
        fs::rename(&made, &place).map_err(FileError::at("create the directory", &place))?;
        for (done, change) in self.changes.iter().enumerate() {
            if let Err(error) = write(&self.root.join(&change.path), &change.after) {
                self.take_back(done);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// As it was before the first so many changes. What cannot be taken back either is left to git.
    fn take_back(&self, changes: usize) {
        for change in &self.changes[..changes] {
            let path = self.root.join(&change.path);
            let _ = match &change.before {
                Some(text) => write(&path, text).map_err(|error| error.source),
                None => fs::remove_file(&path),
            };
        }
        let _ = fs::remove_dir_all(self.root.join(&self.directory));
    }

    /// The files that are new.
    pub(super) fn written(&self) -> Vec<String> {
        let of_crate = self.files.iter().map(|(path, _)| self.directory.join(path));
        let others = self.changes.iter().filter(|change| change.before.is_none()).map(|change| change.path.clone());
        of_crate.chain(others).map(|path| path.display().to_string()).collect()
    }

    /// The files that have a line more.
    pub(super) fn changed(&self) -> Vec<String> {
        let changed = self.changes.iter().filter(|change| change.before.is_some());
        changed.map(|change| change.path.display().to_string()).collect()
    }
}

fn read(root: &Path, path: &str) -> Result<String, FileError> {
    let path = root.join(path);
    fs::read_to_string(&path).map_err(FileError::at("read", &path))
}

fn write(path: &Path, text: &str) -> Result<(), FileError> {
    replace_file(path, |file| file.write_all(text.as_bytes()).map_err(FileError::at("write", path)))
}

#[cfg(test)]
mod tests;
