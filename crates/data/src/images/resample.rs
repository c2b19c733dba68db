//! Resizing of 8-bit images as Pillow does it, to the bit: what the Hub's image processors were trained with.
//!
//! Each output pixel is a weighted mean of the input pixels under a window. Along one axis with n inputs and m outputs,
//! output i looks at the centre c = (i + ½)·n/m, and input j weighs f((j + ½ − c) / s) with the filter f and the stretch
//! s = max(n/m, 1), so that a reduction averages over all that it covers. Weights are scaled to sum 1 and held in fixed
//! point of 22 bits. Rows are resized first and rounded to 8 bits, then columns: so do torchvision and Pillow, but Pillow
//! from version 13 takes columns first where the height shrinks much more than the width.

use super::decode::Pixels;
use ligo_kernels::{WEIGHT_BITS, weighted_bytes};

/// The window of a resizing; the numbers are Pillow's, found as `resample` in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 1: sinc(x)·sinc(x/3), over 3 pixels to each side.
    Lanczos,
    /// 2: 1 − |x|, over 1 pixel.
    Bilinear,
    /// 3: Keys' cubic with a = −½, over 2 pixels.
    Bicubic,
}

impl Filter {
    /// Pixels of the smaller image to each side.
    fn support(self) -> f64 {
        match self {
            Self::Lanczos => 3.0,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            _ if x >= self.support() => 0.0,
            Self::Lanczos => sinc(x) * sinc(x / 3.0),
            Self::Bilinear => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// The inputs that one output looks at.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// The windows of an axis with `from` inputs and `to` outputs.
fn windows(filter: Filter, from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let window = |output: usize| {
        let centre = (output as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> =
            (first..end).map(|input| filter.at((input as f64 - centre + 0.5) * (1.0 / stretch))).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| (weight / sum * f64::from(1 << WEIGHT_BITS)).round() as i32;
        Window { first, weights: weights.iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

/// Rows that are resized together, value beside value, so that vectors of them are added.
const TOGETHER: usize = 16;

/// `image` with `width` × `height` pixels, both at least 1.
pub(super) fn resize(image: Pixels, width: usize, height: usize, filter: Filter) -> Pixels {
    let image = if image.width == width { image } else { resize_rows(&image, width, filter) };
    if image.height == height { image } else { resize_columns(&image, height, filter) }
}

/// Every row to `width` pixels.
fn resize_rows(image: &Pixels, width: usize, filter: Filter) -> Pixels {
    let windows = windows(filter, image.width, width);
    let (from, to) = (image.width * image.channels, width * image.channels);
    let mut pixels = vec![0; image.height * to];
    // [value of a row][row]: what one output looks at lies in one piece.
    let mut beside = vec![0; from * TOGETHER];
    let mut means = vec![0; image.channels * TOGETHER];
    for (rows, out) in image.pixels.chunks(from * TOGETHER).zip(pixels.chunks_mut(to * TOGETHER)) {
        // What a last piece of fewer rows leaves of the one before is computed too, and not read.
        for (row, values) in rows.chunks_exact(from).enumerate() {
            for (place, &value) in beside[row..].iter_mut().step_by(TOGETHER).zip(values) {
                *place = value;
            }
        }
        for (window, at) in windows.iter().zip((0..).step_by(image.channels)) {
            weighted_bytes(&beside[window.first * means.len()..], &window.weights, &mut means);
            for (row, values) in out.chunks_exact_mut(to).enumerate() {
                for (value, mean) in values[at..].iter_mut().zip(means[row..].iter().step_by(TOGETHER)) {
                    *value = *mean;
                }
            }
        }
    }
    Pixels { pixels, width, ..*image }
}

/// Every column to `height` pixels, row by row so that memory is read in order.
fn resize_columns(image: &Pixels, height: usize, filter: Filter) -> Pixels {
    let stride = image.width * image.channels;
    let mut pixels = vec![0; height * stride];
    for (window, row) in windows(filter, image.height, height).iter().zip(pixels.chunks_exact_mut(stride)) {
        weighted_bytes(&image.pixels[window.first * stride..], &window.weights, row);
    }
    Pixels { pixels, height, ..*image }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Filter; 3] = [Filter::Lanczos, Filter::Bilinear, Filter::Bicubic];

    #[test]
    fn every_filter_is_one_at_zero_and_nothing_at_the_other_pixels() {
        for filter in ALL {
            assert_eq!(filter.at(0.0), 1.0, "{filter:?}");
            for x in 1..5 {
                assert!(filter.at(f64::from(x)).abs() < 1e-15, "{filter:?} at {x}");
            }
        }
    }

    #[test]
    fn one_colour_stays_one_colour_at_any_size() {
        for filter in ALL {
            for (from, to) in [(1, 7), (7, 1), (5, 6), (6, 5), (32, 224), (300, 16)] {
                let image = Pixels { pixels: vec![201; from * 3 * 3], width: from, height: 3, channels: 3 };
                let resized = resize(image, to, 4, filter);
                assert_eq!(resized.pixels, vec![201; to * 4 * 3], "{filter:?}, {from} to {to}");
            }
        }
    }
}
