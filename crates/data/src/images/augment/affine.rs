//! Operations of RandAugment that move pixels, as Pillow's `Image.transform` with an affine map does: the image keeps its
//! size, and what comes from outside it has one colour.

use crate::images::decode::Pixels;
use crate::images::resample::Filter;

/// From the middle (x, y) of a pixel of the result to the point `[x·a + y·b + c, x·d + y·e + f]` of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine([[f64; 3]; 2]);

impl Affine {
    /// Row y moves by `factor` · y to the left.
    pub(super) fn shear_x(factor: f64) -> Self {
        Self([[1.0, factor, 0.0], [0.0, 1.0, 0.0]])
    }

    /// Column x moves by `factor` · x upwards.
    pub(super) fn shear_y(factor: f64) -> Self {
        Self([[1.0, 0.0, 0.0], [factor, 1.0, 0.0]])
    }

    /// Moves by so many pixels to the left and upwards.
    pub(super) fn translate(left: f64, up: f64) -> Self {
        Self([[1.0, 0.0, left], [0.0, 1.0, up]])
    }

    /// Turns an image of this size about its centre, counter-clockwise.
    pub(super) fn rotate(degrees: f64, width: usize, height: usize) -> Self {
        let (sin, cos) = (-degrees.to_radians()).sin_cos();
        let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
        Self([[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]])
    }

    /// The image moved; `fill` has a value for each channel. Lanczos, which Pillow has not for maps, is taken as bicubic.
    pub(super) fn apply(&self, image: &Pixels, filter: Filter, fill: [u8; 3]) -> Pixels {
        match (image.channels, filter) {
            (1, Filter::Bilinear) => self.mapped::<1>(image, bilinear::<1>, [fill[0]]),
            (1, _) => self.mapped::<1>(image, bicubic::<1>, [fill[0]]),
            (_, Filter::Bilinear) => self.mapped::<3>(image, bilinear::<3>, fill),
            (_, _) => self.mapped::<3>(image, bicubic::<3>, fill),
        }
    }

    fn mapped<const C: usize>(
        &self,
        image: &Pixels,
        at: impl Fn(&Pixels, f64, f64) -> [f64; C],
        fill: [u8; C],
    ) -> Pixels {
        let Self([[a, b, c], [d, e, f]]) = *self;
        let (width, height) = (image.width as f64, image.height as f64);
        let mut pixels = Vec::with_capacity(image.pixels.len());
        for row in 0..image.height {
            for column in 0..image.width {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                let (x, y) = (a * x + b * y + c, d * x + e * y + f);
                let inside = x >= 0.0 && x < width && y >= 0.0 && y < height;
                // The conversion cuts off the fraction and keeps to 0 and 255, as Pillow does.
                pixels.extend(if inside { at(image, x - 0.5, y - 0.5).map(|value| value as u8) } else { fill });
            }
        }
        Pixels { pixels, ..*image }
    }
}

/// The pixel at a column and a row, which are brought back into the image.
fn pixel<const C: usize>(image: &Pixels, column: isize, row: isize) -> [f64; C] {
    let column = column.clamp(0, image.width as isize - 1) as usize;
    let row = row.clamp(0, image.height as isize - 1) as usize;
    let values = &image.pixels[(row * image.width + column) * C..][..C];
    std::array::from_fn(|channel| f64::from(values[channel]))
}

/// Linear between the 2 × 2 nearest pixels, first in each row.
fn bilinear<const C: usize>(image: &Pixels, x: f64, y: f64) -> [f64; C] {
    let (column, row) = (x.floor(), y.floor());
    let (dx, dy) = (x - column, y - row);
    let between = |a: [f64; C], b: [f64; C], d: f64| std::array::from_fn(|c| a[c] + (b[c] - a[c]) * d);
    let (column, row) = (column as isize, row as isize);
    let line = |row| between(pixel(image, column, row), pixel(image, column + 1, row), dx);
    between(line(row), line(row + 1), dy)
}

/// Keys' cubic with a = −1 through the 4 × 4 nearest pixels, first in each row. Where a point lies on a row or a column of
/// pixels, as in every translation and shear along the other axis, the cubic is the pixel itself, and the rest is not read.
fn bicubic<const C: usize>(image: &Pixels, x: f64, y: f64) -> [f64; C] {
    let (column, row) = (x.floor(), y.floor());
    let (dx, dy) = (x - column, y - row);
    let (column, row) = (column as isize, row as isize);
    let line = |row| match dx {
        0.0 => pixel(image, column, row),
        _ => cubic(std::array::from_fn(|place| pixel(image, column - 1 + place as isize, row)), dx),
    };
    match dy {
        0.0 => line(row),
        _ => cubic(std::array::from_fn(|place| line(row - 1 + place as isize)), dy),
    }
}

fn cubic<const C: usize>(values: [[f64; C]; 4], d: f64) -> [f64; C] {
    std::array::from_fn(|channel| {
        let [a, b, c, e] = values.map(|value| value[channel]);
        b + d * ((c - a) + d * ((2.0 * (a - b) + c - e) + d * (b - a - c + e)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pixels_are_moved_unchanged_and_the_rest_is_filled() {
        let pixels: Vec<u8> = (0..6 * 5 * 3).map(|number| number as u8).collect();
        let image = Pixels { pixels, width: 6, height: 5, channels: 3 };
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            let moved = Affine::translate(2.0, -1.0).apply(&image, filter, [9, 8, 7]);
            for (place, found) in moved.pixels.chunks_exact(3).enumerate() {
                let (column, row) = (place % 6, place / 6);
                let expected = match (column + 2 < 6, row >= 1) {
                    (true, true) => &image.pixels[((row - 1) * 6 + column + 2) * 3..][..3],
                    _ => &[9, 8, 7],
                };
                assert_eq!(found, expected, "{filter:?}, column {column}, row {row}");
            }
        }
    }

    #[test]
    fn no_turn_is_the_image_and_a_quarter_turn_of_a_square_only_moves_pixels() {
        let pixels: Vec<u8> = (0..8 * 8).map(|number| number as u8).collect();
        let image = Pixels { pixels, width: 8, height: 8, channels: 1 };
        assert_eq!(Affine::rotate(0.0, 8, 8).apply(&image, Filter::Bicubic, [0; 3]), image);
        let turned = Affine::rotate(90.0, 8, 8).apply(&image, Filter::Bicubic, [0; 3]);
        for (place, &value) in turned.pixels.iter().enumerate() {
            let (column, row) = (place % 8, place / 8);
            // Counter-clockwise: the last column becomes the first row.
            let expected = image.pixels[column * 8 + 7 - row];
            assert!(value.abs_diff(expected) <= 1, "column {column}, row {row}: {value}, expected {expected}");
        }
    }
}
