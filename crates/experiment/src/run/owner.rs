//! Which experiment file a results directory belongs to. It is named after the file's last part alone, so that files of one name in
//! two directories would take it for theirs.

use super::directory::{read_json, write_json};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// In an experiment's results, beside the report, so that it goes where the report goes.
const OWNER: &str = "experiment.json";

/// As the JSON has it.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    /// The TOML: below the workspace, where it lies in it, else absolute.
    file: PathBuf,
}

/// Refuses a directory of another file's results. One that nobody has claimed is anybody's.
///
/// # Errors
/// Another file, naming both.
pub(super) fn check(results: &Path, file: Option<&Path>) -> Result<()> {
    let path = results.join(OWNER);
    let (Some(file), Some(owner)) = (file, read_json::<Owner>(&path)?) else { return Ok(()) };
    if owner.file != file {
        bail!(
            "{}: holds the results of {}, expected those of {}; give the file another name or the results another directory \
             (--results DIR), or remove {} if it is the same experiment, moved",
            results.display(),
            owner.file.display(),
            file.display(),
            path.display()
        );
    }
    Ok(())
}

/// Makes a directory that of a file.
///
/// # Errors
/// As [`check`]; a directory that cannot be written.
pub(super) fn claim(results: &Path, file: Option<&Path>) -> Result<()> {
    check(results, file)?;
    let Some(file) = file else { return Ok(()) };
    write_json(&results.join(OWNER), &Owner { file: file.to_owned() })
}
