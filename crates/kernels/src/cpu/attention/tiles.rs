//! The two passes over the tiles of one head: its outputs, and the gradients of a key head and of the heads that look at it.

use super::super::buffers::unwritten;
use super::super::gradient::Mode;
use super::super::matmul::{Target, View, product_here};
use super::super::simd::{dot, exp, max, sum_of, vectorised};
use super::parts::{Part, SharedMut};
use super::plan::{Place, Plan};

/// Queries and keys of a tile: its scores take 64 KiB. Small in the tests, so that they see many tiles.
pub(super) const TILE: usize = if cfg!(test) { 8 } else { 128 };

/// Queries, keys and values.
pub(in crate::cpu) type Inputs<'a> = [Part<&'a [f32]>; 3];
/// Their gradients.
pub(in crate::cpu) type Outputs<'a> = [Part<SharedMut<'a>>; 3];

/// The rows of one query head, turned by their positions.
fn queries(plan: &Plan, part: Part<&[f32]>, place: Place) -> Vec<f32> {
    let mut q = part.gather(place.sequence, place.head, plan.queries, plan.head_dim);
    if let Some(turns) = &plan.turns {
        turns.forward(0, &mut q);
    }
    q
}

/// The rows of one key head, likewise, and of its values.
fn keys_values(plan: &Plan, [_, k, v]: Inputs<'_>, sequence: usize, head: usize) -> (Vec<f32>, Vec<f32>) {
    let [mut k, v] = [k, v].map(|part| part.gather(sequence, head, plan.keys, plan.head_dim));
    if let (Some(turns), false) = (&plan.turns, plan.keys_are_turned) {
        turns.forward(0, &mut k);
    }
    (k, v)
}

/// The outputs of query head number `task` among all, and m + ln l of each query.
pub(super) fn forward(plan: &Plan, task: usize, inputs: Inputs<'_>, out: Part<SharedMut<'_>>, logs: &mut [f32]) {
    let (place, e) = (plan.place(task), plan.head_dim);
    let q = queries(plan, inputs[0], place);
    let (k, v) = keys_values(plan, inputs, place.sequence, place.head / plan.group);
    let (tile_queries, tile_keys) = (TILE.min(plan.queries), TILE.min(plan.keys));
    let mut scores = unwritten(tile_queries * tile_keys);
    let mut o = unwritten(tile_queries * e);
    let (mut tops, mut sums) = (unwritten(tile_queries), unwritten(tile_queries));
    for first_query in (0..plan.queries).step_by(tile_queries) {
        let queries = tile_queries.min(plan.queries - first_query);
        tops.fill(f32::MIN);
        sums.fill(0.0);
        let visible = plan.visible_to_any(first_query..first_query + queries);
        for first_key in visible.clone().step_by(tile_keys) {
            let keys = tile_keys.min(visible.end - first_key);
            let q = View::new(&q[first_query * e..], queries, e);
            let k = View::new(&k[first_key * e..], keys, e);
            product_here(Target::new(&mut scores, queries, keys), Mode::Set, plan.precision, 1.0, (q, k.t()));
            let mode = if first_key == visible.start { Mode::Set } else { Mode::Add };
            let tile = Tile { plan, place, first_query, first_key, keys };
            probabilities(&tile, mode, &mut scores[..queries * keys], &mut o, &mut tops, &mut sums);
            let (p, v) = (View::new(&scores, queries, keys), View::new(&v[first_key * e..], keys, e));
            product_here(Target::new(&mut o, queries, e), mode, plan.precision, 1.0, (p, v));
        }
        finish(&mut o[..queries * e], e, &tops, &sums, &mut logs[first_query..]);
        // SAFETY: this head's outputs of this sequence are this task's alone.
        #[allow(unsafe_code)]
        unsafe {
            out.store((place.sequence, first_query), place.head, e, &o[..queries * e]);
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
    let e = plan.head_dim;
    let (sequence, key_head) = (task / plan.key_heads(), task % plan.key_heads());
    let (k, v) = keys_values(plan, inputs, sequence, key_head);
    // There may be no queries, or no keys; the loops over them then do nothing.
    let (tile_queries, tile_keys) = (TILE.min(plan.queries).max(1), TILE.min(plan.keys).max(1));
    let [mut p, mut dp] = [(); 2].map(|()| unwritten(tile_queries * tile_keys));
    let [mut dk, mut dv] = [(); 2].map(|()| vec![0.0; plan.keys * e]);
    for (i, logs) in logs.chunks_exact(plan.queries.max(1)).enumerate() {
        let place = plan.place(task * plan.group + i);
        let q = queries(plan, inputs[0], place);
        let [y, dy] = [y, dy].map(|part| part.gather(sequence, place.head, plan.queries, e));
        let mut products = unwritten(plan.queries);
        row_products(&y, &dy, e, &mut products);
        let mut dq = vec![0.0; plan.queries * e];
        for first_query in (0..plan.queries).step_by(tile_queries) {
            let queries = tile_queries.min(plan.queries - first_query);
            let visible = plan.visible_to_any(first_query..first_query + queries);
            let q = View::new(&q[first_query * e..], queries, e);
            let dy = View::new(&dy[first_query * e..], queries, e);
            for first_key in visible.clone().step_by(tile_keys) {
                let keys = tile_keys.min(visible.end - first_key);
                let k = View::new(&k[first_key * e..], keys, e);
                let v = View::new(&v[first_key * e..], keys, e);
                product_here(Target::new(&mut p, queries, keys), Mode::Set, plan.precision, 1.0, (q, k.t()));
                product_here(Target::new(&mut dp, queries, keys), Mode::Set, plan.precision, 1.0, (dy, v.t()));
                let tile = Tile { plan, place, first_query, first_key, keys };
                let (p_tile, dp_tile) = (&mut p[..queries * keys], &mut dp[..queries * keys]);
                score_gradients(&tile, p_tile, dp_tile, logs, &products);
                let (p, ds) = (View::new(&p, queries, keys), View::new(&dp, queries, keys));
                product_here(
                    Target::new(&mut dv[first_key * e..], keys, e),
                    Mode::Add,
                    plan.precision,
                    1.0,
                    (p.t(), dy),
                );
                product_here(
                    Target::new(&mut dk[first_key * e..], keys, e),
                    Mode::Add,
                    plan.precision,
                    plan.scale,
                    (ds.t(), q),
                );
                product_here(
                    Target::new(&mut dq[first_query * e..], queries, e),
                    Mode::Add,
                    plan.precision,
                    plan.scale,
                    (ds, k),
                );
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
    fn row_products(y: &[f32], dy: &[f32], e: usize, products: &mut [f32]) {
        for ((d, y), dy) in products.iter_mut().zip(y.chunks_exact(e)).zip(dy.chunks_exact(e)) {
            *d = dot(y, dy);
        }
    }
}
