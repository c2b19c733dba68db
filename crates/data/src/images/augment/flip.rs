//! The mirror image, left for right.

use crate::images::decode::Pixels;

/// Every row from right to left.
pub(super) fn flip(image: &mut Pixels) {
    let channels = image.channels;
    for row in image.pixels.chunks_exact_mut(image.width * channels) {
        // Reversed as a whole, the channels of each pixel stand in the wrong order.
        row.reverse();
        row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_change_sides_and_a_second_time_change_back() {
        for (channels, width) in [(1, 4), (3, 4), (3, 5), (3, 1)] {
            let pixels: Vec<u8> = (0..2 * width * channels).map(|number| number as u8).collect();
            let image = Pixels { pixels, width, height: 2, channels };
            let mut flipped = image.clone();
            flip(&mut flipped);
            for (place, pixel) in flipped.pixels.chunks_exact(channels).enumerate() {
                let from = place / width * width + (width - 1 - place % width);
                assert_eq!(pixel, &image.pixels[from * channels..][..channels]);
            }
            flip(&mut flipped);
            assert_eq!(flipped, image);
        }
    }
}
