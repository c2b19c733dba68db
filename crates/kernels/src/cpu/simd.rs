//! Loops that the compiler turns into vector instructions of the machine it runs on, and the functions used in them.
//!
//! A function defined in [`vectorised!`] is compiled for AVX-512, for AVX2 and for the baseline, and picks at run time.
//! What it calls must be `#[inline(always)]` to take part. Sums go over a fixed number of lanes and use explicit fused
//! multiply-adds, so that a result does not depend on the vector width that was picked.

/// Defines a function in a version for each instruction set; a call runs the best that this machine has.
macro_rules! vectorised {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)+) => {$(
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn anywhere($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    anywhere($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    anywhere($($argument),*)
                }
                #[allow(unsafe_code)]
                match $crate::cpu::level::level() {
                    $crate::cpu::level::Level::Baseline => {}
                    // SAFETY: `level` has found all the features that the version is compiled for.
                    $crate::cpu::level::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    // SAFETY: as above, for this level and those above it.
                    _ => return unsafe { avx512($($argument),*) },
                }
            }
            anywhere($($argument),*)
        }
    )+};
}
pub(super) use vectorised;

/// Asks the memory for the cache line of `data[start]`, which may lie outside: nothing is read.
#[inline(always)]
pub(super) fn ask_for(data: &[f32], start: usize) {
    let address = data.as_ptr().wrapping_add(start);
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    // SAFETY: an address is asked for, which does nothing where there is no memory; the instruction is in the baseline.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Lanes of a sum: two AVX-512 vectors, so that additions overlap.
pub(super) const LANES: usize = 32;

/// The lanes, a power of two, joined to one number in a fixed order.
#[inline(always)]
pub(super) fn fold<const N: usize>(mut lanes: [f32; N], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = N / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `Σ f(x_i)`.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] += f(chunk[i]);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += f(v);
    }
    fold(lanes, |a, b| a + b)
}

/// `Σ f(a_i, b_i)`.
#[inline(always)]
pub(super) fn sum_of_pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a, b);
    }
    fold(lanes, |a, b| a + b)
}

/// `Σ a_i b_i`.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] = a[i].mul_add(b[i], lanes[i]);
        }
    }
    for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[i] = a.mul_add(*b, lanes[i]);
    }
    fold(lanes, |a, b| a + b)
}

/// The largest element; `f32::MIN` if there is none larger.
#[inline(always)]
pub(super) fn max(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::MIN; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = larger(lanes[i], chunk[i]);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, v);
    }
    fold(lanes, larger)
}

/// `eˣ` to about one unit in the last place; 0 below −87.3 (so also for −∞), e^88.3 above 88.3.
///
/// `x = n ln 2 + r` with |r| ≤ ln 2 / 2; eʳ by its Taylor series to r⁷, 2ⁿ by adding n to the exponent.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the lowest bits
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Written so that NaN passes both.
    let bounded = if x > 88.3 { 88.3 } else { x };
    let bounded = if bounded < -87.3 { -87.3 } else { bounded };
    let shifted = bounded.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, bounded));
    let series = (1.0 / 5040.0_f32)
        .mul_add(r, 1.0 / 720.0)
        .mul_add(r, 1.0 / 120.0)
        .mul_add(r, 1.0 / 24.0)
        .mul_add(r, 1.0 / 6.0)
        .mul_add(r, 0.5)
        .mul_add(r, 1.0)
        .mul_add(r, 1.0);
    let scaled = f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < -87.3 { 0.0 } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_a_few_units_in_the_last_place() {
        for i in -87_000..88_000_i32 {
            let x = i as f32 * 1e-3;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 3e-7, "exp({x}) = {got}, not {want}");
        }
        assert_eq!((exp(f32::NEG_INFINITY), exp(-1e30), exp(0.0)), (0.0, 0.0, 1.0));
        assert!(exp(f32::NAN).is_nan());
    }

    vectorised! {
        fn total_of(x: &[f32]) -> f32 {
            sum_of(x, |v| v)
        }

        fn squares_of(x: &[f32]) -> f32 {
            dot(x, x)
        }

        fn max_of(x: &[f32]) -> f32 {
            max(x)
        }
    }

    #[test]
    fn sums_and_maxima_are_right_at_any_length() {
        for n in [0, 1, 5, 31, 32, 33, 64, 97, 1000] {
            let x: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32) - 50.0).collect();
            let total: f32 = x.iter().sum();
            let squares: f32 = x.iter().map(|v| v * v).sum();
            assert_eq!((total_of(&x), squares_of(&x)), (total, squares), "length {n}");
            assert_eq!(max_of(&x), x.iter().copied().fold(f32::MIN, f32::max), "length {n}");
        }
    }
}
