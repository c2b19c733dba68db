//! Images as they were encoded, and their labels: what a data set costs in memory while it is trained on.

use super::decode::decode;
use super::source::row_error;
use crate::DataError;
use arrow_array::BinaryArray;
use rayon::prelude::*;
use std::path::PathBuf;

/// Encoded images in the order of their files, each with its label.
#[derive(Debug)]
pub struct EncodedImages {
    parts: Vec<Part>,
    /// Number of the first image of each part.
    firsts: Vec<u64>,
    labels: Vec<i32>,
    skipped: Option<Skipped>,
}

/// Images that were left out, as they do not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub images: u64,
    /// The first: its file, its row and what is wrong with it.
    pub first: String,
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
    /// Rows that were left out, ascending.
    skipped: Vec<u64>,
}

/// One encoded image and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodedImage<'a> {
    pub(super) bytes: &'a [u8],
    part: &'a Part,
    /// Which of the part's.
    index: u64,
}

impl Part {
    pub(super) fn new(path: PathBuf, image: String, label: String) -> Self {
        Self { path, image, label, chunks: Vec::new(), places: Vec::new(), labels: Vec::new(), skipped: Vec::new() }
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

    /// Leaves out the images that do not decode, tried on all threads; returns the error of each.
    pub(super) fn skip_broken(&mut self) -> Vec<DataError> {
        let part = &*self;
        let broken: Vec<(u64, DataError)> = (0..self.places.len() as u64)
            .into_par_iter()
            .filter_map(|index| {
                let image = part.get(index);
                // Colour is the most that can be asked for.
                decode(image.bytes, 3).err().map(|why| (index, image.unusable(why)))
            })
            .collect();
        let (rows, errors): (Vec<u64>, Vec<DataError>) = broken.into_iter().unzip();
        let kept = |index: usize| rows.binary_search(&(index as u64)).is_err();
        self.places = self.places.iter().enumerate().filter(|&(index, _)| kept(index)).map(|(_, &at)| at).collect();
        self.labels = self.labels.iter().enumerate().filter(|&(index, _)| kept(index)).map(|(_, &of)| of).collect();
        self.skipped = rows;
        errors
    }

    fn get(&self, index: u64) -> EncodedImage<'_> {
        let (chunk, start, length) = self.places[index as usize];
        let bytes = &self.chunks[chunk as usize][start as usize..][..length as usize];
        EncodedImage { bytes, part: self, index }
    }
}

impl EncodedImages {
    pub(super) fn new(mut parts: Vec<Part>, skipped: Option<Skipped>) -> Self {
        let (mut firsts, mut labels) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in &mut parts {
            firsts.push(labels.len() as u64);
            labels.append(&mut std::mem::take(&mut part.labels));
        }
        Self { parts, firsts, labels, skipped }
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

    /// What was left out, if anything was.
    pub fn skipped(&self) -> Option<&Skipped> {
        self.skipped.as_ref()
    }

    /// Bytes of all encoded images together.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().flat_map(|part| &part.places).map(|&(_, _, length)| u64::from(length)).sum()
    }

    /// Checks that all labels are below `num_labels`.
    pub(super) fn check_labels(&self, num_labels: usize) -> Result<(), DataError> {
        let known = |label: i32| usize::try_from(label).is_ok_and(|label| label < num_labels);
        let Some(index) = self.labels.iter().position(|&label| !known(label)) else { return Ok(()) };
        let image = self.get(index as u64);
        let expected = format!("a class from 0 to {}, as num_labels = {num_labels}", num_labels.saturating_sub(1));
        let found = self.labels[index].to_string();
        Err(row_error(&image.part.path, image.row(), &image.part.label, found, expected))
    }

    /// Image `index`, for `index` below [`len`](Self::len).
    pub(super) fn get(&self, index: u64) -> EncodedImage<'_> {
        let part = self.firsts.partition_point(|&first| first <= index) - 1;
        self.parts[part].get(index - self.firsts[part])
    }
}

impl EncodedImage<'_> {
    /// Its row in its file.
    fn row(&self) -> u64 {
        self.part.skipped.iter().fold(self.index, |row, &skipped| if skipped <= row { row + 1 } else { row })
    }

    /// The error for an image that cannot be decoded or prepared.
    pub(super) fn unusable(&self, reason: String) -> DataError {
        let found = format!("{} bytes that make no image ({reason})", self.bytes.len());
        row_error(&self.part.path, self.row(), &self.part.image, found, "a whole PNG or JPEG".to_owned())
    }
}
