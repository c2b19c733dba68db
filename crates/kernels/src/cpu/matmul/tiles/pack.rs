//! f32 matrices as tiles: strips of 32 rows (of the left matrix) or 32 columns (of the right one), each a run of steps of 32 along the
//! inner axis, each step one, two or three planes, each plane two tiles of 16 lines.
//!
//! In bf16 a line of a left tile is one row with its 32 numbers along the inner axis in order; a line of a right tile is one pair of
//! inner indices with the pair's numbers for each of 16 columns. In units of pairs each is the other's transpose, so that one matrix is
//! packed the same way whichever side it is on, with or without turning 16 × 16 pairs. In f32 it is the same with single numbers in the
//! place of pairs, 16 inner indices to a plane.

#![allow(unsafe_code)]

use super::super::super::level::{Level, level};
use super::super::super::simd::ask_for;
use super::super::View;
use super::side_by_side::SideBySide;
use super::{Spread, WHOLE};
use rayon::prelude::*;
use std::arch::asm;
use std::arch::x86_64::*;
use std::ops::Range;

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

/// Whether this processor can pack in so many planes.
pub(super) fn has_instructions(planes: usize) -> bool {
    level() >= if planes == WHOLE { Level::Avx512 } else { Level::Avx512Bf16 }
}

/// Most strips that are packed together.
const GROUP: usize = if cfg!(test) { 2 } else { 16 };

/// Lines whose contents are whatever was in the memory before.
pub(super) fn unwritten(length: usize) -> Vec<Line> {
    let mut lines = Vec::with_capacity(length);
    // SAFETY: the capacity is there, and every bit pattern is a line. What packs writes each line that is read, and a block of sums is
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
    planes: usize,
}

impl Packed {
    pub(super) fn unwritten(strips: usize, steps: usize, at_once: usize, planes: usize) -> Self {
        let lines = unwritten(steps.div_ceil(at_once) * strips * at_once * planes * 2 * LINES);
        Self { lines, strips, steps, at_once, planes }
    }

    /// All strips of a matrix `[outer, inner]`: the left one as it is, the right one's transpose. In P planes.
    ///
    /// Numbers must lie in one piece along one of the axes, as [`is_in_pieces`] says.
    pub(super) fn of<const P: usize>(matrix: &SideBySide<'_>, side: Side, at_once: usize, spread: Spread) -> Self {
        assert!(has_instructions(P), "what decides for tiles asks for what the processor has");
        let (strips, steps) = (matrix.rows().div_ceil(STRIP), matrix.columns().div_ceil(STEP));
        let round = at_once * P * 2 * LINES;
        let mut packed = Self::unwritten(strips, steps, at_once, P);
        let group = match spread {
            Spread::Threads => {
                (strips * steps.div_ceil(at_once)).div_ceil(3 * rayon::current_num_threads()).clamp(GROUP.min(4), GROUP)
            }
            Spread::Here => GROUP,
        };
        let rounds = (0..).step_by(at_once).zip(packed.lines.chunks_mut((strips * round).max(1)));
        let groups = rounds.flat_map(|(step, lines)| {
            (0..).step_by(group).zip(lines.chunks_mut(group * round)).map(move |(strip, lines)| ((strip, step), lines))
        });
        let pack = |(first, lines): ((usize, usize), &mut [Line])| {
            let part = Group { matrix, side, first, strips: lines.len() / round, steps: at_once.min(steps - first.1) };
            // SAFETY: by the assert the processor has the instructions.
            unsafe { part.pack::<P>(lines, round) };
        };
        match spread {
            Spread::Threads => groups.collect::<Vec<_>>().into_par_iter().for_each(pack),
            Spread::Here => groups.for_each(pack),
        }
        packed
    }

    /// All of it, to be written.
    pub(super) fn cells(&mut self) -> Cells<'_> {
        let Self { strips, steps, at_once, planes, .. } = *self;
        let (first, length, borrow) = (self.lines.as_mut_ptr(), self.lines.len(), std::marker::PhantomData);
        Cells { first, length, strips, steps, at_once, planes, borrow }
    }

    /// Steps of each strip.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Steps of a round.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// Of strip i the lines of the round that begins with step `first`, for at most `steps`.
    pub(super) fn round(&self, i: usize, first: usize, steps: usize) -> &[Line] {
        assert!(
            first.is_multiple_of(self.at_once) && first + steps <= self.steps,
            "a round begins where one was packed"
        );
        let begin = cell((self.strips, self.at_once, self.planes), (i, first)).start;
        &self.lines[begin..begin + self.at_once.min(steps) * self.planes * 2 * LINES]
    }

    /// The lines of that round of all strips in `range`, with those that are not used; they follow each other.
    pub(super) fn rounds(&self, range: Range<usize>, first: usize) -> &[Line] {
        let begin = cell((self.strips, self.at_once, self.planes), (range.start, first)).start;
        &self.lines[begin..begin + range.len() * self.at_once * self.planes * 2 * LINES]
    }
}

/// The cells of a packed matrix, for tasks that write different ones at once.
pub(super) struct Cells<'a> {
    first: *mut Line,
    length: usize,
    strips: usize,
    steps: usize,
    at_once: usize,
    planes: usize,
    borrow: std::marker::PhantomData<&'a mut [Line]>,
}

// SAFETY: it stands for an exclusive borrow of lines; `get` says who may have which.
unsafe impl Sync for Cells<'_> {}

impl Cells<'_> {
    /// # Safety
    /// Nobody else has this cell while its lines are in use.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn get(&self, strip: usize, step: usize) -> &mut [Line] {
        let cell = cell((self.strips, self.at_once, self.planes), (strip, step));
        assert!(strip < self.strips && step < self.steps && cell.end <= self.length, "a cell is in its matrix");
        // SAFETY: within the lines by the assert, which are borrowed for 'a, and by this function's contract no one else's.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(cell.start), cell.len()) }
    }
}

/// The lines of one step of one strip.
fn cell((strips, at_once, planes): (usize, usize, usize), (strip, step): (usize, usize)) -> Range<usize> {
    let (first, lines) = (step / at_once * at_once, planes * 2 * LINES);
    let begin = (first * strips + strip * at_once + step - first) * lines;
    begin..begin + lines
}

/// Whether one of the axes has its numbers side by side.
pub(super) fn is_in_pieces(matrix: &View<'_>) -> bool {
    matrix.row_stride == 1 || matrix.column_stride == 1
}

/// Numbers of `data` from `start` on, `count` of at most 16; the others are zero.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(data: &[f32], start: usize, count: usize) -> __m512 {
    if count == 0 {
        return _mm512_setzero_ps();
    }
    let piece = &data[start..start + count.min(16)];
    let mask = if piece.len() == 16 { u16::MAX } else { (1 << piece.len()) - 1 };
    // SAFETY: the mask lets through what lies in the piece; nothing else is read.
    unsafe { _mm512_maskz_loadu_ps(mask, piece.as_ptr()) }
}

/// The planes of 32 numbers: the 16 of each half, or each plane what the ones before it leave, rounded to bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn split<const P: usize>(mut low: __m512, mut high: __m512) -> [__m512i; P] {
    let mut planes = [_mm512_setzero_si512(); P];
    if P == WHOLE {
        (planes[0], planes[1]) = (_mm512_castps_si512(low), _mm512_castps_si512(high));
        return planes;
    }
    for (i, plane) in planes.iter_mut().enumerate() {
        *plane = rounded(low, high);
        if i + 1 < P {
            let wide = |half| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
            low = _mm512_sub_ps(low, wide(_mm512_castsi512_si256(*plane)));
            high = _mm512_sub_ps(high, wide(_mm512_extracti64x4_epi64::<1>(*plane)));
        }
    }
    planes
}

/// 32 numbers rounded to bf16.
///
/// In assembly, so that what packs needs no more than AVX-512 where numbers stay as they are.
#[inline]
#[target_feature(enable = "avx512f")]
fn rounded(low: __m512, high: __m512) -> __m512i {
    let rounded: __m512i;
    // SAFETY: it reads and writes registers alone. Whoever packs has asserted `has_instructions`, which asks for bf16 where numbers are
    // rounded.
    unsafe {
        asm!("vcvtne2ps2bf16 {}, {}, {}", lateout(zmm_reg) rounded, in(zmm_reg) high, in(zmm_reg) low,
            options(pure, nomem, nostack, preserves_flags));
    }
    rounded
}

/// Some strips of a matrix, and the steps of one round.
struct Group<'a> {
    matrix: &'a SideBySide<'a>,
    side: Side,
    /// Strip and step.
    first: (usize, usize),
    strips: usize,
    steps: usize,
}

impl Group<'_> {
    /// Each strip in `round` of the lines.
    ///
    /// Goes through the matrix as it lies in memory, and asks for what comes after next while it packs: most of it has left the
    /// caches, and a wait for each line of it takes longer than all else.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn pack<const P: usize>(&self, lines: &mut [Line], round: usize) {
        let by_rows = self.matrix.lies_by_rows();
        let place = |i: usize| match by_rows {
            true => (i / self.steps, i % self.steps),
            false => (i % self.strips, i / self.strips),
        };
        let locate = |i: usize| {
            let (strip, step) = place(i);
            self.matrix.locate(((self.first.0 + strip) * STRIP, (self.first.1 + step) * STEP))
        };
        let count = self.strips * self.steps;
        for i in 0..count {
            let ((strip, step), (view, here)) = (place(i), locate(i));
            let lines = &mut lines[strip * round + step * P * 2 * LINES..][..P * 2 * LINES];
            let (next, there) = locate((i + 2).min(count - 1));
            let ahead = if std::ptr::eq(view, next) { view.index(there).wrapping_sub(view.index(here)) } else { 0 };
            pack_step::<P>(*view, here, self.side, lines, ahead);
        }
    }
}

/// One step of one strip, from (row, column) on. What lies `ahead` numbers further is asked for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn pack_step<const P: usize>(
    matrix: View<'_>,
    (row, column): (usize, usize),
    side: Side,
    lines: &mut [Line],
    ahead: usize,
) {
    let inner_in_pieces = matrix.column_stride == 1;
    let turn = inner_in_pieces == (side == Side::Right);
    for half in 0..2 {
        for i in 0..LINES {
            let planes = match inner_in_pieces {
                true => row_of_step::<P>(matrix, (row + half * LINES + i, column), ahead),
                false if P == WHOLE => rows_of_halves::<P>(matrix, (row + half * LINES, column + i), ahead),
                false => pair_of_rows::<P>(matrix, (row + half * LINES, column + 2 * i), ahead),
            };
            for (plane, value) in planes.into_iter().enumerate() {
                store(&mut lines[(plane * 2 + half) * LINES + i], value);
            }
        }
        if turn {
            let (tiles, _) = lines.as_chunks_mut::<LINES>();
            tiles.iter_mut().skip(half).step_by(2).for_each(|tile| transpose(tile));
        }
    }
}

/// One row, 32 inner indices from `column` on, of a matrix whose rows lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn row_of_step<const P: usize>(matrix: View<'_>, (row, column): (usize, usize), ahead: usize) -> [__m512i; P] {
    let columns = if row < matrix.rows { matrix.columns - column } else { 0 };
    let start = row * matrix.row_stride + column;
    ask_for(matrix.data, start.wrapping_add(ahead));
    ask_for(matrix.data, start.wrapping_add(ahead).wrapping_add(16));
    split(load(matrix.data, start, columns), load(matrix.data, start + 16, columns.saturating_sub(16)))
}

/// One pair of inner indices, `column` and the next one, for 16 rows from `row` on, of a matrix whose columns lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn pair_of_rows<const P: usize>(matrix: View<'_>, (row, column): (usize, usize), ahead: usize) -> [__m512i; P] {
    // Word i of the first number of a pair, word i of the second, word i + 1 of the first …
    #[rustfmt::skip]
    let order: __m512i = {
        let words: [u16; 32] = std::array::from_fn(|i| (i / 2 + 16 * (i % 2)) as u16);
        // SAFETY: both are 512 bits, and every bit pattern is either.
        unsafe { std::mem::transmute::<[u16; 32], __m512i>(words) }
    };
    let [first, second] = [column, column + 1].map(|column| sixteen_rows(matrix, (row, column), ahead));
    let mut planes = split::<P>(first, second);
    for plane in &mut planes {
        *plane = _mm512_permutexvar_epi16(order, *plane);
    }
    planes
}

/// One inner index of each half of a step, for 16 rows from `row` on, of a matrix whose columns lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn rows_of_halves<const P: usize>(matrix: View<'_>, (row, column): (usize, usize), ahead: usize) -> [__m512i; P] {
    let [first, second] = [column, column + STEP / 2].map(|column| sixteen_rows(matrix, (row, column), ahead));
    split::<P>(first, second)
}

/// Of one column of a matrix whose columns lie in one piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sixteen_rows(matrix: View<'_>, (row, column): (usize, usize), ahead: usize) -> __m512 {
    let start = column * matrix.column_stride + row;
    ask_for(matrix.data, start.wrapping_add(ahead));
    load(matrix.data, start, if column < matrix.columns { matrix.rows.saturating_sub(row) } else { 0 })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(line: &mut Line, value: __m512i) {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_store_si512((&raw mut *line).cast(), value) };
}

/// Element (i, j) becomes element (j, i): blocks of 2 × 2, then 4 × 4, then the quarters of a register.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(tile: &mut [Line; LINES]) {
    let (top, upper) = (four_columns(tile, 0), four_columns(tile, 4));
    let (lower, bottom) = (four_columns(tile, 8), four_columns(tile, 12));
    // [j] of each has, in quarter q, column 4 q + j of its four rows.
    for j in 0..4 {
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(top[j], upper[j]); // quarters 0 and 2 of both
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(top[j], upper[j]); // 1 and 3
        let low_right = _mm512_shuffle_i32x4::<0b10_00_10_00>(lower[j], bottom[j]);
        let high_right = _mm512_shuffle_i32x4::<0b11_01_11_01>(lower[j], bottom[j]);
        store(&mut tile[j], _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low_right));
        store(&mut tile[8 + j], _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low_right));
        store(&mut tile[4 + j], _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high_right));
        store(&mut tile[12 + j], _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high_right));
    }
}

/// Of four rows from `row` on: in quarter q of the j-th, the numbers of column 4 q + j.
#[inline]
#[target_feature(enable = "avx512f")]
fn four_columns(tile: &[Line; LINES], row: usize) -> [__m512i; 4] {
    // SAFETY: a line is 64 bytes, aligned to 64.
    let line = |i: usize| unsafe { _mm512_load_si512((&raw const tile[row + i]).cast()) };
    let (a, b, c, d) = (line(0), line(1), line(2), line(3));
    let (left, right) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (left_below, right_below) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(left, left_below),
        _mm512_unpackhi_epi64(left, left_below),
        _mm512_unpacklo_epi64(right, right_below),
        _mm512_unpackhi_epi64(right, right_below),
    ]
}
