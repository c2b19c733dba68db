//! Encoded bytes to 8-bit pixels: PNG and JPEG, turned as EXIF says, in the colours that are asked for.

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// The largest width and height: a few bytes can claim a picture that fills the memory.
const LARGEST_SIDE: u32 = 16_384;
/// The most that decoding one image may take.
const LARGEST_BYTES: u64 = 512 << 20;

/// An image of 8 bits a channel: `pixels` is `height · width · channels`, row after row, in each pixel after pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) pixels: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
}

/// Decodes to 1 (grey) or 3 (red, green, blue) channels.
///
/// Transparency is dropped, colour becomes grey by the weights of ITU-R BT.601, both as Pillow's `convert` does.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn decode(bytes: &[u8], channels: usize) -> Result<Pixels, String> {
    let format = image::guess_format(bytes).map_err(|_| "neither PNG nor JPEG".to_owned())?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(format!("neither PNG nor JPEG but {format:?}"));
    }
    let image = decoded(bytes, format).map_err(|error| error.to_string())?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return Err(format!("{width} × {height} pixels"));
    }
    let pixels = match channels {
        1 => grey(image),
        _ => image.into_rgb8().into_raw(),
    };
    Ok(Pixels { pixels, width, height, channels })
}

fn decoded(bytes: &[u8], format: ImageFormat) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn grey(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_color() {
        return image.into_luma8().into_raw();
    }
    image.into_rgb8().into_raw().chunks_exact(3).map(luma).collect()
}

/// Luma of red, green and blue as Pillow has it: 0.299 red + 0.587 green + 0.114 blue, in sixteenths of a bit's thousandth
/// (2⁻¹⁶), rounded.
pub(super) fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
}
