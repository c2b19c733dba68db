//! The file in which a tokenised corpus is kept: a header, then all tokens in order, memory-mapped for reading.
//!
//! Token files are never written in place (they are written under another name and renamed, by
//! [`TokenWriter`](crate::token_writer::TokenWriter)), which is what [`MappedFile`] asks for.
//!
//! Little-endian throughout. The header is 128 bytes: magic, version, bytes per token (2 if every id fits, else 4), number
//! of tokens, number of texts, the key (what the file was made from), a hash of the tokens, a hash of the header so far.
//! A file that does not agree with its header, or was made from something else, is not opened.

use crate::DataError;
use ligo_kernels::MappedFile;
use std::fs::File;
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"LIGOTOKS";
const VERSION: u32 = 1;
const HASHED_HEADER_BYTES: usize = 96;
pub(crate) const HEADER_BYTES: usize = 128;

/// Bytes that one token takes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Two = 2,
    Four = 4,
}

impl Width {
    /// The narrowest that holds every id below `vocab_size`.
    pub(crate) fn for_vocabulary(vocab_size: usize) -> Self {
        if vocab_size <= 1 << 16 { Width::Two } else { Width::Four }
    }
}

/// What a token file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: Width,
    pub(crate) tokens: u64,
    pub(crate) texts: u64,
    pub(crate) key: blake3::Hash,
    pub(crate) payload: blake3::Hash,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(self.width as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.tokens.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.texts.to_le_bytes());
        bytes[32..64].copy_from_slice(self.key.as_bytes());
        bytes[64..96].copy_from_slice(self.payload.as_bytes());
        let hash = blake3::hash(&bytes[..HASHED_HEADER_BYTES]);
        bytes[HASHED_HEADER_BYTES..].copy_from_slice(hash.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let Some((header, _)) = bytes.split_at_checked(HEADER_BYTES) else {
            return Err(format!("found {} bytes, expected a header of {HEADER_BYTES}", bytes.len()));
        };
        if blake3::hash(&header[..HASHED_HEADER_BYTES]).as_bytes()[..] != header[HASHED_HEADER_BYTES..] {
            return Err("the header does not match its own hash".to_owned());
        }
        if header[0..8] != *MAGIC || u32_at(header, 8) != VERSION {
            return Err(format!("expected a token file of version {VERSION}, found another kind or version"));
        }
        let width = match u32_at(header, 12) {
            2 => Width::Two,
            4 => Width::Four,
            other => return Err(format!("found {other} bytes per token, expected 2 or 4")),
        };
        let hash_at = |at: usize| blake3::Hash::from_bytes(std::array::from_fn(|i| header[at + i]));
        let (tokens, texts) = (u64_at(header, 16), u64_at(header, 24));
        Ok(Self { width, tokens, texts, key: hash_at(32), payload: hash_at(64) })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// Piece by piece, so that however large the file, little of it counts towards this process.
fn hash_of_tokens(map: &MappedFile) -> blake3::Hash {
    const PIECE: usize = 16 << 20;
    let mut hasher = blake3::Hasher::new();
    for start in (HEADER_BYTES..map.len()).step_by(PIECE) {
        let piece = start..map.len().min(start + PIECE);
        hasher.update(&map[piece.clone()]);
        map.release(piece);
    }
    hasher.finalize()
}

/// A tokenised corpus, mapped into memory: only the pages that are looked at are read.
#[derive(Debug)]
pub(crate) struct TokenFile {
    map: MappedFile,
    header: Header,
}

impl TokenFile {
    /// Opens a file and checks it whole: header, length, hash, and that it was made from what `key` stands for.
    ///
    /// The outer error is the system's; the inner one says why the file is not to be used. None if there is no file.
    pub(crate) fn open(path: &Path, key: blake3::Hash) -> Result<Option<Result<Self, String>>, DataError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io("open", path)(error)),
        };
        let map = MappedFile::open(&file).map_err(DataError::io("map", path))?;
        Ok(Some(Self::checked(map, key)))
    }

    fn checked(map: MappedFile, key: blake3::Hash) -> Result<Self, String> {
        let header = Header::from_bytes(&map)?;
        if header.key != key {
            return Err("the file was made from another text or tokenizer".to_owned());
        }
        let payload = &map[HEADER_BYTES..];
        if payload.len() as u64 != header.tokens.saturating_mul(header.width as u64) {
            let (found, width) = (payload.len(), header.width as u64);
            return Err(format!("found {found} bytes of tokens, expected {} tokens of {width} bytes", header.tokens));
        }
        if hash_of_tokens(&map) != header.payload {
            return Err("the tokens do not match their hash".to_owned());
        }
        Ok(Self { map, header })
    }

    /// Number of tokens.
    pub(crate) fn tokens(&self) -> u64 {
        self.header.tokens
    }

    /// Number of texts that they come from.
    pub(crate) fn texts(&self) -> u64 {
        self.header.texts
    }

    /// `count` tokens from `start` on; the caller keeps them within [`tokens`](Self::tokens).
    pub(crate) fn range(&self, start: u64, count: usize) -> Vec<u32> {
        let width = self.header.width as usize;
        let from = HEADER_BYTES + start as usize * width;
        let bytes = &self.map[from..from + count * width];
        match self.header.width {
            Width::Two => bytes.chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
            Width::Four => bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token_writer::TokenWriter;

    fn write(path: &Path, key: blake3::Hash, width: Width, texts: &[&[u32]]) {
        let mut writer = TokenWriter::begin(path, key, width).unwrap();
        texts.iter().for_each(|tokens| writer.append(tokens, 1).unwrap());
        writer.finish().unwrap();
    }

    fn open(path: &Path, key: blake3::Hash) -> Result<TokenFile, String> {
        TokenFile::open(path, key).unwrap().expect("the file is there")
    }

    #[test]
    fn tokens_come_back_in_both_widths() {
        let directory = tempfile::tempdir().unwrap();
        let key = blake3::hash(b"key");
        for (vocab_size, tokens) in [(1 << 16, [0, 255, 256, 65_535]), (1 << 17, [0, 65_535, 65_536, 131_071])] {
            let path = directory.path().join("tokens");
            write(&path, key, Width::for_vocabulary(vocab_size), &[&tokens[..1], &[], &tokens[1..]]);
            let file = open(&path, key).unwrap();
            assert_eq!((file.tokens(), file.texts()), (4, 3));
            assert_eq!(file.range(0, 4), tokens);
            assert_eq!(file.range(1, 2), tokens[1..3]);
        }
    }

    #[test]
    fn any_flipped_bit_any_cut_and_another_key_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, key) = (directory.path().join("tokens"), blake3::hash(b"key"));
        write(&path, key, Width::Two, &[&[1, 2, 3]]);
        let good = std::fs::read(&path).unwrap();
        assert_eq!(good.len(), HEADER_BYTES + 6);
        assert!(open(&path, blake3::hash(b"another")).unwrap_err().contains("another text"));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            assert!(open(&path, key).is_err(), "flipped bit in byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(open(&path, key).is_err(), "cut to {at} bytes");
        }
        std::fs::write(&path, [&good[..], &[0, 0]].concat()).unwrap();
        assert!(open(&path, key).unwrap_err().contains("expected 3 tokens of 2 bytes"));
        std::fs::write(&path, &good).unwrap();
        assert!(open(&path, key).is_ok());
    }
}
