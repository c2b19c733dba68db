//! Products within one task of rows that are multiplied many times: packed once, whatever the number of products.

use super::super::super::level::{Level, level};
use super::super::{Mode, Output, Target, View};
use super::pack::{Packed, STEP, STRIP, Side};
use super::{ROUNDED, SPLIT, Slab, Spread, Strips, WHOLE, planes};
use crate::Precision;
use std::ops::Range;

/// Rows `[N, E]`, packed for the products that they are in.
pub(in super::super) struct PackedRows {
    precision: Precision,
    /// For `rows otherᵀ`.
    left: Option<Packed>,
    /// For `other rowsᵀ`.
    right: Option<Packed>,
    /// For `other rows`.
    columns: Option<Packed>,
    width: usize,
}

/// Steps of a round: products over rows begin at multiples of so many.
const AT_ONCE: usize = if cfg!(test) { 2 } else { 4 };

impl PackedRows {
    /// Products of rows begin at multiples of so many.
    pub(in super::super) const ROWS: usize = AT_ONCE * STEP;

    /// Whether this machine has what it takes, and rows of this width gain by it.
    pub(in super::super) fn fit(width: usize) -> bool {
        width >= STEP && level() >= Level::Avx512
    }

    /// As a left matrix, as a right one's transpose, as a right matrix: those that are asked for.
    pub(in super::super) fn new(rows: View<'_>, [left, right, columns]: [bool; 3], precision: Precision) -> Self {
        assert!(Self::fit(rows.columns) && rows.fits(), "rows are packed where they gain by it");
        let pack = |wanted: bool, rows: View<'_>, side| wanted.then(|| packed(rows, side, precision));
        let (left, right) = (pack(left, rows, Side::Left), pack(right, rows, Side::Right));
        Self { precision, left, right, columns: pack(columns, rows.t(), Side::Right), width: rows.columns }
    }

    /// `target = rows otherᵀ` of some rows of each.
    pub(in super::super) fn by_transpose(
        &self,
        target: Target<'_>,
        rows: Range<usize>,
        (other, others): (&Self, Range<usize>),
    ) {
        let (Some(left), Some(right)) = (&self.left, &other.right) else { unreachable!("packed for this product") };
        assert!(
            rows.start.is_multiple_of(STRIP) && others.start.is_multiple_of(STRIP),
            "rows begin where a strip does"
        );
        assert!((target.rows, target.columns) == (rows.len(), others.len()), "an operation sets its products' sizes");
        let (left, right) =
            (Strips::from_strip(left, rows.start / STRIP), Strips::from_strip(right, others.start / STRIP));
        compute(Output::new(target, Mode::Set, 1.0), left, right, self.precision);
    }

    /// `target (+)= scale · p rows` of some of the rows.
    pub(in super::super) fn by(&self, target: Target<'_>, mode: Mode, scale: f32, p: View<'_>, rows: Range<usize>) {
        let Some(columns) = &self.columns else { unreachable!("packed for this product") };
        assert!(rows.start.is_multiple_of(Self::ROWS), "rows begin where a round does");
        let sizes = (target.rows, target.columns, p.columns) == (p.rows, self.width, rows.len());
        assert!(sizes && p.fits(), "an operation sets its products' sizes");
        let p = packed(p, Side::Left, self.precision);
        let right = Strips { packed: columns, strip: 0, step: rows.start / STEP, steps: rows.len().div_ceil(STEP) };
        compute(Output::new(target, mode, scale), Strips::of(&p), right, self.precision);
    }
}

/// `target (+)= scale · left right`.
fn compute(output: Output<'_>, left: Strips<'_>, right: Strips<'_>, precision: Precision) {
    assert!(output.strides.1 == 1, "rows of the target lie in one piece");
    let (size, mode) = ((output.rows, output.columns), output.mode);
    let output = &output;
    let slab =
        Slab { output, bias: None, activated: None, at: (0, 0), size, mode, spread: Spread::Here, is_last: false };
    match planes(precision) {
        ROUNDED => slab.compute::<ROUNDED>(left, right),
        WHOLE => slab.compute::<WHOLE>(left, right),
        _ => slab.compute::<SPLIT>(left, right),
    }
}

fn packed(matrix: View<'_>, side: Side, precision: Precision) -> Packed {
    let matrix = matrix.into();
    match planes(precision) {
        ROUNDED => Packed::of::<ROUNDED>(&matrix, side, AT_ONCE, Spread::Here),
        WHOLE => Packed::of::<WHOLE>(&matrix, side, AT_ONCE, Spread::Here),
        _ => Packed::of::<SPLIT>(&matrix, side, AT_ONCE, Spread::Here),
    }
}
