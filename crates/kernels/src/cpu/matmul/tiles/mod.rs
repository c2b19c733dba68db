//! Products of large matrices in blocks that stay in a near cache: by a processor's tile unit, or by AVX-512.
//!
//! Both matrices are packed once, by all threads or within a task by one, into tiles ([`pack`]); then blocks of the target are
//! computed, each by one thread ([`amx`], [`avx512`]). The unit multiplies bf16 alone: for it an f32 is packed as three numbers in bf16
//! that together hold all its bits, so that the result is as exact as one computed in f32, and still faster. AVX-512 multiplies either
//! as it is. Each element is one sum in one order, so that its bits depend neither on the threads nor on how the target is cut.
//!
//! Small products and those with a narrow side are not for it: packing would take longer than what the tiles save.

mod amx;
mod avx512;
mod backward;
mod gradient_pass;
mod pack;
mod rows;
mod side_by_side;

pub(in crate::cpu) use amx::has_unit;
pub(super) use backward::{backward, fits_backward};
pub(super) use rows::PackedRows;

use super::super::activation;
use super::super::gradient::Mode;
use super::super::level::{Level, level};
use super::{Finish, Output, Target, View, check};
use crate::{Activation, Precision};
use amx::Tiles;
use pack::{LINES, Line, Packed, STEP, STRIP, Side};
use rayon::prelude::*;
use side_by_side::{Along, SideBySide};
use std::arch::x86_64::*;
use std::ops::Range;

/// How numbers are packed, by the planes of 16 bits that each takes: once rounded to bf16.
const ROUNDED: usize = 1;
/// As they are, in f32.
const WHOLE: usize = 2;
/// In three numbers in bf16, for the unit.
const SPLIT: usize = 3;

/// How they are packed on this machine.
fn planes(precision: Precision) -> usize {
    match precision {
        Precision::Bf16 if level() >= Level::Avx512Bf16 => ROUNDED,
        Precision::F32 if level() >= Level::Amx => SPLIT,
        _ => WHOLE,
    }
}

/// Whether a block of sums begins at zero or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sums {
    Begin,
    Continue,
}

/// Lines of a block of sums: 32 × 32 in f32, as four tiles (upper left, upper right, lower left, lower right).
const BLOCK: usize = 4 * LINES;

/// Rows and columns of the target that are packed at a time, and below inner indices: each side packed takes at most 24 MiB. Of a
/// backward pass the inputs of so many tokens are packed at a time, however wide.
const SLAB: usize = if cfg!(test) { 96 } else { 2048 };
/// As many bytes whatever the planes: each slab after the first reads and writes the target once more.
const fn inner_slab(planes: usize) -> usize {
    if cfg!(test) { 96 } else { 6144 / planes }
}
/// Rows of a block, in strips, at the most: its sums and one round of its strips fit the second cache, of which processors without the
/// unit have less, and they need large blocks less: they read as fast and multiply slower.
fn most_rows() -> usize {
    match level() {
        _ if cfg!(test) => 2,
        Level::Amx => 16,
        _ => 8,
    }
}
/// Columns of a block, in strips.
const COLUMNS: usize = if cfg!(test) { 2 } else { 8 };
/// Steps of 32 that a right strip goes through before the next one: it stays in the first cache meanwhile, and in the second one there
/// is room for the sums, the strips of this round, and those of the next one that are asked for.
const fn steps_at_once(planes: usize) -> usize {
    if cfg!(test) { 2 } else { 8 / planes }
}

/// Rows times columns over rows plus columns from which on packing pays: over all threads, and within a task, where all of it is in a
/// near cache.
const WORTH: usize = if cfg!(test) { 8 } else { 60 };
const WORTH_HERE: usize = if cfg!(test) { 4 } else { 32 };

/// Who computes a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// All threads.
    Threads,
    /// This thread alone.
    Here,
}

impl Spread {
    /// Calls it with each number below `count`.
    fn each(self, count: usize, work: impl Fn(usize) + Sync + Send) {
        match self {
            Self::Threads => (0..count).into_par_iter().for_each(work),
            Self::Here => (0..count).for_each(work),
        }
    }
}

/// Whether this machine has what it takes, and `target = a b` gains by it.
pub(super) fn fits(target: &Target<'_>, a: &View<'_>, b: &View<'_>, precision: Precision, spread: Spread) -> bool {
    if planes(precision) != ROUNDED && spread == Spread::Here {
        // A small matrix takes as long to pack as a product by vectors.
        return false;
    }
    let (rows, columns) = (target.rows, target.columns);
    let lie_well =
        (target.column_stride == 1 || target.row_stride == 1) && pack::is_in_pieces(a) && pack::is_in_pieces(b);
    let worth = if spread == Spread::Threads { WORTH } else { WORTH_HERE };
    // A product without rows and columns is none.
    let pays = rows * columns > worth * (rows + columns) && a.columns >= STEP;
    lie_well && pays && level() >= Level::Avx512
}

/// As [`fits`], for a product over all threads with a right matrix in parts side by side.
pub(super) fn fits_finished(target: &Target<'_>, a: &View<'_>, b: &[View<'_>], precision: Precision) -> bool {
    let Some((last, others)) = b.split_last() else { return false };
    let cut_well = others.iter().all(|b| pack::is_in_pieces(b) && b.columns.is_multiple_of(STRIP));
    cut_well && fits(target, a, last, precision, Spread::Threads)
}

/// `target = scale · a b` or `target += scale · a b` for views that [`fits`] has accepted.
pub(super) fn product(
    target: Target<'_>,
    mode: Mode,
    scale: f32,
    (a, b): (View<'_>, View<'_>),
    precision: Precision,
    spread: Spread,
) {
    if target.column_stride != 1 {
        // Rows of the target's transpose lie in one piece.
        return product(target.t_if(true), mode, scale, (b.t(), a.t()), precision, spread);
    }
    check(&target, &a, &b);
    let whole = Whole { output: Output::new(target, mode, scale), a, b: b.t().into(), bias: None, activated: None };
    whole.compute(precision, spread);
}

/// `target = a [b₁ b₂ …]` with what is made of it, over all threads, for views that [`fits_finished`] has accepted and a target as
/// [`super::product_finished`] wants it.
pub(super) fn finished(
    target: Target<'_>,
    Finish { bias, activated }: Finish<'_>,
    (a, b): (View<'_>, &[View<'_>]),
    precision: Precision,
) {
    let (rows, columns) = (target.rows, target.columns);
    assert!(a.rows == rows && a.fits(), "a view lies within its slice");
    assert!(b.iter().all(|b| b.rows == a.columns && b.fits()), "views lie within their slices");
    let of_activation = |(kind, y)| {
        let activated = Target { data: y, rows, columns, row_stride: columns, column_stride: 1 };
        (kind, Output::new(activated, Mode::Set, 1.0))
    };
    let activated = activated.map(of_activation);
    let b = SideBySide::new(b.iter().map(|b| b.t()).collect(), Along::Outer);
    Whole { output: Output::new(target, Mode::Set, 1.0), a, b, bias, activated }.compute(precision, Spread::Threads);
}

/// A function, and where its results go.
type Activated<'a> = (Activation, Output<'a>);

/// All of a product.
struct Whole<'a> {
    output: Output<'a>,
    a: View<'a>,
    /// The transpose of b.
    b: SideBySide<'a>,
    /// What is added to each row of the target.
    bias: Option<&'a [f32]>,
    /// What is made of each row.
    activated: Option<Activated<'a>>,
}

impl Whole<'_> {
    fn compute(&self, precision: Precision, spread: Spread) {
        match planes(precision) {
            ROUNDED => self.by_slabs::<ROUNDED>(spread),
            WHOLE => self.by_slabs::<WHOLE>(spread),
            _ => self.by_slabs::<SPLIT>(spread),
        }
    }

    fn by_slabs<const P: usize>(&self, spread: Spread) {
        let (&Output { rows, columns, mode, .. }, inner) = (&self.output, self.a.columns);
        for column in cuts(columns, SLAB) {
            for step in cuts(inner, inner_slab(P)) {
                let right = self.b.range((column.start, column.len()), (step.start, step.len()));
                let right = Packed::of::<P>(&right, Side::Right, steps_at_once(P), spread);
                for row in cuts(rows, SLAB) {
                    let left = self.a.row_range(row.start, row.len()).column_range(step.start, step.len());
                    let left = Packed::of::<P>(&left.into(), Side::Left, steps_at_once(P), spread);
                    let (is_first, is_last) = (step.start == 0, step.end == inner);
                    let slab = Slab {
                        output: &self.output,
                        bias: self.bias.filter(|_| is_first),
                        activated: self.activated.as_ref().filter(|_| is_last),
                        at: (row.start, column.start),
                        size: (row.len(), column.len()),
                        mode: if is_first { mode } else { Mode::Add },
                        spread,
                        is_last,
                    };
                    slab.compute::<P>(Strips::of(&left), Strips::of(&right));
                }
            }
        }
    }
}

/// `0..length` in pieces.
fn cuts(length: usize, piece: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(piece).map(move |begin| begin..length.min(begin + piece))
}

/// A part of the target, and a part of the inner axis.
struct Slab<'a> {
    output: &'a Output<'a>,
    /// What is added to each row of the target.
    bias: Option<&'a [f32]>,
    /// What is made of each row when all of it has been summed.
    activated: Option<&'a Activated<'a>>,
    at: (usize, usize),
    size: (usize, usize),
    mode: Mode,
    spread: Spread,
    /// Whether nothing is added to the target after this.
    is_last: bool,
}

/// A packed matrix from one of its strips on, and some of its steps.
#[derive(Clone, Copy)]
struct Strips<'a> {
    packed: &'a Packed,
    strip: usize,
    /// The first of them, where a round begins.
    step: usize,
    steps: usize,
}

impl<'a> Strips<'a> {
    fn of(packed: &'a Packed) -> Self {
        Self { packed, strip: 0, step: 0, steps: packed.steps() }
    }

    fn from_strip(packed: &'a Packed, strip: usize) -> Self {
        Self { strip, ..Self::of(packed) }
    }

    /// Of strip i the lines of the round that begins with step `first`.
    fn round(&self, i: usize, first: usize) -> &'a [Line] {
        self.packed.round(self.strip + i, self.step + first, self.steps - first)
    }

    /// Of these strips the lines of that round, with those that are not used; they follow each other.
    fn rounds(&self, range: &Range<usize>, first: usize) -> &'a [Line] {
        self.packed.rounds(self.strip + range.start..self.strip + range.end, self.step + first)
    }
}

impl Slab<'_> {
    fn compute<const P: usize>(&self, left: Strips<'_>, right: Strips<'_>) {
        let strips = (self.size.0.div_ceil(STRIP), self.size.1.div_ceil(STRIP));
        let threads = if self.spread == Spread::Threads { rayon::current_num_threads() } else { 1 };
        let (rows, columns) = block(strips, most_rows(), threads);
        let (down, across) = (strips.0.div_ceil(rows), strips.1.div_ceil(columns));
        let block_of = |task: usize| {
            let (i, j) = (task % down * rows, task / down * columns);
            (i..(i + rows).min(strips.0), j..(j + columns).min(strips.1))
        };
        self.spread.each(down * across, |task| {
            // Threads take runs of blocks: the next one is most often this one's.
            let next = (self.spread == Spread::Threads && task + 1 < down * across).then(|| block_of(task + 1));
            self.block::<P>(left, right, block_of(task), next);
        });
    }

    /// The strips of a block, and of the one that may come next.
    #[allow(unsafe_code)]
    fn block<const P: usize>(
        &self,
        left: Strips<'_>,
        right: Strips<'_>,
        (i, j): (Range<usize>, Range<usize>),
        next: Option<(Range<usize>, Range<usize>)>,
    ) {
        let tiles = Tiles::configure();
        let (down, steps, at_once) = (i.len(), left.steps, left.packed.at_once());
        assert!(right.steps == steps && right.packed.at_once() == at_once, "both sides go in the same rounds");
        let mut sums = pack::unwritten(down * j.len() * BLOCK);
        for first in (0..steps).step_by(at_once) {
            let from = if first == 0 { Sums::Begin } else { Sums::Continue };
            let following = first + at_once;
            let mut ahead = match &next {
                _ if following < steps => Ahead::of(left, right, (&i, &j), following),
                Some(next) => {
                    // The strips that both blocks have are near.
                    let other =
                        |next: &Range<usize>, this: &Range<usize>| if next == this { 0..0 } else { next.clone() };
                    Ahead::of(left, right, (&other(&next.0, &i), &other(&next.1, &j)), 0)
                }
                None => Ahead::default(),
            };
            for column in j.clone() {
                let b = right.round(column, first);
                for row in i.clone() {
                    let sums = &mut sums[((column - j.start) * down + row - i.start) * BLOCK..][..BLOCK];
                    let a = left.round(row, first);
                    match &tiles {
                        Some(tiles) => {
                            let ahead = ahead.take(b.len() / (2 * LINES) * amx::LINES_AHEAD).unwrap_or(a).as_ptr();
                            amx::multiply::<P>(tiles, (a, b), sums, from, ahead);
                        }
                        None => {
                            let next = left.round(if row + 1 < i.end { row + 1 } else { i.start }, first);
                            assert!(P != SPLIT, "tiles in three planes are for the unit");
                            // SAFETY: what decides for tiles has found AVX-512, and what decides for bf16 its instruction.
                            unsafe {
                                match P {
                                    ROUNDED => avx512::multiply_rounded(a, b, sums, from, next.as_ptr()),
                                    _ => avx512::multiply_whole(a, b, sums, from, next.as_ptr()),
                                }
                            }
                        }
                    }
                }
            }
        }
        drop(tiles);
        for row in i.clone() {
            for line in 0..STRIP.min(self.size.0 - row * STRIP) {
                self.write((row * STRIP + line, j.start * STRIP), &sums[(row - i.start) * BLOCK..], down, line);
            }
        }
        if self.spread == Spread::Threads {
            // What went past the caches is there for other threads when they learn that this block is done.
            // SAFETY: what decides for tiles has found AVX-512; this instruction is older.
            unsafe { _mm_sfence() };
        }
    }

    /// One row into the target, from (row, column) of the slab on: line `line` of the first of every `stride` blocks of sums.
    #[allow(unsafe_code)]
    fn write(&self, (row, column): (usize, usize), sums: &[Line], stride: usize, line: usize) {
        let columns = (sums.len().div_ceil(stride * BLOCK) * STRIP).min(self.size.1 - column);
        let column = self.at.1 + column;
        let target = self.output.piece(self.at.0 + row, column, columns);
        let activated = self.activated.map(|(kind, y)| (kind, y.piece(self.at.0 + row, column, columns)));
        let bias = self.bias.map(|bias| &bias[column..column + columns]);
        // What all threads write is read by an operation that comes after the whole product, when it has left their caches.
        let past_caches = self.is_last && self.mode == Mode::Set && self.spread == Spread::Threads;
        let line = line / LINES * 2 * LINES + line % LINES;
        let row = Row { sums, stride, line, bias, mode: self.mode, scale: self.output.scale };
        let Some((kind, activated)) = activated else {
            // SAFETY: what decides for tiles has found AVX-512.
            return unsafe { row.write(target, past_caches) };
        };
        let (mut before, mut after) = ([0.0; COLUMNS * STRIP], [0.0; COLUMNS * STRIP]);
        let (before, after) = (&mut before[..columns], &mut after[..columns]);
        if self.mode == Mode::Add {
            before.copy_from_slice(target);
        }
        // SAFETY: what decides for tiles has found AVX-512.
        unsafe { row.write(before, false) };
        activation::forward(*kind, before, after);
        // SAFETY: as above.
        unsafe {
            copy_past_caches(target, before);
            copy_past_caches(activated, after);
        }
    }
}

/// The lines of both sides that come after those that are multiplied now.
#[derive(Default)]
struct Ahead<'a> {
    left: &'a [Line],
    right: &'a [Line],
}

impl<'a> Ahead<'a> {
    /// Of the strips of a block, the round that begins with step `first`.
    fn of(left: Strips<'a>, right: Strips<'a>, (i, j): (&Range<usize>, &Range<usize>), first: usize) -> Self {
        Self { left: left.rounds(i, first), right: right.rounds(j, first) }
    }

    /// The next `count` of them, or those that are left of one side.
    fn take(&mut self, count: usize) -> Option<&'a [Line]> {
        let side = if self.left.is_empty() { &mut self.right } else { &mut self.left };
        let (taken, rest) = side.split_at(count.min(side.len()));
        *side = rest;
        (!taken.is_empty()).then_some(taken)
    }
}

/// Copies what operations after this one read.
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code)]
fn copy_past_caches(target: &mut [f32], from: &[f32]) {
    for (target, from) in target.chunks_mut(16).zip(from.chunks(16)) {
        if target.len() == 16 && target.as_ptr().addr().is_multiple_of(64) {
            // SAFETY: both are 16 f32; the target is 64 bytes on a cache line.
            unsafe { _mm512_stream_ps(target.as_mut_ptr(), _mm512_loadu_ps(from.as_ptr())) };
        } else {
            target.copy_from_slice(from);
        }
    }
}

/// Strips of a block: as many as fit the cache, but fewer where there would not be enough blocks for the threads.
fn block(strips: (usize, usize), most_rows: usize, threads: usize) -> (usize, usize) {
    let wanted = if threads > 1 { 3 * threads } else { 1 };
    let (mut rows, mut columns) = (most_rows.min(strips.0), COLUMNS.min(strips.1));
    while strips.0.div_ceil(rows) * strips.1.div_ceil(columns) < wanted && (rows > 4 || columns > 4) {
        if rows >= columns { rows = rows.div_ceil(2) } else { columns = columns.div_ceil(2) }
    }
    while strips.0.div_ceil(rows) * strips.1.div_ceil(columns) < threads && (rows > 1 || columns > 1) {
        if rows >= columns { rows = rows.div_ceil(2) } else { columns = columns.div_ceil(2) }
    }
    // Blocks of about the same size: one of a few strips would load the other side's for little.
    let even = |strips: usize, most: usize| strips.div_ceil(strips.div_ceil(most));
    (even(strips.0, rows), even(strips.1, columns))
}

/// A row of a block of sums, and what becomes of it.
struct Row<'a> {
    /// 16 sums are line `line`, or the line of the tile next to it, of every `stride`-th block.
    sums: &'a [Line],
    stride: usize,
    line: usize,
    bias: Option<&'a [f32]>,
    mode: Mode,
    scale: f32,
}

impl Row<'_> {
    #[target_feature(enable = "avx512f")]
    fn write(&self, target: &mut [f32], past_caches: bool) {
        for (i, target) in target.chunks_mut(16).enumerate() {
            let sums = &self.sums[i / 2 * self.stride * BLOCK + i % 2 * LINES + self.line];
            let bias = self.bias.map(|bias| &bias[16 * i..16 * i + target.len()]);
            write_line(target, sums, bias, self.mode, self.scale, past_caches);
        }
    }
}

/// Up to 16 sums, times `scale`, with the bias, if there is one.
#[inline]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code)]
fn write_line(target: &mut [f32], sums: &Line, bias: Option<&[f32]>, mode: Mode, scale: f32, past_caches: bool) {
    let mask = if target.len() >= 16 { u16::MAX } else { (1 << target.len()) - 1 };
    assert!(bias.is_none_or(|bias| bias.len() >= target.len().min(16)), "a bias is as long as its row");
    // SAFETY: a line is 16 f32; the mask lets through what lies in the target and in the bias. What is stored past the caches is
    // 64 bytes on a cache line of the target.
    unsafe {
        let mut sums = _mm512_mul_ps(_mm512_load_ps((&raw const *sums).cast()), _mm512_set1_ps(scale));
        // A load of nothing from nowhere is allowed, and takes a hundred times as long as one of something.
        if let Some(bias) = bias {
            sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(mask, bias.as_ptr()));
        }
        if past_caches && mask == u16::MAX && target.as_ptr().addr().is_multiple_of(64) {
            return _mm512_stream_ps(target.as_mut_ptr(), sums);
        }
        let sums = match mode {
            Mode::Set => sums,
            Mode::Add => _mm512_add_ps(_mm512_maskz_loadu_ps(mask, target.as_ptr()), sums),
        };
        _mm512_mask_storeu_ps(target.as_mut_ptr(), mask, sums);
    }
}
