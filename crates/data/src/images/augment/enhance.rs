//! Operations of RandAugment that move an image away from a dull version of itself or towards it, as Pillow's
//! `ImageEnhance` does: with the factor f, value v and dull value d the result is d + f · (v − d), cut off to 8 bits; so 0
//! is all dull, 1 is the image, 2 is twice as far.

use super::tones::map;
use crate::images::decode::{Pixels, luma};

/// In single precision, as Pillow: the conversion cuts off the fraction and keeps to 0 and 255.
fn away(value: u8, dull: u8, factor: f32) -> u8 {
    (f32::from(dull) + factor * (i32::from(value) - i32::from(dull)) as f32) as u8
}

/// Dull is black.
pub(super) fn brightness(image: &mut Pixels, factor: f32) {
    map(image, |value| away(value, 0, factor));
}

/// Dull is the mean of the greys, rounded, in every pixel.
pub(super) fn contrast(image: &mut Pixels, factor: f32) {
    let count = image.width * image.height;
    let sum: u64 = match image.channels {
        1 => image.pixels.iter().map(|&value| u64::from(value)).sum(),
        _ => image.pixels.chunks_exact(3).map(|pixel| u64::from(luma(pixel))).sum(),
    };
    let mean = (sum as f64 / count as f64 + 0.5) as u8;
    map(image, |value| away(value, mean, factor));
}

/// Dull is the pixel's grey; a grey image stays as it is.
pub(super) fn colour(image: &mut Pixels, factor: f32) {
    if image.channels == 1 {
        return;
    }
    for pixel in image.pixels.chunks_exact_mut(3) {
        let grey = luma(pixel);
        pixel.iter_mut().for_each(|value| *value = away(*value, grey, factor));
    }
}

/// Dull is the mean over the 3 × 3 pixels around, the middle counted five times; the outermost pixels stay as they are.
pub(super) fn sharpness(image: &mut Pixels, factor: f32) {
    let (channels, stride) = (image.channels, image.width * image.channels);
    if image.width < 3 || image.height < 3 {
        return;
    }
    let old = image.pixels.clone();
    let inner = image.pixels.chunks_exact_mut(stride).skip(1).take(image.height - 2);
    for (row, three_rows) in inner.zip(old.windows(3 * stride).step_by(stride)) {
        for (place, value) in row.iter_mut().enumerate().take(stride - channels).skip(channels) {
            let middles = [0, stride, 2 * stride].map(|start| start + place);
            let square = middles.iter().flat_map(|&at| [at - channels, at, at + channels]);
            let sum = square.map(|at| u32::from(three_rows[at])).sum::<u32>() + 4 * u32::from(*value);
            *value = away(*value, ((2 * sum + 13) / 26) as u8, factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_one_changes_nothing() {
        let pixels = (0..5 * 4 * 3).map(|number| (number * 37 % 256) as u8).collect();
        let image = Pixels { pixels, width: 5, height: 4, channels: 3 };
        for operation in [brightness, contrast, colour, sharpness] {
            let mut same = image.clone();
            operation(&mut same, 1.0);
            assert_eq!(same, image);
        }
    }
}
