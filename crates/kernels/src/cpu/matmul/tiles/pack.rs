//! f32 matrices as tiles of bf16: strips of 32 rows (of the left matrix) or 32 columns (of the right one), each a run of steps of 32
//! along the inner axis, each step one or three planes, each plane two tiles of 16 lines.
//!
//! A line of a left tile is one row with its 32 numbers along the inner axis in order; a line of a right tile is one pair of inner
//! indices with the pair's numbers for each of 16 columns. In units of pairs each is the other's transpose, so that one matrix is
//! packed the same way whichever side it is on, with or without turning 16 × 16 pairs.

#![allow(unsafe_code)]

use super::super::View;
use super::Spread;
use rayon::prelude::*;
use std::arch::x86_64::*;

/// One row of a tile: 32 numbers in bf16, or 16 in f32.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u32; 16]);

/// Lines of a tile.
pub(super) const LINES: usize = 16;
/// Rows (or columns) of a strip.
pub(super) const STRIP: usize = 32;
/// Inner indices of a step.
pub(super) const STEP: usize = 32;

/// Lines whose contents are whatever was in the memory before.
pub(super) fn unwritten(length: usize) -> Vec<Line> {
    let mut lines = Vec::with_capacity(length);
    // SAFETY: the capacity is there, and every bit pattern is a line. What packs writes each line, and a block of sums is
    // stored before it is loaded.
    #[allow(clippy::uninit_vec)]
    unsafe {
        lines.set_len(length);
    }
    lines
}

/// Which side of a product a matrix stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A matrix in strips, cut into rounds of steps: all strips of the first round, then those of the next one, as they are gone through.
pub(super) struct Packed {
    lines: Vec<Line>,
    strips: usize,
    steps: usize,
    /// Steps of a round; the last one may have fewer, and the rest of its lines is not used.
    at_once: usize,
}

impl Packed {
    /// All strips of a matrix `[outer, inner]`: the left one as it is, the right one's transpose. P planes of bf16.
    ///
    /// Numbers must lie in one piece along one of the axes, as [`is_in_pieces`] says.
    pub(super) fn of<const P: usize>(matrix: View<'_>, side: Side, at_once: usize, spread: Spread) -> Self {
        let (strips, steps) = (matrix.rows.div_ceil(STRIP), matrix.columns.div_ceil(STEP));
        let step = P * 2 * LINES;
        let mut lines = unwritten(steps.div_ceil(at_once) * strips * at_once * step);
        let pack = |(i, lines): (usize, &mut [Line])| {
            let (first, strip) = (i / strips * at_once, i % strips);
            let lines = &mut lines[..at_once.min(steps - first) * step];
            // SAFETY: `fits` lets nothing come this way where the level is below AVX-512 with bf16.
            unsafe { pack_strip::<P>(matrix, (strip * STRIP, first * STEP), side, lines) };
        };
        match spread {
            Spread::Threads => lines.par_chunks_mut(at_once * step).enumerate().for_each(pack),
            Spread::Here => lines.chunks_mut(at_once * step).enumerate().for_each(pack),
        }
        Self { lines, strips, steps, at_once }
    }

    /// Of strip i the lines of the round that begins with step `first`.
    pub(super) fn round<const P: usize>(&self, i: usize, first: usize) -> &[Line] {
        let step = P * 2 * LINES;
        let begin = (first * self.strips + i * self.at_once) * step;
        &self.lines[begin..begin + self.at_once.min(self.steps - first) * step]
    }
}

/// Whether one of the axes has its numbers side by side.
pub(super) fn is_in_pieces(matrix: &View<'_>) -> bool {
    matrix.row_stride == 1 || matrix.column_stride == 1
}

/// Numbers of `data` from `start` on, `count` of at most 16; the others are zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(data: &[f32], start: usize, count: usize) -> __m512 {
    if count == 0 {
        return _mm512_setzero_ps();
    }
    let piece = &data[start..start + count.min(16)];
    let mask = if piece.len() == 16 { u16::MAX } else { (1 << piece.len()) - 1 };
    // SAFETY: the mask lets through what lies in the piece; nothing else is read.
    unsafe { _mm512_maskz_loadu_ps(mask, piece.as_ptr()) }
}

/// The planes of 32 numbers: each is what the ones before it leave, rounded to bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn split<const P: usize>(mut low: __m512, mut high: __m512) -> [__m512i; P] {
    let mut planes = [_mm512_setzero_si512(); P];
    for (i, plane) in planes.iter_mut().enumerate() {
        // SAFETY: both are 512 bits, and every bit pattern is either.
        *plane = unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) };
        if i + 1 < P {
            let wide = |half| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
            low = _mm512_sub_ps(low, wide(_mm512_castsi512_si256(*plane)));
            high = _mm512_sub_ps(high, wide(_mm512_extracti64x4_epi64::<1>(*plane)));
        }
    }
    planes
}

/// A round of one strip, from (row, column) on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn pack_strip<const P: usize>(matrix: View<'_>, first: (usize, usize), side: Side, lines: &mut [Line]) {
    let inner_in_pieces = matrix.column_stride == 1;
    let turn = inner_in_pieces == (side == Side::Right);
    for (step, lines) in lines.chunks_exact_mut(P * 2 * LINES).enumerate() {
        for half in 0..2 {
            let (row, column) = (first.0 + half * LINES, first.1 + step * STEP);
            let mut tiles = [[_mm512_setzero_si512(); LINES]; P];
            if inner_in_pieces {
                rows_of_pairs(matrix, (row, column), &mut tiles);
            } else {
                pairs_of_rows(matrix, (row, column), &mut tiles);
            }
            for (plane, tile) in tiles.iter_mut().enumerate() {
                if turn {
                    transpose(tile);
                }
                let lines = &mut lines[(plane * 2 + half) * LINES..][..LINES];
                for (line, &value) in lines.iter_mut().zip(tile.iter()) {
                    // SAFETY: a line is 64 bytes, aligned to 64.
                    unsafe { _mm512_store_si512((&raw mut *line).cast(), value) };
                }
            }
        }
    }
}

/// Each of 16 rows as its 16 pairs of inner indices, for matrices whose rows lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn rows_of_pairs<const P: usize>(matrix: View<'_>, (row, column): (usize, usize), tiles: &mut [[__m512i; LINES]; P]) {
    let columns = matrix.columns - column;
    for i in 0..LINES.min(matrix.rows.saturating_sub(row)) {
        let start = (row + i) * matrix.row_stride + column;
        let low = load(matrix.data, start, columns);
        let high = load(matrix.data, start + 16, columns.saturating_sub(16));
        for (tile, plane) in tiles.iter_mut().zip(split::<P>(low, high)) {
            tile[i] = plane;
        }
    }
}

/// Each of 16 pairs of inner indices for 16 rows, for matrices whose columns lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn pairs_of_rows<const P: usize>(matrix: View<'_>, (row, column): (usize, usize), tiles: &mut [[__m512i; LINES]; P]) {
    // Word i of the first number of a pair, word i of the second, word i + 1 of the first …
    #[rustfmt::skip]
    let order: __m512i = {
        let words: [u16; 32] = std::array::from_fn(|i| (i / 2 + 16 * (i % 2)) as u16);
        // SAFETY: both are 512 bits, and every bit pattern is either.
        unsafe { std::mem::transmute::<[u16; 32], __m512i>(words) }
    };
    let rows = matrix.rows.saturating_sub(row);
    for i in 0..LINES.min((matrix.columns - column).div_ceil(2)) {
        let at = |inner: usize| {
            let count = if inner < matrix.columns { rows } else { 0 };
            load(matrix.data, inner * matrix.column_stride + row, count)
        };
        let inner = column + 2 * i;
        for (tile, plane) in tiles.iter_mut().zip(split::<P>(at(inner), at(inner + 1))) {
            tile[i] = _mm512_permutexvar_epi16(order, plane);
        }
    }
}

/// Element (i, j) becomes element (j, i): blocks of 2 × 2, then 4 × 4, then the quarters of a register.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(tile: &mut [__m512i; LINES]) {
    let mut pairs = *tile;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(tile[2 * i], tile[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(tile[2 * i], tile[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..4 {
        for j in 0..2 {
            let (a, b) = (pairs[4 * i + j], pairs[4 * i + 2 + j]);
            fours[4 * i + 2 * j] = _mm512_unpacklo_epi64(a, b);
            fours[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(a, b);
        }
    }
    // fours[4 i + j] has, in quarter q, column 4 q + j of rows 4 i .. 4 i + 4.
    for j in 0..4 {
        let (a, b, c, d) = (fours[j], fours[4 + j], fours[8 + j], fours[12 + j]);
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b); // quarters 0 and 2 of a, 0 and 2 of b
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b); // 1 and 3
        let low_right = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
        let high_right = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
        tile[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low_right);
        tile[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low_right);
        tile[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high_right);
        tile[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high_right);
    }
}
