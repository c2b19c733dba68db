//! RandAugment (Cubuk et al. 2019, arXiv 1909.13719) as timm has it under `rand-m9-mstd0.5-inc1`, which DeiT was trained
//! with (`timm/data/auto_augment.py`, timm 1.0).

use super::affine::Affine;
use super::options::{range, refused, share};
use super::{enhance, tones};
use crate::DataError;
use crate::images::decode::Pixels;
use crate::images::resample::Filter;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// The table `rand_augment`. An empty one is timm's `rand-m9-mstd0.5-inc1`, DeiT's setting.
///
/// `operations` times, one of fifteen operations is drawn, any as likely as any other, and applied with `probability`. Its
/// level ℓ is drawn from the normal distribution with mean `magnitude` and deviation `magnitude_std`, and kept to 0 to 10.
/// What a level is to an operation, with ± for either sign with probability ½ (`timm/data/auto_augment.py`, timm 1.0, the
/// operations that grow stronger with the level):
///
/// | operation | argument at level ℓ | what it does |
/// |---|---|---|
/// | AutoContrast | | stretches each channel to 0 to 255 |
/// | Equalize | | makes the values of each channel equally frequent |
/// | Invert | | 255 − v |
/// | Rotate | ± 30° · ℓ/10 | turns about the centre |
/// | Posterize | 4 − ⌊4 · ℓ/10⌋ | keeps so many of the highest bits; 0 is black, as in Pillow before version 13 |
/// | Solarize | 256 − ⌊256 · ℓ/10⌋ | inverts from this value on |
/// | SolarizeAdd | ⌊110 · ℓ/10⌋ | adds it to values below 128 |
/// | Color, Contrast, Brightness, Sharpness | 1 ± 0.9 · ℓ/10, at least 0.1 | factor away from grey, from the mean grey, from black, from blurred |
/// | ShearX, ShearY | ± 0.3 · ℓ/10 | shift by so much of the distance from the first row or column |
/// | TranslateX, TranslateY | ± 0.45 · ℓ/10 | shift by so much of the side |
///
/// Pixels from outside get the mean colour that images are normalised with; moves use the filter of the
/// [`Preprocessing`](crate::images::Preprocessing), bicubic for DeiT.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// Mean level, 0 to 10: timm's `m`.
    pub magnitude: f64,
    /// Standard deviation of the level: timm's `mstd`.
    pub magnitude_std: f64,
    /// Operations drawn for an image: timm's `n`.
    pub operations: usize,
    /// With which each of them is applied: timm's `p`.
    pub probability: f64,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { magnitude: 9.0, magnitude_std: 0.5, operations: 2, probability: 0.5 }
    }
}

/// The strongest level.
const HIGHEST: f64 = 10.0;

/// What operations that move pixels need to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    pub(super) filter: Filter,
    /// The colour outside of the image.
    pub(super) fill: [u8; 3],
}

impl RandAugment {
    pub(super) fn check(&self) -> Result<(), DataError> {
        range("augmentation.rand_augment.magnitude", [self.magnitude; 2], [0.0, HIGHEST])?;
        range("augmentation.rand_augment.magnitude_std", [self.magnitude_std; 2], [0.0, f64::MAX])?;
        share("augmentation.rand_augment.probability", self.probability)?;
        match self.operations {
            0 => Err(refused("augmentation.rand_augment.operations", "0", "1 or more")),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, image: &mut Pixels, canvas: Canvas, stream: &mut Stream) {
        for _ in 0..self.operations {
            let operation = Operation::ALL[stream.below(Operation::ALL.len() as u64) as usize];
            if !stream.chance(self.probability) {
                continue;
            }
            let level = (self.magnitude + self.magnitude_std * stream.normals()[0]).clamp(0.0, HIGHEST);
            let sign = if stream.chance(0.5) { -1.0 } else { 1.0 };
            operation.apply(image, level, sign, canvas);
        }
    }
}

/// One of the fifteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(Deserialize))]
pub(super) enum Operation {
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}

impl Operation {
    pub(super) const ALL: [Self; 15] = [
        Self::AutoContrast,
        Self::Equalize,
        Self::Invert,
        Self::Rotate,
        Self::Posterize,
        Self::Solarize,
        Self::SolarizeAdd,
        Self::Color,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
    ];

    /// Applies it at a level of 0 to 10, with a sign of 1 or −1 where it has one.
    pub(super) fn apply(self, image: &mut Pixels, level: f64, sign: f64, canvas: Canvas) {
        let strength = level / HIGHEST;
        let factor = (1.0 + sign * strength * 0.9).max(0.1) as f32;
        let (width, height) = (image.width, image.height);
        let map = match self {
            Self::AutoContrast => return tones::auto_contrast(image),
            Self::Equalize => return tones::equalize(image),
            Self::Invert => return tones::invert(image),
            Self::Posterize => return tones::posterize(image, 4 - (strength * 4.0) as u32),
            Self::Solarize => return tones::solarize(image, 256 - (strength * 256.0) as u32),
            Self::SolarizeAdd => return tones::solarize_add(image, (strength * 110.0) as u8),
            Self::Color => return enhance::colour(image, factor),
            Self::Contrast => return enhance::contrast(image, factor),
            Self::Brightness => return enhance::brightness(image, factor),
            Self::Sharpness => return enhance::sharpness(image, factor),
            Self::Rotate => Affine::rotate(sign * strength * 30.0, width, height),
            Self::ShearX => Affine::shear_x(sign * strength * 0.3),
            Self::ShearY => Affine::shear_y(sign * strength * 0.3),
            Self::TranslateX => Affine::translate(sign * strength * 0.45 * width as f64, 0.0),
            Self::TranslateY => Affine::translate(0.0, sign * strength * 0.45 * height as f64),
        };
        *image = map.apply(image, canvas.filter, canvas.fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const CANVAS: Canvas = Canvas { filter: Filter::Bicubic, fill: [124, 116, 104] };

    fn picture() -> Pixels {
        let pixels = (0..20 * 20 * 3).map(|number| ((number * 7 + number / 60 * 11) % 256) as u8).collect();
        Pixels { pixels, width: 20, height: 20, channels: 3 }
    }

    #[test]
    fn a_quarter_of_the_images_stays_as_it_is() {
        // Two operations, each left out with probability ½; one that happens to change nothing adds a little.
        let changed = (0..4000).filter(|&number| {
            let mut image = picture();
            RandAugment::default().apply(&mut image, CANVAS, &mut Stream::new(Purpose::Augmentation, &[number]));
            image != picture()
        });
        // Five standard deviations of 0.75 · 4000 are 137; AutoContrast leaves this picture alone: 1 − (½ + 1/30)².
        let expected = 4000.0 * (1.0 - (0.5f64 + 0.5 / 15.0).powi(2));
        let changed = changed.count();
        assert!((changed as f64 - expected).abs() < 137.0, "{changed}, expected {expected}");
    }

    #[test]
    fn the_lowest_level_changes_nothing_where_an_operation_has_a_level() {
        for operation in Operation::ALL {
            use Operation::{AutoContrast, Equalize, Invert, Posterize};
            let mut image = picture();
            operation.apply(&mut image, 0.0, 1.0, CANVAS);
            let level_less = matches!(operation, AutoContrast | Equalize | Invert | Posterize);
            assert!(level_less || image == picture(), "{operation:?}");
        }
    }
}
