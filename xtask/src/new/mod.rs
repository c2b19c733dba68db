//! `cargo xtask new baseline <name>`: a crate that compiles, passes its own tests, and runs in an experiment at once.
//!
//! What it writes is `template/`, real files in which a method called `my-method` is given its name, and a line in each of the four
//! files that list the methods. All of it or nothing: everything is worked out before the first file is touched.

mod baseline;
mod lines;
mod name;

pub(crate) use baseline::LISTS;

use crate::flags::New;
use crate::output::{note, say};
use crate::workspace;
use anyhow::Result;
use baseline::Baseline;
use name::Name;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Writes the crate and says what to do next.
pub(crate) fn run(flags: &New) -> Result<ExitCode> {
    let New::Baseline { name } = flags;
    let name = Name::parse(name)?;
    let root = workspace::root();
    let baseline = Baseline::plan(&root, &name)?;
    baseline.write()?;
    if let Err(reason) = lock(&root) {
        note(format!("Cargo.lock does not know {} yet ({reason}); the next cargo command adds it", name.package()));
    }
    say(next(&name, &baseline))?;
    Ok(ExitCode::SUCCESS)
}

/// Adds the new crate to Cargo.lock, as any cargo command without `--locked` would; what else is locked stays.
fn lock(root: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["update", "--workspace", "--offline"]).current_dir(root).output();
    match output {
        Err(error) => Err(error.to_string()),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let first = said.lines().find_map(|line| line.strip_prefix("error: "));
            Err(first.map_or_else(|| output.status.to_string(), str::to_owned))
        }
    }
}

/// What was written, and what to do with it.
fn next(name: &Name, baseline: &Baseline) -> String {
    let listed = |files: Vec<String>| files.iter().map(|file| format!("  {file}\n")).collect::<String>();
    format!(
        "written:\n{written}\na line added in:\n{changed}\n\
         It works as it is: it copies in turn and repeats layers, until src/lib.rs says something better.\n\n  \
         cargo test -p {package}\n  \
         cargo xtask run {name}\n\n\
         In any experiment it is a row:\n\n  \
         [[methods]]\n  \
         method = \"{name}\"\n\n\
         Commit Cargo.lock with it: `cargo xtask test` asks for --locked.",
        written = listed(baseline.written()),
        changed = listed(baseline.changed()),
        package = name.package(),
    )
}
