//! Images as they were encoded, and their labels: what a data set costs in memory while it is trained on.

use super::source::row_error;
use crate::DataError;
use arrow_array::BinaryArray;
use std::path::PathBuf;

/// Encoded images in the order of their files, each with its label.
#[derive(Debug)]
pub struct EncodedImages {
    parts: Vec<Part>,
    /// Number of the first image of each part.
    firsts: Vec<u64>,
    labels: Vec<i32>,
}

/// What came from one file.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    image: String,
    label: String,
    /// The images of one record batch, one after the other.
    chunks: Vec<Box<[u8]>>,
    /// Chunk, start and length in it, of each image.
    places: Vec<(u32, u32, u32)>,
    labels: Vec<i32>,
}

/// One encoded image and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodedImage<'a> {
    pub(super) bytes: &'a [u8],
    part: &'a Part,
    row: u64,
}

impl Part {
    pub(super) fn new(path: PathBuf, image: String, label: String) -> Self {
        Self { path, image, label, chunks: Vec::new(), places: Vec::new(), labels: Vec::new() }
    }

    /// Adds the rows of a record batch.
    pub(super) fn push(&mut self, images: &BinaryArray, labels: &[Option<i64>]) -> Result<(), DataError> {
        let first = self.places.len() as u64;
        // A chunk's number and the offsets of a `BinaryArray`, which are `i32`, fit 32 bits.
        let chunk = self.chunks.len() as u32;
        let mut start = 0;
        let mut bytes = Vec::with_capacity(images.iter().flatten().map(<[u8]>::len).sum());
        for (row, (image, &label)) in (first..).zip(images.iter().zip(labels)) {
            let image = image.ok_or_else(|| {
                let expected = "the bytes of a PNG or JPEG; a path alone names no image of this file".to_owned();
                row_error(&self.path, row, &self.image, "null".to_owned(), expected)
            })?;
            let label = label.and_then(|label| i32::try_from(label).ok()).ok_or_else(|| {
                let found = label.map_or("null".to_owned(), |label| label.to_string());
                row_error(&self.path, row, &self.label, found, "a class, 0 or more".to_owned())
            })?;
            bytes.extend_from_slice(image);
            self.places.push((chunk, start, image.len() as u32));
            self.labels.push(label);
            start += image.len() as u32;
        }
        self.chunks.push(bytes.into_boxed_slice());
        Ok(())
    }
}

impl EncodedImages {
    pub(super) fn new(mut parts: Vec<Part>) -> Self {
        let (mut firsts, mut labels) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in &mut parts {
            firsts.push(labels.len() as u64);
            labels.append(&mut std::mem::take(&mut part.labels));
        }
        Self { parts, firsts, labels }
    }

    /// Number of images.
    pub fn len(&self) -> u64 {
        self.labels.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels, in the order of the files.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// Bytes of all encoded images together.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().flat_map(|part| &part.chunks).map(|chunk| chunk.len() as u64).sum()
    }

    /// Checks that all labels are below `num_labels`.
    pub(super) fn check_labels(&self, num_labels: usize) -> Result<(), DataError> {
        let known = |label: i32| usize::try_from(label).is_ok_and(|label| label < num_labels);
        let Some(index) = self.labels.iter().position(|&label| !known(label)) else { return Ok(()) };
        let image = self.get(index as u64);
        let expected = format!("a class from 0 to {}, as num_labels = {num_labels}", num_labels.saturating_sub(1));
        let found = self.labels[index].to_string();
        Err(row_error(&image.part.path, image.row, &image.part.label, found, expected))
    }

    /// Image `index`, for `index` below [`len`](Self::len).
    pub(super) fn get(&self, index: u64) -> EncodedImage<'_> {
        let part = self.firsts.partition_point(|&first| first <= index) - 1;
        let row = index - self.firsts[part];
        let part = &self.parts[part];
        let (chunk, start, length) = part.places[row as usize];
        let bytes = &part.chunks[chunk as usize][start as usize..][..length as usize];
        EncodedImage { bytes, part, row }
    }
}

impl EncodedImage<'_> {
    /// The error for an image that cannot be decoded or prepared.
    pub(super) fn unusable(&self, reason: String) -> DataError {
        let found = format!("{} bytes that make no image ({reason})", self.bytes.len());
        row_error(&self.part.path, self.row, &self.part.image, found, "a whole PNG or JPEG".to_owned())
    }
}
