//! How the rows of a head come to the products of its tiles: packed where they lie, or gathered.

use super::super::matmul::View;
use super::super::matmul::rows::{self, Rows, Uses};
use super::parts::Part;
use super::plan::{Place, Plan};
use super::tiles::Inputs;
use std::ops::Range;

/// Queries and keys of a tile: its scores take 64 KiB. Small in the tests, so that they see many tiles.
const TILE: usize = if cfg!(test) { 8 } else { 128 };

/// How the rows of a head are multiplied.
pub(super) struct Way {
    packed: bool,
    /// Queries and keys of a tile.
    pub(super) tile: usize,
}

impl Way {
    pub(super) fn of(plan: &Plan) -> Self {
        let packed = rows::are_packed(plan.queries.min(plan.keys), plan.head_dim, plan.precision);
        Self { packed, tile: if packed { rows::ALIGNED } else { TILE } }
    }

    /// One head's rows where they lie, or next to each other: turned by their positions, or to be read again and again.
    pub(super) fn rows<'a>(
        &self,
        plan: &Plan,
        part: Part<&'a [f32]>,
        (sequence, head): (usize, usize),
        count: usize,
        turn: bool,
    ) -> Lying<'a> {
        let e = plan.head_dim;
        match &plan.turns {
            Some(turns) if turn => {
                let mut rows = part.gather(sequence, head, count, e);
                turns.forward(0, &mut rows);
                Lying::Gathered(rows)
            }
            _ if self.packed => Lying::Apart(part.rows_from((sequence, 0), head, e), part.stride),
            _ => Lying::Gathered(part.gather(sequence, head, count, e)),
        }
    }

    /// The rows of one query head.
    pub(super) fn queries<'a>(&self, plan: &Plan, part: Part<&'a [f32]>, place: Place) -> Lying<'a> {
        self.rows(plan, part, (place.sequence, place.head), plan.queries, true)
    }

    /// The rows of one key head, and of its values.
    pub(super) fn keys_values<'a>(
        &self,
        plan: &Plan,
        [_, k, v]: Inputs<'a>,
        place: (usize, usize),
    ) -> (Lying<'a>, Lying<'a>) {
        let k = self.rows(plan, k, place, plan.keys, !plan.keys_are_turned);
        (k, self.rows(plan, v, place, plan.keys, false))
    }

    /// The tiles of keys that some of the queries see.
    pub(super) fn tiles_of_keys(
        &self,
        plan: &Plan,
        queries: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let (visible, tile) = (plan.visible_to_any(queries), self.tile);
        // From a multiple of the tile on, so that every tile begins where one was packed; `mask` hides what comes before.
        let first = visible.start / tile * tile;
        (first..visible.end).step_by(tile).map(move |key| key..visible.end.min(key + tile))
    }
}

/// Rows of a head.
pub(super) enum Lying<'a> {
    Gathered(Vec<f32>),
    /// From the first one on, and how far from each other they begin.
    Apart(&'a [f32], usize),
}

impl Lying<'_> {
    /// The first `count`, ready for products.
    pub(super) fn ready(&self, plan: &Plan, way: &Way, count: usize, uses: Uses) -> Rows<'_> {
        let (rows, e) = (count, plan.head_dim);
        let view = match self {
            Self::Gathered(data) => View::new(data, rows, e),
            Self::Apart(data, stride) => View::block(data, 0, rows, e, *stride),
        };
        Rows::new(view, uses, way.packed, plan.precision)
    }
}
