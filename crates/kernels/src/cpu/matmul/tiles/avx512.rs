//! Products of packed tiles by AVX-512, for processors without a tile unit: in f32, or by the instruction for pairs of bf16 where
//! there is one (Zen since 2022).

#![allow(unsafe_code)]

use super::pack::{LINES, Line};
use super::{BLOCK, Sums};
use std::arch::x86_64::*;

/// Rows whose sums stay in registers, with 32 columns each.
const ROWS: usize = 8;

macro_rules! multiply {
    ($(#[$doc:meta])* $name:ident, $features:literal, $multiply_add:path) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(super) fn $name(a: &[Line], b: &[Line], sums: &mut [Line], from: Sums, next: *const Line) {
            assert!(
                a.len() == b.len() && a.len().is_multiple_of(2 * LINES) && sums.len() == BLOCK,
                "two strips, a block of sums"
            );
            for first in (0..2 * LINES).step_by(ROWS) {
                let (tile, row) = (first / LINES, first % LINES);
                let at = |half: usize, i: usize| (tile * 2 + half) * LINES + row + i;
                let ahead = if first + ROWS < 2 * LINES { a.as_ptr().wrapping_add(first + ROWS) } else { next };
                let mut held = [[_mm512_setzero_ps(); 2]; ROWS];
                if from == Sums::Continue {
                    for (i, held) in held.iter_mut().enumerate() {
                        *held = [0, 1].map(|half| load(&sums[at(half, i)]));
                    }
                }
                for (n, (a, b)) in a.chunks_exact(2 * LINES).zip(b.chunks_exact(2 * LINES)).enumerate() {
                    let a: &[Line; ROWS] = a[tile * LINES + row..].first_chunk().expect("a tile has twice as many rows");
                    for i in 0..ROWS {
                        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(n * 2 * LINES + i).cast());
                    }
                    for inner in 0..LINES {
                        let b = [0, 1].map(|half| load(&b[half * LINES + inner]));
                        for (held, a) in held.iter_mut().zip(a) {
                            let a = _mm512_castsi512_ps(_mm512_set1_epi32(a.0[inner].cast_signed()));
                            *held = [$multiply_add(a, b[0], held[0]), $multiply_add(a, b[1], held[1])];
                        }
                    }
                }
                for (i, held) in held.iter().enumerate() {
                    for half in 0..2 {
                        // SAFETY: a line is 64 bytes, aligned to 64.
                        unsafe { _mm512_store_ps((&raw mut sums[at(half, i)]).cast(), held[half]) };
                    }
                }
            }
        }
    };
}

multiply! {
    /// `sums (+)= a b` for one strip of 32 rows of `a` and one of 32 columns of `b`, as [`super::amx::multiply`] does: of f32 in two
    /// planes, the first of which has the first 16 inner indices of a step.
    ///
    /// On the way the first cache is asked for the rows of `a` that come after those that are multiplied, and in the end for those of
    /// the strip that comes `next`: `b` stays there, each row of `a` is new.
    multiply_whole, "avx512f", _mm512_fmadd_ps
}

multiply! {
    /// The same of pairs of bf16 in one plane.
    multiply_rounded, "avx512f,avx512bf16", add_product_of_pairs
}

/// `sums + a b` of 16 pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn add_product_of_pairs(a: __m512, b: __m512, sums: __m512) -> __m512 {
    // SAFETY: all are 512 bits, and every bit pattern is any of them.
    let pairs = |bits: __m512| unsafe { std::mem::transmute::<__m512, __m512bh>(bits) };
    _mm512_dpbf16_ps(sums, pairs(a), pairs(b))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512 {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_load_ps((&raw const *line).cast()) }
}
