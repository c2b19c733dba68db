//! A file mapped into memory for reading. It is here because this is the one crate that may say `unsafe`; it knows nothing of
//! what the file holds.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

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

    /// Tells the system that the whole file will be read soon, from its beginning to its end.
    ///
    /// The system then begins to read it into its cache; no memory of this process is taken. A hint: where the system has
    /// none such, nothing happens.
    pub fn will_read_in_order(&self) {
        #[cfg(unix)]
        {
            // Not `Sequential`: with it, Linux 6.18 took ten times as long for a file that was not yet in its cache.
            // A hint that was refused costs time alone.
            _ = self.0.advise(memmap2::Advice::WillNeed);
        }
    }

    /// Gives back the memory of a range of bytes, and of the pages that it shares with its neighbours.
    ///
    /// For who copies a file out piece by piece: the pages of a piece that has been copied no longer count towards this
    /// process, so that it never holds the file and the copy. Reading the range again gives the same bytes, from the
    /// system's cache or the disk. What of the range lies beyond the file is ignored; so is all of it where the system
    /// cannot do it.
    pub fn release(&self, range: Range<usize>) {
        let end = range.end.min(self.0.len());
        if range.start >= end {
            return;
        }
        #[cfg(unix)]
        {
            // SAFETY: the range lies in the map. The map is shared with a file and read-only, so that a page that was
            // dropped is read from the same file again when it is touched: no reference into it sees anything change.
            // A refusal leaves everything as it was.
            _ = unsafe {
                self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, end - range.start)
            };
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(name: &str, bytes: &[u8]) -> MappedFile {
        let path = std::env::temp_dir().join(format!("ligo-mapped-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let map = MappedFile::open(&File::open(&path).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        map
    }

    #[test]
    fn a_released_range_is_read_again_from_the_file() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let map = mapped("again", &bytes);
        map.will_read_in_order();
        for range in [0..100_000, 5..6, 4_000..9_000, 99_999..200_000, 7..7, 300_000..400_000, 0..usize::MAX] {
            assert_eq!(map[..], bytes[..]);
            map.release(range);
        }
        assert_eq!(map[..], bytes[..]);
        let empty = mapped("empty", &[]);
        empty.will_read_in_order();
        empty.release(0..1);
        assert!(empty.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_released_range_takes_no_memory() {
        // KiB of the mapping that are resident, as the system counts them.
        let resident = |map: &MappedFile| -> usize {
            let table = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let start = format!("{:x}-", map.as_ptr() as usize);
            let mapping = table.lines().skip_while(|line| !line.starts_with(&start));
            let line = mapping.skip(1).find(|line| line.starts_with("Rss:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let map = mapped("resident", &vec![1; 1 << 20]);
        assert_eq!(map.iter().map(|&b| usize::from(b)).sum::<usize>(), 1 << 20);
        assert_eq!(resident(&map), 1024);
        map.release(0..1 << 19);
        assert_eq!(resident(&map), 512);
    }
}
