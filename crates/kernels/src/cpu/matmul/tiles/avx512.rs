//! Products of packed tiles by AVX-512's instruction for pairs of bf16, for processors without a tile unit (Zen since 2022).

#![allow(unsafe_code)]

use super::pack::{LINES, Line};
use super::{BLOCK, Sums};
use std::arch::x86_64::*;

/// Rows whose sums stay in registers, with 32 columns each.
const ROWS: usize = 8;

/// `sums (+)= a b` for one strip of 32 rows of `a` and one of 32 columns of `b`, as [`super::amx::multiply`] does with one plane.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn multiply(a: &[Line], b: &[Line], sums: &mut [Line], from: Sums) {
    assert!(
        a.len() == b.len() && a.len().is_multiple_of(2 * LINES) && sums.len() == BLOCK,
        "two strips, a block of sums"
    );
    for first in (0..2 * LINES).step_by(ROWS) {
        let (tile, row) = (first / LINES, first % LINES);
        let at = |half: usize, i: usize| (tile * 2 + half) * LINES + row + i;
        let mut held = [[_mm512_setzero_ps(); 2]; ROWS];
        if from == Sums::Continue {
            for (i, held) in held.iter_mut().enumerate() {
                *held = [0, 1].map(|half| load(&sums[at(half, i)]));
            }
        }
        for (a, b) in a.chunks_exact(2 * LINES).zip(b.chunks_exact(2 * LINES)) {
            let a: &[Line; ROWS] = a[tile * LINES + row..].first_chunk().expect("a tile has twice as many rows");
            for pair in 0..LINES {
                let b = [0, 1].map(|half| pairs(_mm512_castps_si512(load(&b[half * LINES + pair]))));
                for (held, a) in held.iter_mut().zip(a) {
                    let a = pairs(_mm512_set1_epi32(a.0[pair].cast_signed()));
                    *held = [_mm512_dpbf16_ps(held[0], a, b[0]), _mm512_dpbf16_ps(held[1], a, b[1])];
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

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512 {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_load_ps((&raw const *line).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits, and every bit pattern is either.
    unsafe { std::mem::transmute(bits) }
}
