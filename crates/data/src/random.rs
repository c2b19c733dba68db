//! Random numbers that are a function of what they are for: a key is made of a seed, an epoch and an index, and a short
//! stream of numbers of the key. No state is kept between batches, so any batch can be made again from its number.
//!
//! SplitMix64 (Steele, Lea, Flood 2014) with its published finaliser; not for cryptography.

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection of 64 bits in which every input bit moves about half of the output bits.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a stream of random numbers is for; keeps streams with equal numbers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Shuffle = 1,
    TrainingMask = 2,
    ValidationMask = 3,
    Augmentation = 4,
    Mixing = 5,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream that belongs to a purpose and some numbers (seed, epoch, block).
    pub(crate) fn new(purpose: Purpose, numbers: &[u64]) -> Self {
        let start = mix(purpose as u64 ^ GOLDEN_GAMMA);
        Self(numbers.iter().fold(start, |key, &number| mix(key.wrapping_add(GOLDEN_GAMMA) ^ mix(number))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// Uniform in `[0, 1)`, on a grid of 2⁻⁵³.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..n` but for a bias below n · 2⁻⁶⁴; `n` must not be 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform from `low` to `high`.
    pub(crate) fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.unit()
    }

    /// `true` with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Two independent numbers of the normal distribution with mean 0 and variance 1 (Box and Muller 1958).
    pub(crate) fn normals(&mut self) -> [f64; 2] {
        // 1 − u is above 0, where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        [radius * cos, radius * sin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_purpose_and_by_every_number() {
        let keys: [(Purpose, &[u64]); 6] = [
            (Purpose::Shuffle, &[0, 0, 1]),
            (Purpose::Shuffle, &[0, 1, 0]),
            (Purpose::Shuffle, &[1, 0, 0]),
            (Purpose::Shuffle, &[0, 0]),
            (Purpose::TrainingMask, &[0, 0, 1]),
            (Purpose::ValidationMask, &[0, 0, 1]),
        ];
        let first: std::collections::HashSet<u64> = keys.iter().map(|(p, n)| Stream::new(*p, n).next()).collect();
        assert_eq!(first.len(), keys.len());
    }

    #[test]
    fn numbers_are_uniform() {
        let mut stream = Stream::new(Purpose::Shuffle, &[7]);
        let (mut counts, mut sum) = ([0u32; 10], 0.0);
        for _ in 0..100_000 {
            counts[stream.below(10) as usize] += 1;
            sum += stream.unit();
        }
        // Five standard deviations of a count (95) and of the mean (0.0009).
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 475), "{counts:?}");
        assert!((sum / 100_000.0 - 0.5f64).abs() < 0.0046, "{sum}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_their_distribution() {
        let mut stream = Stream::new(Purpose::Augmentation, &[3]);
        let numbers: Vec<f64> = (0..100_000).flat_map(|_| stream.normals()).collect();
        let moment = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        // Five standard deviations of each mean: √((E x²ᵖ − (E xᵖ)²) / 200,000), with E x² = 1, E x⁴ = 3, E x⁶ = 15, ….
        for (power, expected, off) in [(1, 0.0, 0.012), (2, 1.0, 0.016), (3, 0.0, 0.044), (4, 3.0, 0.11)] {
            assert!((moment(power) - expected).abs() < off, "moment {power}: {}", moment(power));
        }
        let together = numbers.chunks_exact(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 100_000.0;
        assert!(together.abs() < 0.016, "{together}");
    }
}
