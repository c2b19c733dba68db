//! Weighted means of rows of bytes: what resizing an image of 8-bit values is made of.
//!
//! Whole numbers throughout, so that a result is the same on every machine.

use super::simd::vectorised;

/// Bits after the point of a weight. With 8 of the byte and the sign, sums of weights that add up to 1 fit 32 bits.
pub const WEIGHT_BITS: u32 = 22;

/// Sums that are held in registers at a time: three vectors of AVX-512, and as many pixels of three channels.
const HELD: usize = 48;

/// `out[i] = Σ_k weights[k] · rows[k · n + i] / 2^22`, rounded and held to 0 … 255; n is the length of `out`, and `rows` has at least
/// as many rows of n bytes as there are weights.
///
/// # Panics
/// If there are fewer.
pub fn weighted_bytes(rows: &[u8], weights: &[i32], out: &mut [u8]) {
    let found = rows.len();
    assert!(found >= weights.len() * out.len(), "{found} bytes, expected {} rows of {}", weights.len(), out.len());
    weigh(rows, weights, out);
}

vectorised! {
    fn weigh(rows: &[u8], weights: &[i32], out: &mut [u8]) {
        let length = out.len();
        let mut chunks = out.chunks_exact_mut(HELD);
        let mut start = 0;
        for chunk in &mut chunks {
            let mut sums = [1 << (WEIGHT_BITS - 1); HELD];
            for (row, &weight) in rows.chunks_exact(length).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(&row[start..start + HELD]) {
                    *sum = i32::from(value).wrapping_mul(weight).wrapping_add(*sum);
                }
            }
            for (byte, &sum) in chunk.iter_mut().zip(&sums) {
                *byte = clipped(sum);
            }
            start += HELD;
        }
        for (byte, place) in chunks.into_remainder().iter_mut().zip(start..) {
            let mut sum: i32 = 1 << (WEIGHT_BITS - 1);
            for (row, &weight) in rows.chunks_exact(length).zip(weights) {
                sum = i32::from(row[place]).wrapping_mul(weight).wrapping_add(sum);
            }
            *byte = clipped(sum);
        }
    }
}

/// The byte of a sum that began with a half, so that it is rounded.
#[inline(always)]
fn clipped(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_the_rounded_mean_at_any_length() {
        const ONE: i32 = 1 << WEIGHT_BITS;
        let weights = [ONE / 2, ONE / 4, ONE / 4];
        for length in [1, 16, 47, 48, 49, 96, 100] {
            let rows: Vec<u8> = (0..length * 3 + 5).map(|i| (i * 89 % 251) as u8).collect();
            let mut out = vec![0; length];
            weighted_bytes(&rows, &weights, &mut out);
            for (i, &byte) in out.iter().enumerate() {
                let [a, b, c] = [0, 1, 2].map(|k| f64::from(rows[k * length + i]));
                assert_eq!(f64::from(byte), (a / 2.0 + b / 4.0 + c / 4.0 + 0.5).floor(), "byte {i} of {length}");
            }
        }
    }

    #[test]
    fn what_overshoots_is_held_to_a_byte() {
        const ONE: i32 = 1 << WEIGHT_BITS;
        let mut out = [7; 2];
        weighted_bytes(&[255, 0, 0, 255], &[ONE * 5 / 4, -ONE / 4], &mut out);
        assert_eq!(out, [255, 0]);
    }

    #[test]
    #[should_panic(expected = "3 bytes, expected 2 rows of 2")]
    fn missing_rows_are_refused() {
        weighted_bytes(&[1, 2, 3], &[1, 1], &mut [0; 2]);
    }
}
