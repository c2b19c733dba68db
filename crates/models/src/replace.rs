//! Files that are whole or not there: written under a temporary name beside their place, synced, then renamed.

use crate::{ModelError, Result};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Puts a new file at `path`; `write` fills it. If anything fails, what was there stays.
pub(crate) fn replace_file(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    try_replace(path, write)
        .map_err(|error| ModelError::File { path: path.to_owned(), reason: format!("cannot be written: {error}") })
}

fn try_replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(directory)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ligo-").suffix(".tmp");
    #[cfg(unix)]
    {
        // Readable like any other file (the umask applies), not for the owner alone as temporary files are.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(directory)?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.reopen()?);
    write(&mut writer)?;
    writer.flush()?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself is durable where directories can be synced; the file is whole either way.
    if let Ok(handle) = File::open(directory) {
        let _ = handle.sync_all();
    }
    Ok(())
}
