//! The image set that needs no download: 1,797 handwritten digits of 8 × 8 pixels in 17 shades, which the crate `smartcore`
//! carries.
//!
//! Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0); its test part, by 13
//! writers, as scikit-learn's `load_digits` has it. Both sides of the split here hold digits of the same writers.

use super::write_image_parquet;
use crate::DataError;
use crate::permutation::Permutation;
use crate::source::hash_file;
use image::{GrayImage, ImageFormat};
use ligo_files::replace_file;
use serde::{Deserialize, Serialize};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

/// Width and height of an image.
pub const SIDE: usize = 8;
/// Classes: the digits.
pub const CLASSES: usize = 10;

const TRAIN: &str = "train.parquet";
const VALIDATION: &str = "validation.parquet";
const REPORT: &str = "report.json";
/// Goes up whenever other files are made of the same digits.
const VERSION: u32 = 1;
const NUMBERS: usize = SIDE * SIDE;
/// The darkest shade; the lightest is 0.
const DARKEST: f32 = 16.0;
/// Of this many images of a class, one is validated on.
const VALIDATION_EVERY: u64 = 5;
const SPLIT_SEED: u64 = 1797;

/// The two files, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitsReport {
    /// What is trained on.
    pub train: PathBuf,
    /// What is validated on.
    pub validation: PathBuf,
    /// Images to train on.
    pub train_images: u64,
    /// Images to validate on.
    pub validation_images: u64,
    /// Hash of pixels, classes and split.
    pub content_hash: String,
}

/// What vouches for the files: `report.json` beside them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    content_hash: String,
    train: Side,
    validation: Side,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Side {
    images: u64,
    file_hash: String,
}

/// Puts `train.parquet` and `validation.parquet` into `directory`, grey PNGs and labels in the Hub's schema, and a
/// `report.json`. Does nothing if they are there and whole. A fifth of each class is validated on, always the same.
///
/// # Errors
/// A directory that cannot be made or written, a full disk.
pub fn build(directory: &Path) -> Result<DigitsReport, DataError> {
    let digits = Digits::carried();
    let content_hash = digits.hash();
    let kept = match kept(directory, &content_hash) {
        Some(kept) => kept,
        None => digits.write(directory, content_hash)?,
    };
    Ok(DigitsReport {
        train: directory.join(TRAIN),
        validation: directory.join(VALIDATION),
        train_images: kept.train.images,
        validation_images: kept.validation.images,
        content_hash: kept.content_hash,
    })
}

/// The report in `directory` if its files are these digits and whole.
fn kept(directory: &Path, content_hash: &str) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(directory.join(REPORT)).ok()?).ok()?;
    let whole = |file: &str, side: &Side| {
        hash_file(&directory.join(file)).is_ok_and(|hash| hash.to_hex().as_str() == side.file_hash)
    };
    let current = kept.content_hash == content_hash && whole(TRAIN, &kept.train) && whole(VALIDATION, &kept.validation);
    current.then_some(kept)
}

/// All digits in the order of the crate.
struct Digits {
    /// `images · 8 · 8` levels of 255.
    pixels: Vec<u8>,
    classes: Vec<u8>,
    is_validation: Vec<bool>,
}

impl Digits {
    fn carried() -> Self {
        let set = smartcore::dataset::digits::load_dataset();
        // 17 shades keep apart: a step is 16 levels or 15.
        let pixels = set.data.iter().map(|shade| (shade * (255.0 / DARKEST)).round() as u8).collect();
        let classes: Vec<u8> = set.target.iter().map(|&class| class as u8).collect();
        let is_validation = split(&classes);
        Self { pixels, classes, is_validation }
    }

    fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"ligo digits").update(&VERSION.to_le_bytes()).update(&self.pixels).update(&self.classes);
        hasher.update(&self.is_validation.iter().map(|&side| u8::from(side)).collect::<Vec<u8>>());
        hasher.finalize().to_hex().to_string()
    }

    /// Writes the two files, and last the report that vouches for them.
    fn write(&self, directory: &Path, content_hash: String) -> Result<Kept, DataError> {
        let train = self.write_side(&directory.join(TRAIN), false)?;
        let validation = self.write_side(&directory.join(VALIDATION), true)?;
        let kept = Kept { content_hash, train, validation };
        let path = directory.join(REPORT);
        replace_file(&path, |file| {
            let json = serde_json::to_vec_pretty(&kept).map_err(io::Error::from);
            json.and_then(|json| file.write_all(&json)).map_err(DataError::io("write", &path))
        })?;
        Ok(kept)
    }

    fn write_side(&self, path: &Path, validation: bool) -> Result<Side, DataError> {
        let images = self.pixels.chunks_exact(NUMBERS).zip(&self.classes).zip(&self.is_validation);
        let images = images
            .filter(|(_, side)| **side == validation)
            .map(|((pixels, class), _)| Ok((png(pixels)?, i64::from(*class))))
            .collect::<Result<Vec<_>, io::Error>>()
            .map_err(DataError::io("encode the images of", path))?;
        write_image_parquet(path, &images)?;
        Ok(Side { images: images.len() as u64, file_hash: hash_file(path)?.to_hex().to_string() })
    }
}

/// Which images are validated on: of each class the same share, chosen by a permutation of its images.
fn split(classes: &[u8]) -> Vec<bool> {
    let mut is_validation = vec![false; classes.len()];
    for class in 0..CLASSES as u8 {
        let places: Vec<usize> = (0..classes.len()).filter(|&place| classes[place] == class).collect();
        let images = places.len() as u64;
        let order = Permutation::new(images, SPLIT_SEED, u64::from(class));
        for chosen in 0..images / VALIDATION_EVERY {
            is_validation[places[order.get(chosen) as usize]] = true;
        }
    }
    is_validation
}

fn png(pixels: &[u8]) -> Result<Vec<u8>, io::Error> {
    let side = SIDE as u32;
    let image = GrayImage::from_raw(side, side, pixels.to_vec()).ok_or(io::ErrorKind::InvalidData)?;
    let mut png = Vec::new();
    image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(io::Error::other)?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::ImageSource;
    use crate::images::decode::decode;

    #[test]
    fn the_files_hold_every_digit_once_a_fifth_of_each_class_for_validation() {
        let directory = tempfile::tempdir().unwrap();
        let report = build(&directory.path().join("digits")).unwrap();
        let digits = Digits::carried();
        assert_eq!((report.train_images, report.validation_images), (1442, 355));
        // The first digit of UCI's file, a 0, in its shades of 16.
        assert_eq!(digits.classes[0], 0);
        let shades = [0, 0, 5, 13, 9, 1, 0, 0].map(|shade: u32| ((shade * 255 + 8) / 16) as u8);
        assert_eq!(digits.pixels[..SIDE], shades);

        for (file, validation) in [(&report.train, false), (&report.validation, true)] {
            let images = ImageSource::new([file]).read().unwrap();
            let expected: Vec<usize> =
                (0..digits.classes.len()).filter(|&place| digits.is_validation[place] == validation).collect();
            assert_eq!(images.len(), expected.len() as u64);
            for (index, place) in (0..).zip(expected) {
                let pixels = decode(images.get(index).bytes, 1).unwrap();
                assert_eq!((pixels.width, pixels.height), (SIDE, SIDE));
                assert_eq!(pixels.pixels, digits.pixels[place * NUMBERS..][..NUMBERS]);
                assert_eq!(images.labels()[index as usize], i32::from(digits.classes[place]));
            }
            for class in 0..CLASSES as i32 {
                let of_class = images.labels().iter().filter(|&&label| label == class).count();
                assert!(if validation { (34..=36).contains(&of_class) } else { (138..=148).contains(&of_class) });
            }
        }
    }

    #[test]
    fn damaged_files_are_made_again_and_whole_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let report = build(directory.path()).unwrap();
        let good = std::fs::read(&report.train).unwrap();
        let written = || std::fs::metadata(&report.validation).unwrap().modified().unwrap();
        let first = written();
        assert_eq!(build(directory.path()).unwrap(), report);
        assert_eq!(written(), first);

        std::fs::write(&report.train, &good[..good.len() / 2]).unwrap();
        assert_eq!(build(directory.path()).unwrap(), report);
        assert_eq!(std::fs::read(&report.train).unwrap(), good);

        std::fs::remove_file(directory.path().join(REPORT)).unwrap();
        assert_eq!(build(directory.path()).unwrap(), report);
        assert!(directory.path().join(REPORT).exists());
    }
}
