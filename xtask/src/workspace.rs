//! Where things lie: the workspace, its experiments, its data and results.

use crate::flags::Places;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The workspace's root. Cargo sets the variable when it runs this binary; otherwise it is where the binary was built.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let ours = manifest.filter(|directory| directory.join("src/flags.rs").is_file()).unwrap_or_else(built);
    ours.parent().map_or(ours.clone(), Path::to_owned)
}

/// The directory of the experiments.
pub(crate) fn experiments() -> PathBuf {
    near(root().join("experiments"))
}

/// The directory that holds a directory of results per experiment.
pub(crate) fn results(places: &Places) -> PathBuf {
    places.results.clone().unwrap_or_else(|| near(root().join("results")))
}

/// The directory of prepared data.
pub(crate) fn data(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| near(root().join("data")))
}

/// The path as seen from the current directory, where that is shorter: messages then read `experiments/quickstart.toml`.
pub(crate) fn near(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().ok();
    match here.and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok()) {
        Some(relative) if relative.as_os_str().is_empty() => ".".into(),
        Some(relative) => relative,
        None => path,
    }
}

/// The file of an experiment: a path that ends in `.toml`, or a name in `directory` (`quickstart`, `paper/bert-small-base`).
///
/// # Errors
/// If there is no such file; names the nearest one.
pub(crate) fn find_experiment(name: &str, directory: &Path) -> Result<PathBuf> {
    let path = Path::new(name);
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    if is_toml && path.is_file() {
        return Ok(path.to_owned());
    }
    let found = directory.join(name).with_added_extension("toml");
    if !is_toml && found.is_file() {
        return Ok(found);
    }
    let names = names(directory);
    let nearest = names
        .iter()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| 2 * distance <= known.chars().count());
    match nearest {
        _ if is_toml => bail!(
            "{name}: no such file, expected the path of an experiment's TOML file, or a name in {}",
            directory.display()
        ),
        Some((_, known)) => bail!("no experiment is called '{name}', did you mean '{known}'?"),
        None if names.is_empty() => bail!("no experiment is called '{name}'; {} holds none", directory.display()),
        None => bail!("no experiment is called '{name}'; {} holds: {}", directory.display(), names.join(", ")),
    }
}

/// How far a name is from a known one, or from the last part of it: who leaves out a directory is not far off.
fn distance(name: &str, known: &str) -> usize {
    let last = known.rsplit('/').next().unwrap_or(known);
    strsim::damerau_levenshtein(name, known).min(1 + strsim::damerau_levenshtein(name, last))
}

/// The experiments in a directory and in those below it, sorted; none if it cannot be read. What lies in `bases` is extended by others.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.push(stem.to_owned());
        } else if path.is_dir() && stem != "bases" {
            names.extend(self::names(&path).into_iter().map(|name| format!("{stem}/{name}")));
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, directory: &Path) -> String {
        find_experiment(name, directory).map_or_else(|error| error.to_string(), |path| path.display().to_string())
    }

    #[test]
    fn an_experiment_is_a_name_or_a_path_and_the_nearest_name_is_offered() -> Result<()> {
        let directory = tempfile::tempdir()?;
        assert!(message("quick", directory.path()).ends_with("holds none"));
        for name in ["paper", "bases"] {
            std::fs::create_dir(directory.path().join(name))?;
        }
        for name in ["quickstart.toml", "bert.toml", "README.md", "paper/gpt2.toml", "bases/quick.toml"] {
            std::fs::write(directory.path().join(name), "")?;
        }
        let file = directory.path().join("quickstart.toml");
        let shown = file.display().to_string();
        for (name, expected) in [
            ("quickstart", shown.as_str()),
            (shown.as_str(), shown.as_str()),
            ("paper/gpt2", directory.path().join("paper/gpt2.toml").display().to_string().as_str()),
            ("quikstart", "no experiment is called 'quikstart', did you mean 'quickstart'?"),
            ("gpt2", "no experiment is called 'gpt2', did you mean 'paper/gpt2'?"),
        ] {
            assert_eq!(message(name, directory.path()), expected);
        }
        assert!(message("something-else", directory.path()).ends_with("holds: bert, paper/gpt2, quickstart"));
        assert!(
            message("nowhere/quickstart.toml", directory.path()).starts_with("nowhere/quickstart.toml: no such file")
        );
        Ok(())
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("xtask").is_dir());
    }
}
