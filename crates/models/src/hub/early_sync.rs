//! Files that are brought to the disk while they are still written, so that the disk works meanwhile and the wait at the end is
//! short.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};

/// Bytes that are written before the disk is asked to have them.
const EVERY: usize = 64 << 20;

/// Asks for it after every so many bytes.
pub(super) struct EarlySync {
    unsynced: usize,
    syncer: Option<Syncer>,
}

/// A thread that waits for the disk.
struct Syncer {
    sender: SyncSender<Arc<File>>,
    thread: JoinHandle<io::Result<()>>,
}

impl EarlySync {
    pub(super) fn new() -> Self {
        Self { unsynced: 0, syncer: None }
    }

    /// So many bytes more have been written to the file. Does not wait; while one request is carried out another one waits, and more
    /// than that are passed over.
    pub(super) fn written(&mut self, file: &Arc<File>, bytes: usize) {
        self.unsynced += bytes;
        if self.unsynced >= EVERY {
            self.unsynced = 0;
            let syncer = self.syncer.get_or_insert_with(|| {
                let (sender, receiver) = sync_channel::<Arc<File>>(1);
                let thread = spawn(move || receiver.into_iter().try_for_each(|file| file.sync_data()));
                Syncer { sender, thread }
            });
            // Nobody receives any more where syncing has failed; `finish` says so.
            _ = syncer.sender.try_send(file.clone());
        }
    }

    /// Waits for what was asked for.
    ///
    /// # Errors
    /// What the disk said. It says so once: a later sync of the same file may succeed.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(Syncer { sender, thread }) = self.syncer.take() else { return Ok(()) };
        drop(sender);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs has panicked")))
    }
}
