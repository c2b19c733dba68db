//! Random resized crop (Szegedy et al. 2015), as torchvision's `RandomResizedCrop` and timm define it: a part of random
//! area, proportions and place, resized to the model's square.

use super::options::{range, refused};
use crate::DataError;
use crate::images::decode::Pixels;
use crate::images::resample::{Filter, resize};
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// The table `crop`. An empty one is ImageNet's usual setting, and DeiT's.
///
/// The area is uniform in `scale` times that of the image; the ratio of width to height is drawn with its logarithm
/// uniform in `ratio`. Sides are rounded; a part that does not fit into the image is drawn again, up to 10 times. After
/// that it is the largest centred part whose ratio lies within `ratio`. Resized with the filter of the
/// [`Preprocessing`](crate::images::Preprocessing), bicubic for DeiT.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// Smallest and largest area, as shares of the image: above 0, up to 1.
    pub scale: [f64; 2],
    /// Smallest and largest width over height, above 0.
    pub ratio: [f64; 2],
}

impl Default for Crop {
    fn default() -> Self {
        Self { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

/// How often a part is drawn before the centre is taken.
const ATTEMPTS: usize = 10;

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Crop {
    pub(super) fn check(&self) -> Result<(), DataError> {
        range("augmentation.crop.scale", self.scale, [0.0, 1.0])?;
        range("augmentation.crop.ratio", self.ratio, [0.0, f64::MAX])?;
        for (option, [low, _]) in [("augmentation.crop.scale", self.scale), ("augmentation.crop.ratio", self.ratio)] {
            if low == 0.0 {
                return Err(refused(option, "0", "smallest and largest, both above 0"));
            }
        }
        Ok(())
    }

    /// A random part of `image`, with `side` × `side` pixels.
    pub(super) fn apply(&self, image: Pixels, side: usize, filter: Filter, stream: &mut Stream) -> Pixels {
        let part = self.part(image.width, image.height, stream);
        resize(cut(image, part), side, side, filter)
    }

    fn part(&self, width: usize, height: usize, stream: &mut Stream) -> Part {
        let area = (width * height) as f64;
        for _ in 0..ATTEMPTS {
            let target = stream.between(self.scale) * area;
            let ratio = stream.between(self.ratio.map(f64::ln)).exp();
            let (part_width, part_height) = (rounded((target * ratio).sqrt()), rounded((target / ratio).sqrt()));
            if (1..=width).contains(&part_width) && (1..=height).contains(&part_height) {
                let top = stream.below((height - part_height + 1) as u64) as usize;
                let left = stream.below((width - part_width + 1) as u64) as usize;
                return Part { left, top, width: part_width, height: part_height };
            }
        }
        self.centre(width, height)
    }

    /// The largest centred part whose ratio is allowed.
    fn centre(&self, width: usize, height: usize) -> Part {
        let [low, high] = self.ratio;
        let ratio = width as f64 / height as f64;
        let (part_width, part_height) = match ratio {
            _ if ratio < low => (width, rounded(width as f64 / low).clamp(1, height)),
            _ if ratio > high => (rounded(height as f64 * high).clamp(1, width), height),
            _ => (width, height),
        };
        let (left, top) = ((width - part_width) / 2, (height - part_height) / 2);
        Part { left, top, width: part_width, height: part_height }
    }
}

/// As Python rounds: a half to the even number.
fn rounded(x: f64) -> usize {
    x.round_ties_even() as usize
}

fn cut(image: Pixels, part: Part) -> Pixels {
    if (part.width, part.height) == (image.width, image.height) {
        return image;
    }
    let channels = image.channels;
    let rows = image.pixels.chunks_exact(image.width * channels).skip(part.top).take(part.height);
    let mut pixels = Vec::with_capacity(part.width * part.height * channels);
    rows.for_each(|row| pixels.extend_from_slice(&row[part.left * channels..][..part.width * channels]));
    Pixels { pixels, width: part.width, height: part.height, channels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn stream(number: u64) -> Stream {
        Stream::new(Purpose::Augmentation, &[number])
    }

    /// Red is the column, green the row.
    fn coordinates(width: usize, height: usize) -> Pixels {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7])).collect();
        Pixels { pixels, width, height, channels: 3 }
    }

    #[test]
    fn the_whole_image_in_its_own_ratio_is_a_plain_resize() {
        for (width, height) in [(40, 30), (33, 60), (50, 50)] {
            let ratio = width as f64 / height as f64;
            let crop = Crop { scale: [1.0, 1.0], ratio: [ratio, ratio] };
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let plain = resize(coordinates(width, height), 24, 24, filter);
                assert_eq!(crop.apply(coordinates(width, height), 24, filter, &mut stream(1)), plain);
            }
        }
    }

    #[test]
    fn a_part_that_needs_no_resizing_is_the_pixels_that_are_there() {
        let image = coordinates(40, 30);
        let part = Part { left: 11, top: 5, width: 8, height: 8 };
        let found = resize(cut(image, part), 8, 8, Filter::Bicubic);
        for (place, pixel) in found.pixels.chunks_exact(3).enumerate() {
            assert_eq!(pixel, [11 + (place % 8) as u8, 5 + (place / 8) as u8, 7]);
        }
    }

    #[test]
    fn parts_stay_inside_with_area_and_ratio_within_bounds() {
        // Sides are rounded to pixels: by ½ of at least 224 · √(0.08 · ¾) = 54.
        let crop = Crop::default();
        for number in 0..20_000 {
            let part = crop.part(224, 256, &mut stream(number));
            assert!(part.left + part.width <= 224 && part.top + part.height <= 256, "{part:?}");
            let area = (part.width * part.height) as f64 / (224.0 * 256.0);
            let ratio = part.width as f64 / part.height as f64;
            assert!((0.08 * 0.98..=1.0).contains(&area), "{area}");
            assert!((0.75 * 0.98..=4.0 / 3.0 * 1.02).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn the_area_is_uniform_and_the_ratio_uniform_in_its_logarithm() {
        // Small parts always fit, so that none is drawn again.
        let crop = Crop { scale: [0.1, 0.4], ratio: [0.5, 2.0] };
        let draws = 20_000;
        let (mut areas, mut ratios, mut lefts) = ([0u32; 10], [0u32; 10], [0u32; 10]);
        for number in 0..draws {
            let part = crop.part(4000, 4000, &mut stream(number));
            let share = (part.width * part.height) as f64 / 16e6;
            let ratio = (part.width as f64 / part.height as f64).log2();
            let left = part.left as f64 / (4000 - part.width + 1) as f64;
            for (counts, place) in
                [(&mut areas, (share - 0.1) / 0.3), (&mut ratios, (ratio + 1.0) / 2.0), (&mut lefts, left)]
            {
                counts[((place * 10.0) as usize).min(9)] += 1;
            }
        }
        // Five standard deviations of a tenth of the draws, 42, and a few that rounding to pixels moves to a neighbour.
        for counts in [areas, ratios, lefts] {
            assert!(counts.iter().all(|&count| count.abs_diff(draws as u32 / 10) < 230), "{counts:?}");
        }
    }

    #[test]
    fn where_no_part_fits_the_centre_is_taken() {
        let crop = Crop { scale: [1.0, 1.0], ..Crop::default() };
        let cases = [
            ((300, 100), Part { left: 83, top: 0, width: 133, height: 100 }),
            ((60, 200), Part { left: 0, top: 60, width: 60, height: 80 }),
            ((1, 1), Part { left: 0, top: 0, width: 1, height: 1 }),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(crop.part(width, height, &mut stream(1)), expected, "{width} × {height}");
        }
    }
}
