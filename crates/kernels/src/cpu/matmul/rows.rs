//! Products within one task of the same rows with many matrices, such as one head's queries, keys and values with its tiles of scores.
//!
//! Where the processor has instructions for it the rows are packed once, for all of these products. Elsewhere each product goes by
//! itself.

#[cfg(target_arch = "x86_64")]
use super::tiles::Packs;
use super::{Mode, Target, View, product_here};
use crate::Precision;
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

/// Rows R `[N, E]`.
pub(in crate::cpu) struct Rows<'a> {
    view: View<'a>,
    precision: Precision,
    #[cfg(target_arch = "x86_64")]
    packs: Option<Packs>,
}

/// Whether rows are packed: then they need not lie next to each other, and products with some of them begin at a multiple of
/// [`ALIGNED`].
pub(in crate::cpu) fn are_packed(rows: usize, width: usize, precision: Precision) -> bool {
    #[cfg(target_arch = "x86_64")]
    return rows >= FEWEST && Packs::fit(width, precision);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (rows, width, precision, FEWEST);
        false
    }
}

/// Rows for which packing pays.
const FEWEST: usize = if cfg!(test) { 20 } else { 32 };

#[cfg(target_arch = "x86_64")]
pub(in crate::cpu) const ALIGNED: usize = Packs::ROWS;
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::cpu) const ALIGNED: usize = 128;

impl<'a> Rows<'a> {
    /// `packed`: as [`are_packed`] says of all rows that are multiplied with these.
    pub(in crate::cpu) fn new(view: View<'a>, uses: Uses, packed: bool, precision: Precision) -> Self {
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (uses, packed);
        Self {
            view,
            precision,
            #[cfg(target_arch = "x86_64")]
            packs: packed.then(|| Packs::new(view, [uses.left, uses.right, uses.columns], precision)),
        }
    }

    /// `target = R Sᵀ`, of some rows of each.
    pub(in crate::cpu) fn by_transpose(
        &self,
        target: Target<'_>,
        rows: Range<usize>,
        (s, others): (&Rows<'_>, Range<usize>),
    ) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(packs), Some(other)) = (&self.packs, &s.packs) {
            return packs.by_transpose(target, rows, (other, others));
        }
        let (r, s) = (self.view.row_range(rows.start, rows.len()), s.view.row_range(others.start, others.len()));
        product_here(target, Mode::Set, self.precision, 1.0, (r, s.t()));
    }

    /// `target (+)= scale · P R` with some of the rows.
    pub(in crate::cpu) fn by(&self, target: Target<'_>, mode: Mode, scale: f32, p: View<'_>, rows: Range<usize>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(packs) = &self.packs {
            return packs.by(target, mode, scale, p, rows);
        }
        product_here(target, mode, self.precision, scale, (p, self.view.row_range(rows.start, rows.len())));
    }
}
