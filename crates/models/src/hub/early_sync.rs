//! Files that are brought to the disk while they are still written, so that the disk works meanwhile and the wait at the end is
//! short. It is no more than that: who writes still syncs in the end.

use ligo_files::FileError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Bytes that are written before the disk is asked to have them.
const EVERY: usize = if cfg!(test) { 10 } else { 64 << 20 };

/// Asks for it after every so many bytes.
#[derive(Default)]
pub(super) struct EarlySync {
    unsynced: usize,
    syncer: Option<Syncer>,
}

/// A thread that waits for the disk.
struct Syncer {
    sender: SyncSender<(Arc<File>, PathBuf)>,
    thread: JoinHandle<Result<(), FileError>>,
}

impl Syncer {
    /// None where the system has no thread for it.
    fn start() -> Option<Self> {
        let (sender, receiver) = sync_channel::<(Arc<File>, PathBuf)>(1);
        let sync = |(file, path): (Arc<File>, PathBuf)| file.sync_data().map_err(FileError::at("write", &path));
        let thread = Builder::new().spawn(move || receiver.into_iter().try_for_each(sync)).ok()?;
        Some(Self { sender, thread })
    }
}

impl EarlySync {
    /// So many bytes more have been written to the file. Does not wait; while one request is carried out another one waits, and more
    /// than that are passed over.
    pub(super) fn written(&mut self, file: &Arc<File>, path: &Path, bytes: usize) {
        self.unsynced += bytes;
        if self.unsynced < EVERY {
            return;
        }
        self.unsynced = 0;
        if self.syncer.is_none() {
            self.syncer = Syncer::start();
        }
        if let Some(Syncer { sender, .. }) = &self.syncer {
            // Nobody receives any more where syncing has failed; `finish` says so.
            _ = sender.try_send((file.clone(), path.to_owned()));
        }
    }

    /// Waits for what was asked for.
    ///
    /// # Errors
    /// What the disk said. It says so once: a later sync of the same file may succeed.
    pub(super) fn finish(&mut self) -> Result<(), FileError> {
        let Some(Syncer { sender, thread }) = self.syncer.take() else { return Ok(()) };
        drop(sender);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for EarlySync {
    fn drop(&mut self) {
        if let Some(Syncer { sender, thread }) = self.syncer.take() {
            drop(sender);
            // Its files are closed then; what it has to say is nobody's any more.
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_asked_for_is_waited_for_and_the_file_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let file = Arc::new(File::create(&path).unwrap());
        let mut sync = EarlySync::default();
        sync.finish().unwrap();
        for _ in 0..5 {
            (&*file).write_all(&[1; 4]).unwrap();
            sync.written(&file, &path, 4);
        }
        assert!(sync.syncer.is_some(), "more than is written before the disk is asked");
        sync.finish().unwrap();
        assert_eq!(Arc::strong_count(&file), 1);
        sync.written(&file, &path, 2 * EVERY);
        drop(sync);
        assert_eq!(Arc::strong_count(&file), 1);
    }

    /// A file that cannot be synced says so.
    #[test]
    #[cfg(unix)]
    fn what_the_disk_refuses_is_said_in_the_end() {
        let (reader, writer) = std::io::pipe().unwrap();
        let file = Arc::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let mut sync = EarlySync::default();
        sync.written(&file, Path::new("pipe"), 2 * EVERY);
        let message = sync.finish().unwrap_err().to_string();
        assert!(message.starts_with("pipe: cannot write: "), "{message}");
        drop(reader);
    }
}
