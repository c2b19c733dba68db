//! A file mapped into memory for reading. It is here because this is the one crate that may say `unsafe`; it knows nothing of
//! what the file holds.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of a file, of which only those looked at are read.
///
/// The file must not be written in place or cut while it is mapped: replace it by renaming another one over it, which leaves
/// the mapped one as it was. Where another process does so all the same, reading may give other bytes than before, or the
/// system may end the process.
#[derive(Debug)]
pub struct MappedFile(memmap2::Mmap);

impl MappedFile {
    /// Maps a whole file.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: the map is private to this type and only ever read as bytes, for which every bit pattern is valid. That the
        // file is not changed in place meanwhile cannot be checked here; the type's documentation asks it of whoever
        // names the file, and the project replaces its own files by renaming.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
