//! Products of packed tiles by AVX-512, for processors without a tile unit (Zen since 2022): in f32, or by the instruction for pairs of
//! bf16.

#![allow(unsafe_code)]

use super::pack::{LINES, Line};
use super::{BLOCK, ROUNDED, SPLIT, Sums};
use std::arch::x86_64::*;

/// Rows whose sums stay in registers, with 32 columns each.
const ROWS: usize = 8;

/// `sums (+)= a b` for one strip of 32 rows of `a` and one of 32 columns of `b`, as [`super::amx::multiply`] does: of pairs of bf16 in
/// one plane, or of f32 in two, the first of which has the first 16 inner indices of a step.
///
/// On the way the first cache is asked for the rows of `a` that come after those that are multiplied, and in the end for those of the
/// strip that comes `next`: `b` stays there, each row of `a` is new.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn multiply<const P: usize>(a: &[Line], b: &[Line], sums: &mut [Line], from: Sums, next: *const Line) {
    assert!(P != SPLIT, "tiles in three planes are for the unit");
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
                    *held = [multiply_add::<P>(held[0], a, b[0]), multiply_add::<P>(held[1], a, b[1])];
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

/// `sums + a b`, of 16 numbers in f32, or of 16 pairs in bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply_add<const P: usize>(sums: __m512, a: __m512, b: __m512) -> __m512 {
    match P {
        ROUNDED => _mm512_dpbf16_ps(sums, pairs(a), pairs(b)),
        _ => _mm512_fmadd_ps(a, b, sums),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512 {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_load_ps((&raw const *line).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn pairs(bits: __m512) -> __m512bh {
    // SAFETY: both are 512 bits, and every bit pattern is either.
    unsafe { std::mem::transmute(bits) }
}
