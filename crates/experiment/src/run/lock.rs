//! One process per results directory.

use anyhow::{Context, Result, bail};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held as long as it lives; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Makes `directory` if need be and locks it.
    ///
    /// # Errors
    /// If another process holds it (naming its id), or the directory cannot be written.
    pub(super) fn acquire(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("{}: the results directory cannot be made", directory.display()))?;
        let path = directory.join(".lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("{}: the results directory cannot be written", directory.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message; on systems where a locked file cannot be read the id is left out.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                bail!(
                    "{}: another process{who} is running in this results directory; wait for it, or stop it",
                    directory.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{}: cannot be locked", path.display()));
            }
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        written.with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Lets go by word, not only by closing: a program that another thread is just starting holds a copy of the open file for a
    /// moment, and with it the lock.
    fn drop(&mut self) {
        // If that fails, closing is all that is left to do.
        let _ = self.file.unlock();
    }
}
