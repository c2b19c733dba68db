//! Tests of decoding and resizing against what Pillow makes of the images in `tests/images`, which `make_images.py` there
//! wrote.

use super::decode::{Pixels, decode};
use super::resample::{Filter, resize};
use std::path::PathBuf;

/// As in the script.
const SIDES: [usize; 2] = [7, 20];
const FILTERS: [Filter; 3] = [Filter::Lanczos, Filter::Bilinear, Filter::Bicubic];

/// Image, width, height, and by how much of 255 a value of the decoder may differ: nothing where coding is lossless, a
/// rounding of the cosine transform in JPEG, more where colours were stored at half the size.
const IMAGES: [(&str, usize, usize, u8); 8] = [
    ("colour.png", 13, 9, 0),
    ("transparent.png", 9, 12, 0),
    ("palette.png", 16, 10, 0),
    ("grey.png", 11, 8, 0),
    ("colour.jpg", 45, 30, 3),
    ("thrifty.jpg", 33, 27, 4),
    ("grey.jpg", 20, 31, 1),
    ("turned.jpg", 16, 24, 3),
];

fn fixture(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "images", name].iter().collect();
    std::fs::read(path).expect("the fixture is in the repository")
}

/// What the script wrote for an image: colours, grey, and each resized.
struct Expected {
    colours: Pixels,
    grey: Vec<u8>,
    resized: Vec<(Filter, usize, Vec<u8>)>,
}

fn expected(name: &str, width: usize, height: usize) -> Expected {
    let values = fixture(&format!("{name}.expected"));
    let mut rest = values.as_slice();
    let mut take = |count: usize| rest.split_off(..count).expect("long enough").to_vec();
    let colours = Pixels { pixels: take(width * height * 3), width, height, channels: 3 };
    let grey = take(width * height);
    let resized = FILTERS.iter().flat_map(|&filter| SIDES.map(|side| (filter, side)));
    let resized = resized.map(|(filter, side)| (filter, side, take(side * side * 3))).collect();
    assert!(rest.is_empty(), "{name}: {} values too many", rest.len());
    Expected { colours, grey, resized }
}

/// The largest difference.
fn apart(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn every_image_decodes_as_in_pillow_in_colour_and_in_grey() {
    for (name, width, height, allowed) in IMAGES {
        let expected = expected(name, width, height);
        let found = decode(&fixture(name), 3).unwrap();
        assert_eq!((found.width, found.height, found.channels), (width, height, 3), "{name}");
        let off = apart(&found.pixels, &expected.colours.pixels);
        assert!(off <= allowed, "{name}: colours {off} off, allowed {allowed}");
        let off = apart(&decode(&fixture(name), 1).unwrap().pixels, &expected.grey);
        assert!(off <= allowed, "{name}: grey {off} off, allowed {allowed}");
    }
}

#[test]
fn every_image_is_resized_to_the_bits_of_pillow() {
    for (name, width, height, _) in IMAGES {
        let Expected { colours, resized, .. } = expected(name, width, height);
        for (filter, side, expected) in resized {
            let found = resize(colours.clone(), side, side, filter);
            assert_eq!(apart(&found.pixels, &expected), 0, "{name}, {filter:?}, {side}");
        }
    }
}
