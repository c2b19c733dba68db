//! Products within one task of the same rows with many matrices, such as one head's queries, keys and values with its tiles of scores.
//!
//! Where the processor has instructions for it the rows are packed once, for all of these products. Elsewhere each product goes by
//! itself.

#[cfg(target_arch = "x86_64")]
use super::tiles::PackedRows;
use super::{Mode, Target, View, product_here};
use crate::Precision;
use std::borrow::Cow;
use std::ops::Range;

/// Which products rows R `[N, E]` are in.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cpu) struct Uses {
    /// `R Sᵀ` with other rows S.
    pub(in crate::cpu) left: bool,
    /// `S Rᵀ` with other rows S.
    pub(in crate::cpu) right: bool,
    /// `P R` with another matrix P.
    pub(in crate::cpu) columns: bool,
}

impl Uses {
    /// In those of both.
    pub(in crate::cpu) fn and(self, other: Self) -> Self {
        Self { left: self.left || other.left, right: self.right || other.right, columns: self.columns || other.columns }
    }
}

/// Rows R `[N, E]`, of which products take some.
pub(in crate::cpu) struct Rows<'a> {
    precision: Precision,
    form: Form<'a>,
}

enum Form<'a> {
    Lying {
        data: Cow<'a, [f32]>,
        size: (usize, usize),
        stride: usize,
    },
    #[cfg(target_arch = "x86_64")]
    Packed(PackedRows),
}

/// Whether rows are packed for products of tiles of `queries` with tiles of `keys`: then they need not lie next to each other, and the
/// tiles begin at multiples of [`ALIGNED`].
pub(in crate::cpu) fn are_packed(queries: usize, keys: usize, width: usize) -> bool {
    // Packing keys takes as long whatever the number of queries that look at them.
    let pays = queries >= FEWEST && queries >= keys / 4;
    #[cfg(target_arch = "x86_64")]
    return pays && PackedRows::fit(width);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (width, pays);
        false
    }
}

/// Rows for which packing pays.
const FEWEST: usize = if cfg!(test) { 20 } else { 32 };

/// Where packed rows can be cut into tiles.
#[cfg(target_arch = "x86_64")]
pub(in crate::cpu) const ALIGNED: usize = PackedRows::ROWS;
/// No rows are packed there.
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::cpu) const ALIGNED: usize = 128;

impl<'a> Rows<'a> {
    /// Rows of `size` that begin every `stride` elements. `packed`: as [`are_packed`] says.
    pub(in crate::cpu) fn new(
        data: Cow<'a, [f32]>,
        (size, stride): ((usize, usize), usize),
        uses: Uses,
        packed: bool,
        precision: Precision,
    ) -> Self {
        #[cfg(target_arch = "x86_64")]
        if packed {
            let view = View::block(&data, 0, size.0, size.1, stride);
            let packed = PackedRows::new(view, [uses.left, uses.right, uses.columns], precision);
            return Self { precision, form: Form::Packed(packed) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (uses.left, uses.right, uses.columns, packed);
        Self { precision, form: Form::Lying { data, size, stride } }
    }

    /// `target = R Sᵀ`, of some rows of each, which have been made for the same products.
    pub(in crate::cpu) fn by_transpose(
        &self,
        target: Target<'_>,
        rows: Range<usize>,
        (s, others): (&Rows<'_>, Range<usize>),
    ) {
        match (&self.form, &s.form) {
            #[cfg(target_arch = "x86_64")]
            (Form::Packed(r), Form::Packed(s)) => r.by_transpose(target, rows, (s, others)),
            _ => {
                let (r, s) = (self.form.lying(rows), s.form.lying(others));
                product_here(target, Mode::Set, self.precision, 1.0, (r, s.t()));
            }
        }
    }

    /// `target (+)= scale · P R` with some of the rows.
    pub(in crate::cpu) fn by(&self, target: Target<'_>, mode: Mode, scale: f32, p: View<'_>, rows: Range<usize>) {
        match &self.form {
            #[cfg(target_arch = "x86_64")]
            Form::Packed(packed) => packed.by(target, mode, scale, p, rows),
            form => product_here(target, mode, self.precision, scale, (p, form.lying(rows))),
        }
    }
}

impl Form<'_> {
    fn lying(&self, rows: Range<usize>) -> View<'_> {
        match self {
            Self::Lying { data, size, stride } => {
                View::block(data, 0, size.0, size.1, *stride).row_range(rows.start, rows.len())
            }
            #[cfg(target_arch = "x86_64")]
            Self::Packed(_) => unreachable!("both sides of a product are packed, or none is"),
        }
    }
}
