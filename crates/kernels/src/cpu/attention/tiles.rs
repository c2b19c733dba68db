//! The two passes over the tiles of one head: its outputs, and the gradients of a key head and of the heads that look at it.

use super::super::buffers::unwritten;
use super::super::gradient::Mode;
use super::super::matmul::rows::Uses;
use super::super::matmul::{Target, View};
use super::super::simd::{dot, exp, max, sum_of, vectorised};
use super::parts::{Part, SharedMut};
use super::plan::{Place, Plan};
use super::way::Way;
use std::ops::Range;

/// Queries, keys and values.
pub(in crate::cpu) type Inputs<'a> = [Part<&'a [f32]>; 3];
/// Their gradients.
pub(in crate::cpu) type Outputs<'a> = [Part<SharedMut<'a>>; 3];

fn tiles(count: usize, tile: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(tile).map(move |first| first..count.min(first + tile))
}

/// As left rows, as right ones, and by columns.
fn uses() -> [Uses; 3] {
    let none = Uses::default();
    [Uses { left: true, ..none }, Uses { right: true, ..none }, Uses { columns: true, ..none }]
}

/// The outputs of query head number `task` among all, and m + ln l of each query.
pub(super) fn forward(plan: &Plan, task: usize, inputs: Inputs<'_>, out: Part<SharedMut<'_>>, logs: &mut [f32]) {
    let (place, e, way) = (plan.place(task), plan.head_dim, Way::of(plan));
    let [left, right, columns] = uses();
    let q = way.queries(plan, inputs[0], place, left);
    let [k, v] = way.keys_values(plan, inputs, (place.sequence, place.head / plan.group), [right, columns]);
    let (tile_queries, tile_keys) = (way.tile.min(plan.queries), way.tile.min(plan.keys));
    let mut scores = unwritten(tile_queries * tile_keys);
    let mut o = unwritten(tile_queries * e);
    let (mut tops, mut sums) = (unwritten(tile_queries), unwritten(tile_queries));
    for queries in tiles(plan.queries, tile_queries) {
        tops.fill(f32::MIN);
        sums.fill(0.0);
        let mut mode = Mode::Set;
        for keys in way.tiles_of_keys(plan, queries.clone()) {
            let size = (queries.len(), keys.len());
            q.by_transpose(Target::new(&mut scores, size.0, size.1), queries.clone(), (&k, keys.clone()));
            let tile = Tile { plan, place, first_query: queries.start, first_key: keys.start, keys: keys.len() };
            probabilities(&tile, mode, &mut scores[..size.0 * size.1], &mut o, &mut tops, &mut sums);
            v.by(Target::new(&mut o, size.0, e), mode, 1.0, View::new(&scores, size.0, size.1), keys);
            mode = Mode::Add;
        }
        let o = &mut o[..queries.len() * e];
        finish(o, e, &tops, &sums, &mut logs[queries.clone()]);
        // SAFETY: this head's outputs of this sequence are this task's alone.
        #[allow(unsafe_code)]
        unsafe {
            out.store((place.sequence, queries.start), place.head, e, o);
        }
    }
}

/// The gradients of key head number `task` among all, of its values, and of the query heads that look at it, one after another.
pub(super) fn backward(
    plan: &Plan,
    task: usize,
    inputs: Inputs<'_>,
    [y, dy]: [Part<&[f32]>; 2],
    logs: &[f32],
    [dq_out, dk_out, dv_out]: Outputs<'_>,
) {
    let (e, way) = (plan.head_dim, Way::of(plan));
    let (sequence, key_head) = (task / plan.key_heads(), task % plan.key_heads());
    let [left, right, columns] = uses();
    let [k, v] = way.keys_values(plan, inputs, (sequence, key_head), [right.and(columns), right]);
    // There may be no queries, or no keys; the loops over them then do nothing.
    let (tile_queries, tile_keys) = (way.tile.min(plan.queries).max(1), way.tile.min(plan.keys).max(1));
    let [mut p, mut dp] = [(); 2].map(|()| unwritten(tile_queries * tile_keys));
    let [mut dk, mut dv] = [(); 2].map(|()| vec![0.0; plan.keys * e]);
    for (i, logs) in logs.chunks_exact(plan.queries.max(1)).enumerate() {
        let place = plan.place(task * plan.group + i);
        let mut products = unwritten(plan.queries);
        row_products(plan, place, [y, dy], &mut products);
        let q = way.queries(plan, inputs[0], place, left.and(columns));
        let dy = way.rows(plan, dy, (sequence, place.head), (plan.queries, false), left.and(columns));
        let mut dq = vec![0.0; plan.queries * e];
        for queries in tiles(plan.queries, tile_queries) {
            for keys in way.tiles_of_keys(plan, queries.clone()) {
                let size = (queries.len(), keys.len());
                q.by_transpose(Target::new(&mut p, size.0, size.1), queries.clone(), (&k, keys.clone()));
                dy.by_transpose(Target::new(&mut dp, size.0, size.1), queries.clone(), (&v, keys.clone()));
                let tile = Tile { plan, place, first_query: queries.start, first_key: keys.start, keys: keys.len() };
                let length = size.0 * size.1;
                score_gradients(&tile, &mut p[..length], &mut dp[..length], logs, &products);
                let (p, ds) = (View::new(&p, size.0, size.1), View::new(&dp, size.0, size.1));
                let [dv, dk] = [&mut dv, &mut dk].map(|sum| Target::new(&mut sum[keys.start * e..], size.1, e));
                dy.by(dv, Mode::Add, 1.0, p.t(), queries.clone());
                q.by(dk, Mode::Add, plan.scale, ds.t(), queries.clone());
                k.by(Target::new(&mut dq[queries.start * e..], size.0, e), Mode::Add, plan.scale, ds, keys);
            }
        }
        if let Some(turns) = &plan.turns {
            turns.back(&mut dq);
        }
        // SAFETY: the gradients of this sequence and of these heads are this task's alone.
        #[allow(unsafe_code)]
        unsafe {
            dq_out.store((sequence, 0), place.head, e, &dq);
        }
    }
    if let Some(turns) = &plan.turns {
        turns.back(&mut dk);
    }
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe {
        dk_out.store((sequence, 0), key_head, e, &dk);
        dv_out.store((sequence, 0), key_head, e, &dv);
    }
}

/// One tile of scores.
struct Tile<'a> {
    plan: &'a Plan,
    place: Place,
    first_query: usize,
    first_key: usize,
    keys: usize,
}

vectorised! {
    /// Raw scores become `exp(score − m)`; m, l and, unless they are yet to be set, the outputs so far are corrected to the
    /// new maximum.
    fn probabilities(
        tile: &Tile<'_>,
        mode: Mode,
        scores: &mut [f32],
        o: &mut [f32],
        tops: &mut [f32],
        sums: &mut [f32],
    ) {
        let Tile { plan, place, first_query, first_key, keys } = *tile;
        let e = plan.head_dim;
        for (i, scores) in scores.chunks_exact_mut(keys).enumerate() {
            plan.mask(place, first_query + i, first_key, scores);
            let top = max(scores);
            let top = if top > tops[i] { top } else { tops[i] };
            let correction = exp(tops[i] - top);
            scores.iter_mut().for_each(|s| *s = exp(*s - top));
            sums[i] = sums[i].mul_add(correction, sum_of(scores, |p| p));
            tops[i] = top;
            if let Some(dropout) = plan.dropout {
                let index = plan.index(place, first_query + i, first_key);
                dropout.for_each(index, keys, |j, m| scores[j] *= m);
            }
            if mode == Mode::Add {
                o[i * e..][..e].iter_mut().for_each(|o| *o *= correction);
            }
        }
    }

    /// Raw scores become the probabilities that multiplied V, and dP becomes `dS = P (dP ∘ mask − D)`.
    fn score_gradients(tile: &Tile<'_>, p: &mut [f32], dp: &mut [f32], logs: &[f32], products: &[f32]) {
        let Tile { plan, place, first_query, first_key, keys } = *tile;
        for (i, (p, dp)) in p.chunks_exact_mut(keys).zip(dp.chunks_exact_mut(keys)).enumerate() {
            let query = first_query + i;
            plan.mask(place, query, first_key, p);
            let (log, product) = (logs[query], products[query]);
            p.iter_mut().for_each(|p| *p = exp(*p - log));
            match plan.dropout {
                Some(dropout) => dropout.for_each(plan.index(place, query, first_key), keys, |j, m| {
                    dp[j] = p[j] * dp[j].mul_add(m, -product);
                    p[j] *= m;
                }),
                None => dp.iter_mut().zip(&*p).for_each(|(dp, p)| *dp = p * (*dp - product)),
            }
        }
    }

    /// Divides each query's output by its sum and keeps m + ln l; a query without keys gets zeros.
    fn finish(o: &mut [f32], e: usize, tops: &[f32], sums: &[f32], logs: &mut [f32]) {
        for (i, o) in o.chunks_exact_mut(e).enumerate() {
            let inverse = if sums[i] == 0.0 { 0.0 } else { 1.0 / sums[i] };
            o.iter_mut().for_each(|o| *o *= inverse);
            logs[i] = if sums[i] == 0.0 { 0.0 } else { tops[i] + sums[i].ln() };
        }
    }

    /// `D = Σ dO · O`, row by row.
    fn row_products(plan: &Plan, place: Place, outputs: [Part<&[f32]>; 2], products: &mut [f32]) {
        let ([y, dy], e) = (outputs, plan.head_dim);
        for (i, product) in products.iter_mut().enumerate() {
            let at = (place.sequence, i);
            [y, dy].iter().for_each(|part| part.ask_for(at, place.head, e));
            *product = dot(y.row(at, place.head, e), dy.row(at, place.head, e));
        }
    }
}
