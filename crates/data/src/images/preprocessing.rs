//! From 8-bit pixels to the numbers that a model reads: resized, cropped, scaled, normalised.

use super::decode::Pixels;
use super::resample::{Filter, resize};
use crate::DataError;

/// The longer side may be this many times the shorter: beyond, an image that is kept in proportion fills the memory.
const MOST_OBLONG: usize = 100;

/// How images are prepared. Each is resized, its middle cut out where that is larger than the model's images, and the value
/// v of a channel, 0 to 255, becomes (v · `rescale_factor` − mean) / std.
///
/// [`new`](Self::new) is what ViT was trained with but for the filter; [`of_checkpoint`](Self::of_checkpoint) reads what a
/// checkpoint says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// Width and height of the model's images.
    pub(super) side: usize,
    /// What an image is resized to before its middle is cut out.
    pub(super) resized: Resized,
    pub(super) margin: Margin,
    pub(super) filter: Filter,
    pub(super) rescale_factor: f64,
    /// Mean and standard deviation of each channel; their number is the model's number of channels, 1 or 3.
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
}

/// The size before the middle is cut out, none below the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resized {
    /// A square, whatever the image was.
    Square(usize),
    /// The shorter side; the image keeps its proportions.
    ShorterSide(usize),
}

/// Where the middle begins if as many pixels cannot be cut off on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Margin {
    /// As transformers does.
    RoundedDown,
    /// As torchvision does, and timm with it: half a pixel to the next even number.
    RoundedToEven,
}

impl Margin {
    fn of(self, size: usize, middle: usize) -> usize {
        let spare = size - middle;
        match self {
            Self::RoundedToEven if spare % 4 == 3 => spare / 2 + 1,
            _ => spare / 2,
        }
    }
}

impl Preprocessing {
    /// Images of `side` × `side` pixels and `channels` channels (1: grey, 3: red, green, blue): bicubic, nothing cut off,
    /// mean and standard deviation ½.
    ///
    /// # Errors
    /// Another number of channels, a side of 0.
    pub fn new(channels: usize, side: usize) -> Result<Self, DataError> {
        if ![1, 3].contains(&channels) {
            let expected = "1 (grey) or 3 (red, green, blue): images have no other channels".to_owned();
            return Err(DataError::Option { option: "num_channels", found: channels.to_string(), expected });
        }
        if side == 0 {
            let expected = "1 or more".to_owned();
            return Err(DataError::Option { option: "image_size", found: "0".to_owned(), expected });
        }
        Ok(Self {
            side,
            resized: Resized::Square(side),
            margin: Margin::RoundedDown,
            filter: Filter::Bicubic,
            rescale_factor: 1.0 / 255.0,
            mean: vec![0.5; channels],
            std: vec![0.5; channels],
        })
    }

    /// Channels of an image.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Width and height of an image.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The filter with which images are resized.
    pub fn filter(&self) -> Filter {
        self.filter
    }

    /// Numbers of one image: `channels · side · side`.
    pub fn numbers(&self) -> usize {
        self.channels() * self.side * self.side
    }

    /// The image that a model sees, still of 8 bits; the reason, where its proportions would make that too large.
    pub(super) fn fit(&self, image: Pixels) -> Result<Pixels, String> {
        let (short, long) = (image.width.min(image.height), image.width.max(image.height));
        let (width, height) = match self.resized {
            Resized::ShorterSide(_) if long > MOST_OBLONG * short => {
                let (width, height) = (image.width, image.height);
                return Err(format!("{width} × {height} pixels, where one side may be {MOST_OBLONG} times the other"));
            }
            Resized::Square(side) => (side, side),
            // As torchvision: the longer side is rounded down.
            Resized::ShorterSide(side) if image.width <= image.height => (side, side * image.height / image.width),
            Resized::ShorterSide(side) => (side * image.width / image.height, side),
        };
        Ok(self.middle(resize(image, width, height, self.filter)))
    }

    fn middle(&self, image: Pixels) -> Pixels {
        let (side, channels) = (self.side, image.channels);
        if (image.width, image.height) == (side, side) {
            return image;
        }
        let (left, top) = (self.margin.of(image.width, side), self.margin.of(image.height, side));
        let rows = image.pixels.chunks_exact(image.width * channels).skip(top).take(side);
        let pixels = rows.flat_map(|row| &row[left * channels..][..side * channels]).copied().collect();
        Pixels { pixels, width: side, height: side, channels }
    }

    /// The numbers of an image of the model's size into `numbers`: channel after channel, in each row after row.
    pub(super) fn normalise(&self, image: &Pixels, numbers: &mut [f32]) {
        for (channel, plane) in numbers.chunks_exact_mut(self.side * self.side).enumerate() {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let value = |value: usize| ((value as f64 * self.rescale_factor - mean) / std) as f32;
            let table = std::array::from_fn(value);
            match image.channels {
                3 => look_up::<3>(&image.pixels, channel, &table, plane),
                _ => look_up::<1>(&image.pixels, channel, &table, plane),
            }
        }
    }
}

/// The numbers of one of `C` channels, whose count the compiler knows.
fn look_up<const C: usize>(pixels: &[u8], channel: usize, table: &[f32; 256], numbers: &mut [f32]) {
    let (pixels, _) = pixels.as_chunks::<C>();
    for (number, pixel) in numbers.iter_mut().zip(pixels) {
        *number = table[usize::from(pixel[channel])];
    }
}
