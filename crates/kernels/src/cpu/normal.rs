//! Normally distributed numbers, each a function of a key and of its place alone.
//!
//! Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", give the bits (Philox 4×32-10), Box and Muller 1958 the numbers:
//! two at a time, `√(−2 ln u) (cos θ, sin θ)` for u and θ uniform. Products and sums are rounded one by one, so that the bits
//! depend neither on the machine nor on the vector width that was picked.
//!
//! Not for secrets, nor for what lies beyond 6.76 standard deviations, where a word ends.

use super::buffers::unwritten;
use super::simd::vectorised;
use rayon::prelude::*;
use std::f32::consts::{FRAC_PI_4, LN_2};

/// Blocks of bits that are drawn together.
const LANES: usize = 16;
/// Numbers that these give, four of each.
const DRAWN: usize = 4 * LANES;
/// Numbers that make a task worth handing to another thread, in whole draws.
const TASK: usize = if cfg!(test) { 2 * DRAWN } else { 1024 * DRAWN };
/// 2⁻³².
const OF_WORD: f32 = 1.0 / 4_294_967_296.0;

/// The first `count` numbers of a stream of N(0, std²), drawn by all threads.
///
/// No two streams of a seed have blocks of bits in common. A longer stream begins like a shorter one of the same `std`.
pub fn normal_values(seed: u64, stream: u64, std: f32, count: usize) -> Vec<f32> {
    let mut values = unwritten(count);
    let draw = |(task, values): (usize, &mut [f32])| draw((task * (TASK / DRAWN)) as u64, seed, stream, std, values);
    values.par_chunks_mut(TASK).enumerate().for_each(draw);
    values
}

vectorised! {
    /// All of `values` from draw number `first` of the stream on.
    fn draw(first: u64, seed: u64, stream: u64, std: f32, values: &mut [f32]) {
        let mut draws = values.chunks_exact_mut(DRAWN);
        let mut number = first;
        for values in &mut draws {
            values.copy_from_slice(&drawn(number, seed, stream, std));
            number += 1;
        }
        let rest = draws.into_remainder();
        rest.copy_from_slice(&drawn(number, seed, stream, std)[..rest.len()]);
    }
}

/// One draw. The lanes are counted by half of Philox's counter; the stream is the other half, the seed the key.
#[inline(always)]
fn drawn(number: u64, seed: u64, stream: u64, std: f32) -> [f32; DRAWN] {
    let halves = |n: u64| [n as u32, (n >> 32) as u32];
    let ([key_0, key_1], [stream_0, stream_1]) = (halves(seed), halves(stream));
    let first = number.wrapping_mul(LANES as u64);
    let mut words = [[0; LANES]; 4];
    for lane in 0..LANES {
        let [at_0, at_1] = halves(first + lane as u64);
        let block = philox([at_0, at_1, stream_0, stream_1], [key_0, key_1]);
        for (words, word) in words.iter_mut().zip(block) {
            words[lane] = word;
        }
    }
    let mut values = [0.0; DRAWN];
    for lane in 0..LANES {
        let ((a, b), (c, d)) = (pair(words[0][lane], words[1][lane]), pair(words[2][lane], words[3][lane]));
        for (k, value) in [a, b, c, d].into_iter().enumerate() {
            values[k * LANES + lane] = std * value;
        }
    }
    values
}

/// Philox 4×32 with ten rounds.
#[inline(always)]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let product = |word: u32, by: u32| {
        let product = u64::from(word) * u64::from(by);
        ((product >> 32) as u32, product as u32)
    };
    for _ in 0..10 {
        let ((high_0, low_0), (high_1, low_1)) = (product(counter[0], 0xd251_1f53), product(counter[2], 0xcd9e_8d57));
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

/// Two normal numbers of two words: u of the first, θ of the second. Its upper two bits are the quadrant, the others an angle of
/// at most π/4 on either side of an axis.
#[inline(always)]
fn pair(radius: u32, angle: u32) -> (f32, f32) {
    let u = radius as f32 * OF_WORD + 0.5 * OF_WORD;
    let r = (-2.0 * ln(u)).sqrt();
    let (sin, cos) = sin_cos((angle << 2).cast_signed() as f32 * (2.0 * OF_WORD * FRAC_PI_4));
    // A quarter turn takes (cos, sin) to (−sin, cos).
    let turned = (angle >> 30) & 1 == 1;
    let (x, y) = if turned { (sin, cos) } else { (cos, sin) };
    let negated = |value: f32, sign: u32| f32::from_bits(value.to_bits() ^ (sign & 0x8000_0000));
    (negated(r * x, angle ^ (angle << 1)), negated(r * y, angle))
}

/// `ln u` of a positive normal number, to 2e-7 or so much of it.
///
/// `u = 2ⁿ m` with m between √½ and √2; `ln m = 2 artanh s` by its series to s⁹, `s = (m − 1) / (m + 1)`, |s| < 0.172.
#[inline(always)]
fn ln(u: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3; // its bits
    let n = u.to_bits().wrapping_sub(SQRT_HALF).cast_signed() >> 23;
    let m = f32::from_bits(u.to_bits().wrapping_sub((n << 23).cast_unsigned()));
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let series = (((2.0 / 9.0 * square + 2.0 / 7.0) * square + 2.0 / 5.0) * square + 2.0 / 3.0) * square + 2.0;
    n as f32 * LN_2 + s * series
}

/// Sine and cosine of |x| ≤ π/4 by their Taylor series to x⁹ and x⁸.
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    let square = x * x;
    let sin = ((1.0 / 362_880.0 * square - 1.0 / 5040.0) * square + 1.0 / 120.0) * square - 1.0 / 6.0;
    let cos = ((1.0 / 40_320.0 * square - 1.0 / 720.0) * square + 1.0 / 24.0) * square - 0.5;
    (sin * square * x + x, cos * square + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_is_the_published_one() {
        // The known answers of the authors' library (Random123, kat_vectors).
        let all = u32::MAX;
        let of_pi = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([all; 4], [all; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(philox(of_pi.0, of_pi.1), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn functions_are_as_exact_as_f32_is_at_1() {
        for i in 1..200_000_u32 {
            let u = i as f32 / 200_000.0;
            let (found, expected) = (f64::from(ln(u)), f64::from(u).ln());
            assert!((found - expected).abs() < 2e-7 * (1.0 + expected.abs()), "ln({u}) = {found}, not {expected}");
            let x = (2.0 * u - 1.0) * FRAC_PI_4;
            let (sin, cos) = sin_cos(x);
            let error = (f64::from(sin) - f64::from(x).sin()).abs().max((f64::from(cos) - f64::from(x).cos()).abs());
            assert!(error < 1.2e-7, "at {x} off by {error}");
        }
        for power in 0..=33 {
            let (found, expected) = (f64::from(ln(0.5_f32.powi(power))), -f64::from(power) * std::f64::consts::LN_2);
            assert!((found - expected).abs() <= 1e-7 * expected.abs(), "ln(2^-{power}) = {found}, not {expected}");
        }
    }

    #[test]
    fn a_pair_turns_once_around_its_circle() {
        for i in 0..64_u32 {
            let (u, word) = (0.5 * OF_WORD + 1234.0 * OF_WORD, i << 26);
            let (x, y) = pair(1234, word);
            // The angle begins at −π/4 of the first quadrant: the other bits are signed.
            let signed = f64::from((word << 2).cast_signed()) / 2_f64.powi(32) / 2.0;
            let turns = (f64::from(word >> 30) + 2.0 * signed) / 4.0;
            let (r, angle) = ((-2.0 * f64::from(u).ln()).sqrt(), turns * std::f64::consts::TAU);
            let error = (f64::from(x) - r * angle.cos()).abs().max((f64::from(y) - r * angle.sin()).abs());
            assert!(error < 2e-6, "word {word:x}: ({x}, {y})");
        }
        // The ends of both words are numbers too.
        for (radius, angle) in [(0, 0), (0, u32::MAX), (u32::MAX, 0), (u32::MAX, u32::MAX)] {
            let (x, y) = pair(radius, angle);
            assert!(x.is_finite() && y.is_finite() && x.hypot(y) < 6.8, "{radius:x}, {angle:x}: ({x}, {y})");
        }
    }

    #[test]
    fn the_moments_and_the_distribution_are_those_of_the_normal_one() {
        let n = 400_000;
        let values: Vec<f64> = normal_values(3, 5, 2.0, n).into_iter().map(|value| f64::from(value) / 2.0).collect();
        let mean = |f: &dyn Fn(f64) -> f64| values.iter().map(|&x| f(x)).sum::<f64>() / n as f64;
        let root = (n as f64).sqrt();
        // Within five standard errors: the variances of x, x², x³ and x⁴ are 1, 2, 15 and 96.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)] {
            let found = mean(&|x| x.powi(power));
            assert!((found - expected).abs() < 5.0 * variance.sqrt() / root, "moment {power}: {found}");
        }
        for (bound, expected) in [(-2.0, 0.022_750), (-1.0, 0.158_655), (0.0, 0.5), (0.5, 0.691_462), (3.0, 0.998_650)]
        {
            let found = mean(&|x| f64::from(u8::from(x < bound)));
            assert!((found - expected).abs() < 2.5 / root, "below {bound}: {found}");
        }
        // Numbers that are drawn together have nothing to do with each other.
        for apart in [1, LANES, 2 * LANES, DRAWN] {
            let together = values.iter().zip(&values[apart..]).map(|(a, b)| a * b).sum::<f64>() / n as f64;
            assert!(together.abs() < 5.0 / root, "{apart} apart: {together}");
        }
    }

    #[test]
    fn a_stream_does_not_depend_on_its_length_and_others_share_nothing_with_it() {
        let long = normal_values(7, 1, 1.0, 5 * TASK + 13);
        for count in [0, 1, DRAWN - 1, DRAWN, TASK, TASK + 1, 3 * TASK + DRAWN + 2] {
            assert_eq!(normal_values(7, 1, 1.0, count), long[..count], "{count}");
        }
        for (seed, stream) in [(8, 1), (7, 2), (7 + (1 << 32), 1), (7, 1 + (1 << 32))] {
            let other = normal_values(seed, stream, 1.0, 2 * DRAWN);
            assert!(long.iter().all(|value| !other.contains(value)), "seed {seed}, stream {stream}");
        }
    }

    #[test]
    fn the_bits_are_the_same_on_every_machine() {
        // Run at every level; found at AVX-512.
        let values = normal_values(1, 2, 1.0, 100 * DRAWN + 1);
        let weighted = values.iter().zip(1_u32..).map(|(value, i)| i.wrapping_mul(value.to_bits()));
        assert_eq!(weighted.fold(0_u32, u32::wrapping_add), 893_291_722);
        let bits = [0, LANES, 2 * LANES, 3 * LANES].map(|i| values[i].to_bits());
        assert_eq!(bits, [3_202_061_286, 3_188_734_471, 1_070_584_957, 1_053_895_304]);
    }
}
