//! Tests of RandAugment's operations against what timm makes of a picture with Pillow, in `tests/fixtures/augment`, which
//! `make_operations.py` there wrote.

use super::rand_augment::{Canvas, Operation};
use crate::images::decode::{Pixels, decode};
use crate::images::resample::Filter;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::PathBuf;

/// An operation at a level; the results stand in the file of values in the order of the cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    image: String,
    operation: Operation,
    level: f64,
    sign: f64,
    filter: String,
}

fn fixture(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "augment", name].iter().collect();
    std::fs::read(path).expect("the fixture is in the repository")
}

fn picture(name: &str) -> Pixels {
    decode(&fixture(name), if name == "grey.png" { 1 } else { 3 }).unwrap()
}

#[test]
fn every_operation_is_timms_to_the_last_bit_but_for_turns() {
    let cases: Vec<Case> = serde_json::from_slice(&fixture("operations.json")).unwrap();
    let values = fixture("operations.u8");
    let mut rest = values.as_slice();
    let mut met = HashSet::new();
    for Case { image, operation, level, sign, filter } in cases {
        let before = picture(&image);
        let filter = if filter == "bilinear" { Filter::Bilinear } else { Filter::Bicubic };
        let mut found = before.clone();
        operation.apply(&mut found, level, sign, Canvas { filter, fill: [124, 116, 104] });
        let expected = rest.split_off(..before.pixels.len()).expect("long enough");
        // A turn cuts off fractions of sums that are sometimes whole numbers.
        let allowed = if operation == Operation::Rotate { 1 } else { 0 };
        let off = found.pixels.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(off <= allowed, "{image}: {operation:?} at {level}, {sign}, {filter:?}: {off} off");
        met.insert((operation, image));
    }
    assert!(rest.is_empty(), "{} values too many", rest.len());
    assert_eq!(met.len(), 2 * Operation::ALL.len(), "every operation on both pictures");
}
