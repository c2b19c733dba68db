//! How the rows of a head come to the products of its tiles: packed where they lie, or gathered.

use super::super::matmul::rows::{self, Rows, Uses};
use super::parts::Part;
use super::plan::{Place, Plan};
use super::tiles::Inputs;
use std::borrow::Cow;
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
        let packed = rows::are_packed(plan.queries, plan.keys, plan.head_dim);
        Self { packed, tile: if packed { rows::ALIGNED } else { TILE } }
    }

    /// The first `count` rows of one head. They stay where they lie if they are packed as they are; they are copied next to each other
    /// if they are to be turned by their positions first, or multiplied as they are.
    pub(super) fn rows<'a>(
        &self,
        plan: &Plan,
        part: Part<&'a [f32]>,
        (sequence, head): (usize, usize),
        (count, turn): (usize, bool),
        uses: Uses,
    ) -> Rows<'a> {
        let e = plan.head_dim;
        let turns = plan.turns.as_ref().filter(|_| turn);
        let (data, stride) = if self.packed && turns.is_none() {
            (Cow::Borrowed(part.rows_from((sequence, 0), head, e)), part.stride)
        } else {
            let mut rows = part.gather(sequence, head, count, e);
            if let Some(turns) = turns {
                turns.forward(0, &mut rows);
            }
            (Cow::Owned(rows), e)
        };
        Rows::new(data, ((count, e), stride), uses, self.packed, plan.precision)
    }

    /// The rows of one query head.
    pub(super) fn queries<'a>(&self, plan: &Plan, part: Part<&'a [f32]>, place: Place, uses: Uses) -> Rows<'a> {
        self.rows(plan, part, (place.sequence, place.head), (plan.queries, true), uses)
    }

    /// The rows of one key head, and of its values.
    pub(super) fn keys_values<'a>(
        &self,
        plan: &Plan,
        [_, k, v]: Inputs<'a>,
        place: (usize, usize),
        [of_keys, of_values]: [Uses; 2],
    ) -> [Rows<'a>; 2] {
        let k = self.rows(plan, k, place, (plan.keys, !plan.keys_are_turned), of_keys);
        [k, self.rows(plan, v, place, (plan.keys, false), of_values)]
    }

    /// The tiles of keys that some of the queries see.
    pub(super) fn tiles_of_keys(
        &self,
        plan: &Plan,
        queries: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let (visible, tile) = (plan.visible_to_any(queries), self.tile);
        // Packed rows are cut at multiples of the tile; `mask` hides what comes before the first visible key.
        let first = if self.packed { visible.start / tile * tile } else { visible.start };
        (first..visible.end).step_by(tile).map(move |key| key..visible.end.min(key + tile))
    }
}
