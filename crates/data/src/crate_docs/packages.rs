//! Which packages the workspace is built from, on all platforms, and where their sources lie.

use crate::DataError;
use cargo_metadata::semver::Version;
use cargo_metadata::{Error, Metadata, MetadataCommand};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package that is not the workspace's own.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) root: PathBuf,
}

impl Package {
    /// Whether the crate is generated from an interface description, and its documentation with it.
    pub(super) fn is_generated(&self) -> bool {
        let name = self.name.as_str();
        let prefixes = ["windows", "winapi", "objc2", "block2", "dispatch2", "wasi"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with("-sys")
    }
}

/// All packages but the workspace's own, by name and version.
pub(super) fn list(manifest: &Path) -> Result<Vec<Package>, DataError> {
    let mut packages = of(&metadata(manifest)?);
    if packages.iter().any(|package| !package.root.is_dir()) {
        fetch(manifest)?;
        packages = of(&metadata(manifest)?);
    }
    if let Some(lost) = packages.iter().find(|package| !package.root.is_dir()) {
        return Err(DataError::Missing { path: lost.root.clone(), expected: "the sources of a package" });
    }
    Ok(packages)
}

fn of(metadata: &Metadata) -> Vec<Package> {
    let mut packages: Vec<Package> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .filter_map(|package| {
            let root = package.manifest_path.parent()?.as_std_path().to_path_buf();
            Some(Package { name: package.name.to_string(), version: package.version.clone(), root })
        })
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version, &a.root).cmp(&(&b.name, &b.version, &b.root)));
    packages
}

fn metadata(manifest: &Path) -> Result<Metadata, DataError> {
    let mut command = MetadataCommand::new();
    command.current_dir(directory(manifest)).manifest_path(absolute(manifest)?).other_options(["--locked".to_owned()]);
    command.exec().map_err(|error| match error {
        Error::Io(error) if error.kind() == ErrorKind::NotFound => no_cargo(manifest),
        Error::CargoMetadata { stderr } => refused(manifest, "cargo metadata --locked", &stderr),
        other => DataError::Cargo { manifest: manifest.to_path_buf(), reason: other.to_string() },
    })
}

/// Puts the sources of all packages where cargo keeps them.
fn fetch(manifest: &Path) -> Result<(), DataError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["fetch", "--locked", "--manifest-path"])
        .arg(absolute(manifest)?)
        .current_dir(directory(manifest))
        .output()
        .map_err(|_| no_cargo(manifest))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(refused(manifest, "cargo fetch --locked", &String::from_utf8_lossy(&output.stderr))),
    }
}

/// Where cargo is run: it looks for its configuration from here upwards, as for whoever builds the workspace.
fn directory(manifest: &Path) -> &Path {
    manifest.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn absolute(manifest: &Path) -> Result<PathBuf, DataError> {
    std::path::absolute(manifest).map_err(DataError::io("find", manifest))
}

fn no_cargo(manifest: &Path) -> DataError {
    let reason = "cannot list the packages: `cargo` was not found, expected it in PATH".to_owned();
    DataError::Cargo { manifest: manifest.to_path_buf(), reason }
}

fn refused(manifest: &Path, command: &str, stderr: &str) -> DataError {
    let said = stderr.trim();
    let advice = if said.contains("--locked") || said.contains("lock file") {
        "; expected a Cargo.lock that matches the manifests: run `cargo metadata` without --locked to bring it up to date"
    } else {
        ""
    };
    DataError::Cargo { manifest: manifest.to_path_buf(), reason: format!("`{command}` failed: {said}{advice}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_told_by_their_names() {
        let cases = [
            ("windows-core", true),
            ("windows_x86_64_msvc", true),
            ("objc2-foundation", true),
            ("winapi", true),
            ("wasip2", true),
            ("zstd-sys", true),
            ("system-deps", false),
            ("window-clipboard", false),
            ("rayon", false),
        ];
        for (name, generated) in cases {
            let package = Package { name: name.into(), version: Version::new(1, 0, 0), root: PathBuf::new() };
            assert_eq!(package.is_generated(), generated, "{name}");
        }
    }
}
