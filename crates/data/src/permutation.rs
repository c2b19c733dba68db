//! The order of the blocks in an epoch: a permutation of `0..n` that is computed, not stored.
//!
//! A balanced Feistel network over the smallest square domain of 4ᵏ ≥ n numbers; a result outside `0..n` is sent through
//! again until it falls inside ("cycle walking", Black & Rogaway 2002). So a block's place is known from seed, epoch and
//! position alone, without memory, for a corpus of any size. Not a cipher.

use crate::random::{Purpose, Stream, mix};

const ROUNDS: usize = 8;

/// A permutation of `0..n` that depends on nothing but n, the seed and the epoch.
#[derive(Debug, Clone)]
pub(crate) struct Permutation {
    n: u64,
    half_bits: u32,
    round_keys: [u64; ROUNDS],
}

impl Permutation {
    pub(crate) fn new(n: u64, seed: u64, epoch: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let mut keys = Stream::new(Purpose::Shuffle, &[seed, epoch]);
        Self { n, half_bits: bits.div_ceil(2).max(1), round_keys: std::array::from_fn(|_| keys.next()) }
    }

    /// Where position `i` of the epoch goes, for `i < n`.
    pub(crate) fn get(&self, i: u64) -> u64 {
        debug_assert!(i < self.n, "position {i} of {}", self.n);
        let mut x = self.encrypt(i);
        // Ends: the walk follows the cycle of i, and i itself is inside.
        while x >= self.n {
            x = self.encrypt(x);
        }
        x
    }

    fn encrypt(&self, x: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (x >> self.half_bits, x & mask);
        for key in self.round_keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(n: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let permutation = Permutation::new(n, seed, epoch);
        (0..n).map(|i| permutation.get(i)).collect()
    }

    proptest! {
        #[test]
        fn every_block_comes_exactly_once(n in 1u64..5000, seed: u64, epoch: u64) {
            let mut sorted = order(n, seed, epoch);
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(0..n));
        }

        #[test]
        fn large_corpora_stay_in_range(n in 1u64 << 40..1u64 << 62, i: u64, seed: u64) {
            prop_assert!(Permutation::new(n, seed, 3).get(i % n) < n);
        }
    }

    #[test]
    fn the_order_depends_on_seed_and_epoch_alone() {
        assert_eq!(order(100, 1, 2), order(100, 1, 2));
        assert_ne!(order(100, 1, 2), order(100, 1, 3));
        assert_ne!(order(100, 1, 2), order(100, 2, 2));
    }

    #[test]
    fn every_block_is_as_likely_in_every_place() {
        for n in [3u64, 5, 10, 17] {
            let trials = 20_000u64;
            let mut counts = vec![0u64; (n * n) as usize];
            for epoch in 0..trials {
                for (place, block) in order(n, 42, epoch).into_iter().enumerate() {
                    counts[place * n as usize + block as usize] += 1;
                }
            }
            let expected = trials as f64 / n as f64;
            let worst = counts.iter().map(|&count| (count as f64 - expected).abs()).fold(0.0, f64::max);
            assert!(worst < 5.0 * expected.sqrt(), "n = {n}: {worst} from {expected}");
        }
    }

    #[test]
    fn neighbours_do_not_stay_neighbours() {
        let order = order(10_000, 5, 0);
        let kept = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
        assert!(kept < 12, "{kept} neighbouring pairs; 2 are expected");
    }
}
