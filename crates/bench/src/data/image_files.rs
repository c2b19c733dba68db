//! Random JPEGs of the size that ImageNet's mostly have, about as hard to decode as photographs.

use super::CLASSES;
use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use ligo_data::images::write_image_parquet;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use std::path::Path;

/// Width and height.
const SIZE: (u32, u32) = (500, 375);
/// As most photographs on the web.
const QUALITY: u8 = 90;
/// Cells of the coarsest noise across an image; each finer one has twice as many and is less strong by `FALL`.
const COARSEST: usize = 4;
const OCTAVES: usize = 7;
const FALL: f32 = 0.6;

pub(super) const PARQUET: &str = "images.parquet";
/// A directory of images for each class, for those who read no Parquet.
pub(super) const FOLDER: &str = "images";

/// Writes `count` random JPEGs of 500 × 375 pixels, as a Parquet file and as files in a directory for each class.
///
/// Noise of one frequency after another, each weaker than the coarser one before, as in natural images: noise of equal strength
/// everywhere would take a decoder twice as long, an even colour no time at all.
///
/// # Errors
/// A directory that cannot be written.
pub fn write_images(directory: &Path, count: usize) -> Result<()> {
    let images: Vec<(Vec<u8>, i64)> = (0..count)
        .into_par_iter()
        .map(|number| Ok((jpeg(number as u64)?, (number % CLASSES) as i64)))
        .collect::<Result<_>>()?;
    for (number, (bytes, class)) in images.iter().enumerate() {
        let class = directory.join(FOLDER).join(class.to_string());
        let path = class.join(format!("{number:05}.jpg"));
        std::fs::create_dir_all(&class)
            .and_then(|()| std::fs::write(&path, bytes))
            .with_context(|| path.display().to_string())?;
    }
    Ok(write_image_parquet(&directory.join(PARQUET), &images)?)
}

fn jpeg(seed: u64) -> Result<Vec<u8>> {
    let (width, height) = SIZE;
    let mut random = StdRng::seed_from_u64(seed);
    let channels: Vec<Vec<f32>> = (0..4).map(|_| noise(&mut random)).collect();
    // Channels share most of what they show, as those of photographs do.
    let pixel = |x: u32, y: u32| {
        let at = (y * width + x) as usize;
        [0, 1, 2].map(|channel| (128.0 + 60.0 * channels[3][at] + 25.0 * channels[channel][at]) as u8)
    };
    let image = RgbImage::from_fn(width, height, |x, y| pixel(x, y).into());
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode(&image, width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

/// `[height][width]`, mostly from -2 to 2.
fn noise(random: &mut StdRng) -> Vec<f32> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let mut sum = vec![0.0; width * height];
    let mut strength = 1.0;
    for octave in 0..OCTAVES {
        let cells = COARSEST << octave;
        let grid: Vec<f32> = (0..(cells + 1) * (cells + 1)).map(|_| random.random_range(-1.0..1.0)).collect();
        let at = |column: usize, row: usize| grid[row * (cells + 1) + column];
        for y in 0..height {
            let (row, down) = part(y, height, cells);
            for x in 0..width {
                let (column, right) = part(x, width, cells);
                let upper = at(column, row) * (1.0 - right) + at(column + 1, row) * right;
                let lower = at(column, row + 1) * (1.0 - right) + at(column + 1, row + 1) * right;
                sum[y * width + x] += strength * (upper * (1.0 - down) + lower * down);
            }
        }
        strength *= FALL;
    }
    sum
}

/// The cell that a pixel lies in, and how far into it.
fn part(place: usize, size: usize, cells: usize) -> (usize, f32) {
    let place = place as f32 * cells as f32 / size as f32;
    (place as usize, place.fract())
}
