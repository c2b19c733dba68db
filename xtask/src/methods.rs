//! `cargo xtask methods`: every method that an experiment can name, which axes it grows and how; or one of them in full.
//!
//! What a method is, its own crate says: the table asks the registry, the options of one come from its crate's README.

use crate::flags::Methods;
use crate::output::say;
use crate::workspace;
use anyhow::{Result, bail};
use ligo_experiment::{Registry, find, methods};
use ligo_growth::Method;
use ligo_kernels::Cpu;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints the table, or one method.
pub(crate) fn run(flags: &Methods) -> Result<ExitCode> {
    let registry = methods::<Cpu>();
    let chosen: Vec<&dyn Method<Cpu>> = match &flags.method {
        Some(name) => vec![named(&registry, name)?],
        None => registry.iter().map(AsRef::as_ref).collect(),
    };
    let readmes = workspace::root().join("crates");
    say(match (&chosen[..], flags.json) {
        (all, true) => all.iter().map(|method| line(*method)).collect::<Vec<_>>().join("\n"),
        ([one], false) if flags.method.is_some() => in_full(*one, &readmes),
        (all, false) => table(all),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn named<'a>(registry: &'a Registry<Cpu>, name: &str) -> Result<&'a dyn Method<Cpu>> {
    if let Some(method) = find(registry, name) {
        return Ok(method);
    }
    let names = || registry.iter().map(|method| method.name());
    let nearest = names().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match nearest {
        Some((distance, known)) if 2 * distance <= known.chars().count() => {
            bail!("no method is called '{name}', did you mean '{known}'?")
        }
        _ => bail!("no method is called '{name}', expected one of {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// A line of JSON.
fn line(method: &dyn Method<Cpu>) -> String {
    let axes = method.axes();
    let line = json!({ "name": method.name(), "width": axes.width, "depth": axes.depth, "summary": method.summary() });
    line.to_string()
}

/// Three columns, and below each method its own sentence.
fn table(all: &[&dyn Method<Cpu>]) -> String {
    let mut rows = vec![["method", "width", "depth"]];
    rows.extend(all.iter().map(|method| [method.name(), method.axes().width, method.axes().depth]));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, widths) = (width(0), width(1));
    let summaries = std::iter::once(None).chain(all.iter().map(|method| Some(method.summary())));
    let mut text = String::new();
    for ([name, width, depth], summary) in rows.iter().zip(summaries) {
        text.push_str(&format!("{name:<names$}  {width:<widths$}  {depth}\n"));
        if let Some(summary) = summary {
            text.push_str(&format!("{:names$}  {summary}\n", ""));
        }
    }
    text.push_str("\ncargo xtask methods <name> shows the options of one.");
    text
}

/// All that is known of a method; `crates`: where the crates of the workspace lie.
fn in_full(method: &dyn Method<Cpu>, crates: &Path) -> String {
    let axes = method.axes();
    let head = format!("{}\n\nwidth  {}\ndepth  {}\n\n", method.summary(), axes.width, axes.depth);
    let readme = readme(method.name(), crates);
    match readme.as_ref().and_then(|path| std::fs::read_to_string(path).ok()) {
        Some(text) => {
            let block = toml_block(&text, method.name()).unwrap_or_else(|| row(method.name()));
            let path = readme.map(workspace::near).unwrap_or_default();
            format!("{head}{block}\n\n{} says more.", path.display())
        }
        // Built in: it has no crate, and no options.
        None => head + &row(method.name()),
    }
}

/// Where the crate of a method describes it: one of its name, or of the name that a preset begins with. None if it has none, or its
/// source is not here.
fn readme(name: &str, crates: &Path) -> Option<PathBuf> {
    let begins = name.split_once('-').map_or(name, |(begins, _)| begins);
    let places = [format!("baselines/{name}"), name.into(), begins.into()];
    places.into_iter().map(|place| crates.join(place).join("README.md")).find(|path| path.is_file())
}

fn row(name: &str) -> String {
    format!("[[methods]]\nmethod = \"{name}\"")
}

/// The fenced block of TOML that shows a method's row, without its fence.
fn toml_block(markdown: &str, name: &str) -> Option<String> {
    let start = row(name);
    let blocks = markdown.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(str::to_owned).find(|block| block.starts_with(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_or_all_of_them() {
        let registry = methods::<Cpu>();
        let message = |name| named(&registry, name).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(message("direct-cpoy"), "no method is called 'direct-cpoy', did you mean 'direct-copy'?");
        assert!(message("something-else").contains("expected one of scratch, "));
        assert_eq!(message("scratch"), "");
    }

    #[test]
    fn the_block_of_toml_that_shows_the_row_is_found() {
        let markdown =
            "# a\n```sh\nx\n```\ntext\n```toml\n[data]\n```\n```toml\n[[methods]]\nmethod = \"a\"\nb = 1 # c\n```\n";
        assert_eq!(toml_block(markdown, "a").unwrap(), "[[methods]]\nmethod = \"a\"\nb = 1 # c");
        assert_eq!(toml_block(markdown, "b"), None);
        assert_eq!(toml_block("# a\n", "a"), None);
    }

    #[test]
    fn every_crate_of_a_method_shows_its_row() {
        let crates = workspace::root().join("crates");
        for method in methods::<Cpu>() {
            let Some(path) = readme(method.name(), &crates) else {
                // Only what is built in has no crate.
                assert_eq!(method.name(), "scratch");
                continue;
            };
            let text = std::fs::read_to_string(&path).unwrap();
            // A preset is a name for settings of another row.
            let is_preset = !path.parent().is_some_and(|directory| directory.ends_with(method.name()));
            assert!(is_preset || toml_block(&text, method.name()).is_some(), "{}: {text}", path.display());
        }
    }

    #[test]
    fn the_table_of_methods_has_a_row_for_each_in_the_order_of_the_registry() {
        let table = std::fs::read_to_string(workspace::root().join("crates/baselines/README.md")).unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let registry = methods::<Cpu>();
        let names: Vec<&str> = registry.iter().map(|method| method.name()).collect();
        assert_eq!(rows.collect::<Vec<_>>(), names);
    }
}
