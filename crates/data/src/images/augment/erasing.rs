//! Random erasing (Zhong et al. 2017, arXiv 1708.04896) as timm has it with mode `pixel`, which DeiT was trained with
//! (`timm/data/random_erasing.py`, timm 1.0): on normalised numbers, each of a rectangle drawn anew.

use super::options::{range, refused, share};
use crate::DataError;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// The table `erasing`. An empty one is DeiT's setting.
///
/// After normalising, with `probability`, a rectangle is filled with numbers from the normal distribution with mean 0 and
/// variance 1. Its area is uniform in `area`, its height over width has a logarithm uniform in `aspect`. Sides are rounded;
/// a rectangle that is not smaller than the image is drawn again, up to 10 times, and then left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Erasing {
    /// Share of the images that something is erased from.
    pub probability: f64,
    /// Smallest and largest area, as shares of the image.
    pub area: [f64; 2],
    /// Smallest and largest height over width, above 0.
    pub aspect: [f64; 2],
}

impl Default for Erasing {
    fn default() -> Self {
        Self { probability: 0.25, area: [0.02, 1.0 / 3.0], aspect: [0.3, 1.0 / 0.3] }
    }
}

/// How often a rectangle is drawn before the image is left as it is.
const ATTEMPTS: usize = 10;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rectangle {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Erasing {
    pub(super) fn check(&self) -> Result<(), DataError> {
        share("augmentation.erasing.probability", self.probability)?;
        range("augmentation.erasing.area", self.area, [0.0, 1.0])?;
        range("augmentation.erasing.aspect", self.aspect, [0.0, f64::MAX])?;
        match self.aspect[0] {
            0.0 => Err(refused("augmentation.erasing.aspect", "0", "smallest and largest, both above 0")),
            _ => Ok(()),
        }
    }

    /// On an image `numbers: [channel, row, column]` of `side` × `side` pixels.
    pub(super) fn apply(&self, numbers: &mut [f32], side: usize, stream: &mut Stream) {
        if !stream.chance(self.probability) {
            return;
        }
        let Some(Rectangle { left, top, width, height }) = self.rectangle(side, stream) else { return };
        for plane in numbers.chunks_exact_mut(side * side) {
            for row in plane.chunks_exact_mut(side).skip(top).take(height) {
                for pair in row[left..][..width].chunks_mut(2) {
                    let normals = stream.normals();
                    pair.iter_mut().zip(normals).for_each(|(number, normal)| *number = normal as f32);
                }
            }
        }
    }

    fn rectangle(&self, side: usize, stream: &mut Stream) -> Option<Rectangle> {
        (0..ATTEMPTS).find_map(|_| {
            let area = stream.between(self.area) * (side * side) as f64;
            let aspect = stream.between(self.aspect.map(f64::ln)).exp();
            let height = (area * aspect).sqrt().round_ties_even() as usize;
            let width = (area / aspect).sqrt().round_ties_even() as usize;
            (width < side && height < side).then(|| {
                let top = stream.below((side - height + 1) as u64) as usize;
                let left = stream.below((side - width + 1) as u64) as usize;
                Rectangle { left, top, width, height }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn stream(number: u64) -> Stream {
        Stream::new(Purpose::Augmentation, &[number])
    }

    #[test]
    fn rectangles_stay_inside_with_area_and_aspect_within_bounds() {
        // Sides are rounded to pixels: by ½ of at least 224 · √(0.02 · 0.3) = 17.
        let erasing = Erasing::default();
        let (mut smallest, mut largest) = (1.0f64, 0.0f64);
        for number in 0..20_000 {
            let Some(rectangle) = erasing.rectangle(224, &mut stream(number)) else { continue };
            let Rectangle { left, top, width, height } = rectangle;
            assert!(left + width <= 224 && top + height <= 224, "{rectangle:?}");
            let (area, aspect) = ((width * height) as f64 / (224.0 * 224.0), height as f64 / width as f64);
            assert!((0.02 * 0.96..=1.01 / 3.0).contains(&area), "{area}");
            assert!((0.3 * 0.96..=1.04 / 0.3).contains(&aspect), "{aspect}");
            (smallest, largest) = (smallest.min(area), largest.max(area));
        }
        assert!(smallest < 0.021 && largest > 0.33, "{smallest} to {largest}");
    }

    #[test]
    fn one_rectangle_is_filled_with_normal_numbers_in_every_channel_and_the_rest_stays() {
        let (side, erasing) = (64, Erasing { probability: 1.0, ..Erasing::default() });
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for number in 0..200 {
            let mut numbers = vec![1e9f32; 3 * side * side];
            erasing.apply(&mut numbers, side, &mut stream(number));
            let erased = |plane: usize| {
                let plane = &numbers[plane * side * side..][..side * side];
                (0..side * side).filter(|&place| plane[place] != 1e9).collect::<Vec<_>>()
            };
            let places = erased(0);
            assert!(places == erased(1) && places == erased(2));
            let rows: Vec<usize> = places.iter().map(|place| place / side).collect();
            let columns: Vec<usize> = places.iter().map(|place| place % side).collect();
            let extent = |all: &[usize]| all.iter().max().zip(all.iter().min()).map_or(0, |(max, min)| max - min + 1);
            assert_eq!(places.len(), extent(&rows) * extent(&columns), "not a rectangle");
            for &x in numbers.iter().filter(|&&number| number != 1e9) {
                (count, sum, squares) = (count + 1.0, sum + f64::from(x), squares + f64::from(x * x));
            }
        }
        assert!(count > 100_000.0 && (sum / count).abs() < 0.016 && (squares / count - 1.0).abs() < 0.023);
    }

    #[test]
    fn the_probability_is_the_share_of_the_images() {
        let touched = (0..4000).filter(|&number| {
            let mut numbers = vec![1e9f32; 32 * 32];
            Erasing::default().apply(&mut numbers, 32, &mut stream(number));
            numbers.iter().any(|&number| number != 1e9)
        });
        // Five standard deviations of 1000.
        assert!(touched.count().abs_diff(1000) < 137);
    }
}
