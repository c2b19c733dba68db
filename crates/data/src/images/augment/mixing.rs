//! Mixup (Zhang et al. 2017, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899) as timm's `Mixup` has them
//! with mode `batch` (`timm/data/mixup.py`, timm 1.0): image i of a batch of B is mixed with image B − 1 − i, all with the
//! same share λ.

use super::beta::symmetric_beta;
use super::options::{range, refused, share};
use crate::DataError;
use crate::random::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The table `mixing`. An empty one is DeiT's setting.
///
/// For each batch, with `probability`, one of the two is applied: if both parameters are above 0, CutMix with
/// `switch_probability` and else Mixup. The share λ that an image keeps is drawn from the beta distribution with both
/// parameters `mixup` or `cutmix`.
///
/// - **Mixup**: λ · image + (1 − λ) · partner.
/// - **CutMix**: a square of area 1 − λ of the image, with its centre anywhere in the image and cut off at the borders, is
///   the partner's; λ is then made 1 minus the area that is really pasted.
///
/// Targets are mixed with the same λ. The middle image of an odd batch is its own partner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mixing {
    /// Parameter of Mixup's share; 0: no Mixup.
    pub mixup: f64,
    /// Parameter of CutMix's share; 0: no CutMix.
    pub cutmix: f64,
    /// Share of the batches that are mixed.
    pub probability: f64,
    /// Share of these that get CutMix, if both are on.
    pub switch_probability: f64,
}

impl Default for Mixing {
    fn default() -> Self {
        Self { mixup: 0.8, cutmix: 1.0, probability: 1.0, switch_probability: 0.5 }
    }
}

/// Below, logarithms of shares overflow; above, all shares are ½.
const PARAMETERS: [f64; 2] = [1e-3, 1e6];

/// What is done to a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mix {
    Nothing,
    Blend {
        /// What an image keeps, 0 to 1 (λ).
        share: f64,
    },
    Paste(Square),
}

/// The part of an image of `side` × `side` pixels that is the partner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Square {
    side: usize,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Mixing {
    pub(super) fn check(&self) -> Result<(), DataError> {
        for (option, alpha) in [("augmentation.mixing.mixup", self.mixup), ("augmentation.mixing.cutmix", self.cutmix)]
        {
            if alpha != 0.0 {
                range(option, [alpha; 2], PARAMETERS)?;
            }
        }
        share("augmentation.mixing.probability", self.probability)?;
        share("augmentation.mixing.switch_probability", self.switch_probability)?;
        match self.mixup + self.cutmix {
            0.0 => Err(refused("augmentation.mixing", "mixup 0 and cutmix 0", "one of them above 0, or no table")),
            _ => Ok(()),
        }
    }

    /// What is done to a batch of images of `side` × `side` pixels.
    pub(super) fn draw(&self, side: usize, stream: &mut Stream) -> Mix {
        if !stream.chance(self.probability) {
            return Mix::Nothing;
        }
        let cuts = match (self.mixup > 0.0, self.cutmix > 0.0) {
            (true, true) => stream.chance(self.switch_probability),
            (_, cutmix) => cutmix,
        };
        match cuts {
            true => Mix::Paste(Square::draw(symmetric_beta(self.cutmix, stream), side, stream)),
            false => Mix::Blend { share: symmetric_beta(self.mixup, stream) },
        }
    }
}

impl Square {
    fn draw(share: f64, side: usize, stream: &mut Stream) -> Self {
        let cut = (side as f64 * (1.0 - share).sqrt()) as usize;
        let [(top, height), (left, width)] = std::array::from_fn(|_| {
            let centre = stream.below(side as u64) as usize;
            let start = centre.saturating_sub(cut / 2);
            let end = (centre + cut.div_ceil(2)).min(side);
            (start, end - start)
        });
        Self { side, left, top, width, height }
    }
}

impl Mix {
    /// What an image keeps of itself, of its pixels as of its target (λ).
    pub(super) fn share(&self) -> f64 {
        match self {
            Self::Nothing => 1.0,
            Self::Blend { share } => *share,
            Self::Paste(square) => 1.0 - (square.width * square.height) as f64 / (square.side * square.side) as f64,
        }
    }

    /// On the images of a batch, `numbers` each.
    pub(super) fn apply(&self, pixels: &mut [f32], numbers: usize) {
        let images = pixels.len() / numbers;
        let (first, rest) = pixels.split_at_mut(images / 2 * numbers);
        let second = &mut rest[images % 2 * numbers..];
        let pairs = first.par_chunks_exact_mut(numbers).zip(second.par_chunks_exact_mut(numbers).rev());
        pairs.for_each(|(image, partner)| self.pair(image, partner));
    }

    fn pair(&self, image: &mut [f32], partner: &mut [f32]) {
        match *self {
            Self::Nothing => {}
            Self::Blend { share } => {
                let (keep, take) = (share as f32, (1.0 - share) as f32);
                for (a, b) in image.iter_mut().zip(partner) {
                    (*a, *b) = (*a * keep + *b * take, *b * keep + *a * take);
                }
            }
            Self::Paste(Square { side, left, top, width, height }) => {
                let planes = image.chunks_exact_mut(side * side).zip(partner.chunks_exact_mut(side * side));
                for (plane, other) in planes {
                    let rows = plane.chunks_exact_mut(side).zip(other.chunks_exact_mut(side)).skip(top).take(height);
                    rows.for_each(|(row, other)| row[left..][..width].swap_with_slice(&mut other[left..][..width]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn stream(number: u64) -> Stream {
        Stream::new(Purpose::Mixing, &[number])
    }

    /// Image number i is full of i.
    fn numbered(images: usize, numbers: usize) -> Vec<f32> {
        (0..images).flat_map(|image| vec![image as f32; numbers]).collect()
    }

    #[test]
    fn mixup_is_the_weighted_mean_of_an_image_and_its_partner() {
        let mixing = Mixing { cutmix: 0.0, ..Mixing::default() };
        for (number, images) in [(1, 6), (2, 5), (3, 1)] {
            let mix = mixing.draw(4, &mut stream(number));
            let Mix::Blend { share } = mix else { panic!("{mix:?}") };
            let mut pixels = numbered(images, 3 * 4 * 4);
            mix.apply(&mut pixels, 3 * 4 * 4);
            for (image, values) in pixels.chunks_exact(3 * 4 * 4).enumerate() {
                let expected = image as f64 * share + (images - 1 - image) as f64 * (1.0 - share);
                assert!(
                    values.iter().all(|&value| (f64::from(value) - expected).abs() < 1e-5),
                    "{values:?}, {expected}"
                );
            }
        }
    }

    #[test]
    fn cutmix_pastes_one_rectangle_and_its_share_is_that_of_the_pixels() {
        let (mixing, side, images) = (Mixing { mixup: 0.0, ..Mixing::default() }, 12, 4);
        for number in 0..300 {
            let mix = mixing.draw(side, &mut stream(number));
            let mut pixels = numbered(images, 3 * side * side);
            mix.apply(&mut pixels, 3 * side * side);
            for (image, values) in pixels.chunks_exact(3 * side * side).enumerate() {
                let own = values.iter().filter(|&&value| value == image as f32).count();
                let partners = values.iter().filter(|&&value| value == (images - 1 - image) as f32).count();
                assert_eq!(own + partners, values.len());
                assert!((own as f64 / values.len() as f64 - mix.share()).abs() < 1e-12, "{mix:?}: {own}");
                let (first, rest) = values.split_at(side * side);
                assert!(first == &rest[..side * side] && first == &rest[side * side..], "channels differ");
            }
        }
    }

    #[test]
    fn squares_lie_inside_and_are_as_large_as_the_share_says_where_nothing_is_cut_off() {
        let mut whole = 0;
        for number in 0..2000 {
            let share = (number as f64 + 0.5) / 2000.0;
            let square = Square::draw(share, 224, &mut stream(number));
            assert!(square.left + square.width <= 224 && square.top + square.height <= 224, "{square:?}");
            let cut = (224.0 * (1.0 - share).sqrt()) as usize;
            assert!(square.width <= cut && square.height <= cut, "{square:?}");
            whole += usize::from((square.width, square.height) == (cut, cut));
        }
        assert!(whole > 200, "{whole}");
    }

    #[test]
    fn which_of_the_two_follows_the_probabilities() {
        let both = Mixing { probability: 0.8, switch_probability: 0.25, ..Mixing::default() };
        let mut counts = [0u32; 3];
        for number in 0..4000 {
            let kind = match both.draw(8, &mut stream(number)) {
                Mix::Nothing => 0,
                Mix::Blend { .. } => 1,
                Mix::Paste(_) => 2,
            };
            counts[kind] += 1;
        }
        // Five standard deviations are at most 155.
        let expected = [800, 2400, 800];
        assert!(counts.iter().zip(expected).all(|(count, expected)| count.abs_diff(expected) < 155), "{counts:?}");
    }
}
