//! Parts of a computation on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Rows are cut into so many parts whatever the number of cores, so that sums over parts are always the same.
pub(super) const PARTS: usize = 32;

/// What `part` gives for each of `0..parts`, in this order.
pub(super) fn in_parts<T: Send>(parts: usize, part: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= parts {
                return done;
            }
            done.push((index, part(index)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from).min(parts);
    let mut all: Vec<(usize, T)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(take)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().flat_map(join).collect()
    });
    all.sort_unstable_by_key(|&(index, _)| index);
    all.into_iter().map(|(_, done)| done).collect()
}

/// The rows of part `part` of `rows` rows.
pub(super) fn rows_of(part: usize, rows: usize) -> std::ops::Range<usize> {
    let size = rows.div_ceil(PARTS);
    (part * size).min(rows)..((part + 1) * size).min(rows)
}
