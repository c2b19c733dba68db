//! Random numbers that are a pure function of a key, so that a resumed stage draws what the one before would have drawn.

/// Spreads every bit over the whole number, one to one (the finaliser of SplitMix64).
pub(crate) fn mix(z: u64) -> u64 {
    scramble(z.wrapping_add(STEP))
}

/// What SplitMix64 adds for every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    /// The stream of a key, one for each purpose that has a name of its own.
    pub(crate) fn new(key: u64, purpose: u64) -> Self {
        Self(mix(key ^ mix(purpose)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        scramble(self.0)
    }

    /// From 0 up to, but without, 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of 0, 1, …, `count` − 1; `count` is not 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        // The high half of the product: even to within count / 2⁶⁴.
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_every_purpose_has_its_own() {
        let mut draws = Draws::new(7, 1);
        let mean = (0..20_000).map(|_| draws.uniform()).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let mut counts = [0; 5];
        (0..20_000).for_each(|_| counts[draws.below(5)] += 1);
        assert!(counts.iter().all(|count| (3700..4300).contains(count)), "{counts:?}");
        assert_ne!(Draws::new(7, 1).next(), Draws::new(7, 2).next());
        assert_eq!(Draws::new(7, 1).next(), Draws::new(7, 1).next());
    }
}
