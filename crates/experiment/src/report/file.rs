//! Writes a file so that a reader, or a kill, finds the old one or the new one, never a part.

use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;

/// Lets `fill` write to a temporary name beside `path`, syncs, renames.
pub(super) fn replace(path: &Path, fill: impl FnOnce(&mut std::fs::File) -> Result<()>) -> Result<()> {
    write_and_rename(path, fill).with_context(|| format!("{}: cannot be written", path.display()))
}

/// The same for a text.
pub(super) fn replace_text(path: &Path, text: &str) -> Result<()> {
    replace(path, |file| Ok(file.write_all(text.as_bytes())?))
}

fn write_and_rename(path: &Path, fill: impl FnOnce(&mut std::fs::File) -> Result<()>) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut builder = tempfile::Builder::new();
    // A temporary file is for its owner alone; a result is for whoever may read the directory.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".").suffix(".part").tempfile_in(directory)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself is on disk only once the directory is.
    std::fs::File::open(directory)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_while_writing_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/table.md");
        replace_text(&path, "old").unwrap();
        let error = replace(&path, |file| {
            file.write_all(b"ne")?;
            anyhow::bail!("the disk is full")
        })
        .unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains("table.md") && message.contains("the disk is full"), "{message}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
