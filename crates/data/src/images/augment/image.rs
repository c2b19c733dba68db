//! One showing of one image: from its pixels to numbers, through every transform of a single image, in timm's order.

use super::flip::flip;
use super::rand_augment::Canvas;
use super::{Augmentation, Showing};
use crate::images::Preprocessing;
use crate::images::decode::Pixels;
use crate::random::{Purpose, Stream};

/// What has random choices of its own. Each draws from its own stream, so that switching one on or off leaves the choices of
/// the others as they are.
#[derive(Debug, Clone, Copy)]
enum Transform {
    Crop = 1,
    Flip = 2,
    RandAugment = 3,
    Erasing = 4,
}

fn stream(seed: u64, showing: Showing, transform: Transform) -> Stream {
    let Showing { epoch, image, repeat } = showing;
    Stream::new(Purpose::Augmentation, &[seed, epoch, image, repeat, transform as u64])
}

/// The numbers of a decoded image, as `showing` makes it, into `numbers: [channel, row, column]`.
///
/// # Errors
/// Why an image cannot be prepared, as [`Preprocessing`] has it where there is no random crop.
pub(super) fn prepare(
    image: Pixels,
    augmentation: &Augmentation,
    preprocessing: &Preprocessing,
    seed: u64,
    showing: Showing,
    numbers: &mut [f32],
) -> Result<(), String> {
    let stream = |transform| stream(seed, showing, transform);
    let (side, filter) = (preprocessing.side(), preprocessing.filter());
    let mut image = match &augmentation.crop {
        Some(crop) => crop.apply(image, side, filter, &mut stream(Transform::Crop)),
        None => preprocessing.fit(image)?,
    };
    if stream(Transform::Flip).chance(augmentation.flip) {
        flip(&mut image);
    }
    if let Some(rand_augment) = &augmentation.rand_augment {
        let canvas = Canvas { filter, fill: mean_colour(preprocessing) };
        rand_augment.apply(&mut image, canvas, &mut stream(Transform::RandAugment));
    }
    preprocessing.normalise(&image, numbers);
    if let Some(erasing) = &augmentation.erasing {
        erasing.apply(numbers, side, &mut stream(Transform::Erasing));
    }
    Ok(())
}

/// The 8-bit colour that becomes 0, rounded; of a grey image, its first channel.
fn mean_colour(preprocessing: &Preprocessing) -> [u8; 3] {
    let value = |mean: f64| (mean / preprocessing.rescale_factor).round_ties_even() as u8;
    let mean = &preprocessing.mean;
    std::array::from_fn(|channel| value(mean[channel.min(mean.len() - 1)]))
}

#[cfg(test)]
mod tests {
    use super::super::{Crop, Erasing, RandAugment};
    use super::*;

    fn picture() -> Pixels {
        let pixels = (0..40 * 30 * 3).map(|number| (number * number / 50 % 256) as u8).collect();
        Pixels { pixels, width: 40, height: 30, channels: 3 }
    }

    fn prepared(augmentation: &Augmentation, seed: u64, showing: Showing) -> Vec<f32> {
        let preprocessing = Preprocessing::new(3, 16).unwrap();
        let mut numbers = vec![0.0; preprocessing.numbers()];
        prepare(picture(), augmentation, &preprocessing, seed, showing, &mut numbers).unwrap();
        numbers
    }

    const FIRST: Showing = Showing { epoch: 0, image: 5, repeat: 0 };

    #[test]
    fn nothing_to_do_is_plain_preprocessing() {
        let preprocessing = Preprocessing::new(3, 16).unwrap();
        let mut plain = vec![0.0; preprocessing.numbers()];
        preprocessing.normalise(&preprocessing.fit(picture()).unwrap(), &mut plain);
        assert_eq!(prepared(&Augmentation::default(), 1, FIRST), plain);
    }

    #[test]
    fn an_image_depends_on_seed_epoch_image_and_repeat() {
        let recipe = Augmentation::deit();
        let first = prepared(&recipe, 1, FIRST);
        assert_eq!(prepared(&recipe, 1, FIRST), first);
        let others = [
            (2, FIRST),
            (1, Showing { epoch: 1, ..FIRST }),
            (1, Showing { image: 6, ..FIRST }),
            (1, Showing { repeat: 1, ..FIRST }),
        ];
        for (seed, showing) in others {
            assert_ne!(prepared(&recipe, seed, showing), first, "{seed}, {showing:?}");
        }
    }

    #[test]
    fn a_transform_leaves_the_choices_of_the_others_as_they_are() {
        let crop = Augmentation { crop: Some(Crop::default()), flip: 0.5, ..Augmentation::default() };
        let erased = Augmentation { erasing: Some(Erasing { probability: 1.0, ..Erasing::default() }), ..crop.clone() };
        for image in 0..20 {
            let showing = Showing { image, ..FIRST };
            let (plain, erased) = (prepared(&crop, 1, showing), prepared(&erased, 1, showing));
            let kept = plain.iter().zip(&erased).filter(|(a, b)| a == b).count();
            assert!(kept > plain.len() / 2, "{kept} of {}", plain.len());
        }
    }

    #[test]
    fn every_image_is_mirrored_or_none() {
        let plain = prepared(&Augmentation::default(), 1, FIRST);
        let flipped = prepared(&Augmentation { flip: 1.0, ..Augmentation::default() }, 1, FIRST);
        for (row, mirrored) in plain.chunks_exact(16).zip(flipped.chunks_exact(16)) {
            assert!(row.iter().eq(mirrored.iter().rev()));
        }
    }

    #[test]
    fn grey_images_go_through_every_transform() {
        let preprocessing = Preprocessing::new(1, 16).unwrap();
        let grey = Pixels {
            pixels: (0..400).map(|number| (number % 256) as u8).collect(),
            width: 20,
            height: 20,
            channels: 1,
        };
        let every = RandAugment { operations: 30, probability: 1.0, ..RandAugment::default() };
        let recipe = Augmentation { rand_augment: Some(every), ..Augmentation::deit() };
        let mut numbers = vec![f32::NAN; preprocessing.numbers()];
        prepare(grey, &recipe, &preprocessing, 1, FIRST, &mut numbers).unwrap();
        assert!(numbers.iter().all(|number| number.is_finite()));
    }

    #[test]
    fn the_colour_from_outside_is_the_mean_as_timm_rounds_it() {
        let half = Preprocessing::new(3, 16).unwrap();
        assert_eq!(mean_colour(&half), [128; 3]);
        let imagenet = Preprocessing { mean: vec![0.485, 0.456, 0.406], ..half };
        assert_eq!(mean_colour(&imagenet), [124, 116, 104]);
        assert_eq!(mean_colour(&Preprocessing::new(1, 16).unwrap()), [128; 3]);
    }
}
