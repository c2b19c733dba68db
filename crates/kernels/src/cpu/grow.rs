//! What growing a matrix is made of: factors along one axis, and mixtures of layers.

use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten, write};
use super::gradient::{Mode, Slot};
use super::matmul::{Target, View, product};
use super::parallel;
use super::simd::{dot, vectorised};
use crate::{Cpu, Factor, Gradients, Input, Matrix, Precision, Result, Tape};
use dfdx::tensor::CpuError;
use rayon::prelude::*;
use std::ops::Range;

/// The axis that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// See [`crate::Kernels::expand_rows`].
    Rows,
    /// See [`crate::Kernels::expand_columns`].
    Columns,
}

/// One factor and its places along the axis.
struct Block {
    /// The free part of the factor, if it has one.
    free: Option<(Kept, Slot)>,
    /// First small coordinate and their number (d).
    small: (usize, usize),
    /// First large coordinate and their number (D).
    large: (usize, usize),
    /// How many of the large coordinates are copies of the small ones: d for a kept or identity block, else 0.
    copied: usize,
}

impl Block {
    fn all(op: &'static str, factors: &[Factor<'_, Cpu>]) -> Result<Vec<Self>> {
        let (mut small, mut large) = (0, 0);
        let mut blocks = Vec::with_capacity(factors.len());
        for factor in factors {
            let (free, copied, sizes) = match factor {
                Factor::Keep(n) => (None, *n, (*n, *n)),
                Factor::Free(f) => (Some(f), 0, (size(f).1, size(f).0)),
                Factor::IdentityOver(f) => (Some(f), size(f).1, (size(f).1, size(f).1 + size(f).0)),
            };
            let free = match free {
                Some(f) => Some((Kept::of(op, "factor", f)?, Slot::of(*f))),
                None => None,
            };
            blocks.push(Self { free, small: (small, sizes.0), large: (large, sizes.1), copied });
            small += sizes.0;
            large += sizes.1;
        }
        Ok(blocks)
    }

    /// The large coordinates that the free part makes: the first and how many.
    fn made(&self) -> (usize, usize) {
        (self.large.0 + self.copied, self.large.1 - self.copied)
    }
}

/// A matrix as the growing axis sees it: that axis as rows.
struct Shape {
    rows: usize,
    columns: usize,
    axis: Axis,
}

impl Shape {
    fn view<'a>(&self, data: &'a [f32], (first, count): (usize, usize)) -> View<'a> {
        View::new(data, self.rows, self.columns).t_if(self.axis == Axis::Columns).row_range(first, count)
    }

    fn target<'a>(&self, data: &'a mut [f32], (first, count): (usize, usize)) -> Target<'a> {
        Target::new(data, self.rows, self.columns).t_if(self.axis == Axis::Columns).row_range(first, count)
    }
}

/// Copies (or adds) `count` coordinates along the axis, from `from_first` on, to `to_first` on.
fn copy(
    (to, to_shape, to_first): (&mut [f32], &Shape, usize),
    (from, from_shape, from_first): (&[f32], &Shape, usize),
    count: usize,
    mode: Mode,
) {
    let (rows, width, to_offset, from_offset) = match to_shape.axis {
        Axis::Rows => (count, to_shape.columns, 0, 0),
        Axis::Columns => (to_shape.rows, count, to_first, from_first),
    };
    let (to_stride, from_stride) = (to_shape.columns, from_shape.columns);
    let (to_start, from_start) = match to_shape.axis {
        Axis::Rows => (to_first * to_stride, from_first * from_stride),
        Axis::Columns => (0, 0),
    };
    parallel::rows(&mut to[to_start..][..rows * to_stride], to_stride, |first, to| {
        for (i, to) in to.chunks_exact_mut(to_stride).enumerate() {
            let from = &from[from_start + (first + i) * from_stride + from_offset..][..width];
            let to = &mut to[to_offset..][..width];
            match mode {
                Mode::Set => to.copy_from_slice(from),
                Mode::Add => to.iter_mut().zip(from).for_each(|(t, f)| *t += f),
            }
        }
    });
}

/// Grows one axis of `x`.
pub(super) fn expand<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    input: Input,
    factors: &[Factor<'_, Cpu>],
    axis: Axis,
) -> Result<Matrix<Cpu>> {
    let op = match axis {
        Axis::Rows => "expand_rows",
        Axis::Columns => "expand_columns",
    };
    let blocks = Block::all(op, factors)?;
    let small: usize = blocks.iter().map(|block| block.small.1).sum();
    let large: usize = blocks.iter().map(|block| block.large.1).sum();
    let (rows, columns) = size(x);
    let (found, y_size) = match axis {
        Axis::Rows => (rows, (large, columns)),
        Axis::Columns => (columns, (rows, large)),
    };
    if found != small {
        return Err(shape_error(op, "size of the growing axis", found, format!("{small}, the sum of its factors'")));
    }
    let x_shape = Shape { rows, columns, axis };
    let y_shape = Shape { rows: y_size.0, columns: y_size.1, axis };
    let data = read(op, "input", x)?;
    let mut y = unwritten(y_size.0 * y_size.1);
    for block in &blocks {
        if block.copied > 0 {
            copy((&mut y, &y_shape, block.large.0), (data, &x_shape, block.small.0), block.copied, Mode::Set);
        }
        if let Some((factor, _)) = &block.free {
            let factor = View::new(factor.data(), block.made().1, block.small.1);
            let target = y_shape.target(&mut y, block.made());
            product(target, Mode::Set, Precision::F32, factor, x_shape.view(data, block.small));
        }
    }
    let y = matrix(op, x.device(), y, y_size)?;
    if T::OWNS_TAPE {
        let x_slot = (input == Input::Differentiable).then(|| Slot::of(x));
        let (y_slot, x) = (Slot::output(&y), Kept::of(op, "input", x)?);
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            factor_gradients(&blocks, gradients, (x.data(), &x_shape), (&dy, &y_shape))?;
            drop(x); // before its gradient, which is as large, comes into being
            let Some(slot) = x_slot else { return Ok(()) };
            slot.accumulate(gradients, |dx, mode| input_gradient(&blocks, (dx, &x_shape, mode), (&dy, &y_shape)))
        });
    }
    Ok(y)
}

/// `dx_block = dy_copied + Fᵀ dy_made`.
fn input_gradient(blocks: &[Block], (dx, x_shape, mode): (&mut [f32], &Shape, Mode), (dy, y_shape): (&[f32], &Shape)) {
    for block in blocks {
        let mut mode = mode;
        if block.copied > 0 {
            copy((dx, x_shape, block.small.0), (dy, y_shape, block.large.0), block.copied, mode);
            mode = Mode::Add;
        }
        if let Some((factor, _)) = &block.free {
            let factor = View::new(factor.data(), block.made().1, block.small.1);
            let target = x_shape.target(dx, block.small);
            product(target, mode, Precision::F32, factor.t(), y_shape.view(dy, block.made()));
        }
    }
}

/// `dF += dy_made x_blockᵀ`.
fn factor_gradients(
    blocks: &[Block],
    gradients: &mut Gradients<f32, Cpu>,
    (x, x_shape): (&[f32], &Shape),
    (dy, y_shape): (&[f32], &Shape),
) -> std::result::Result<(), CpuError> {
    for block in blocks {
        if let Some((_, slot)) = &block.free {
            slot.accumulate(gradients, |d, mode| {
                let (dy, x) = (y_shape.view(dy, block.made()), x_shape.view(x, block.small));
                product(Target::new(d, block.made().1, block.small.1), mode, Precision::F32, dy, x.t());
            })?;
        }
    }
    Ok(())
}

/// Elements of each layer that one task mixes: all layers' pieces together stay in the second-level cache.
const PIECE: usize = if cfg!(test) { 20 } else { 8 * 1024 };

/// See [`crate::Kernels::mix_layers`].
pub(super) fn mix_layers<T: Tape<f32, Cpu>>(
    tape: &mut T,
    layers: &[Matrix<Cpu>],
    input: Input,
    weights: &Matrix<Cpu>,
) -> Result<Vec<Matrix<Cpu>>> {
    const OP: &str = "mix_layers";
    let (large, small) = size(weights);
    if layers.len() != small {
        return Err(shape_error(OP, "number of layers", layers.len(), format!("{small}, the columns of the weights")));
    }
    let Some(first) = layers.first() else {
        return Err(shape_error(OP, "number of layers", 0, "at least 1"));
    };
    let mut data = Vec::with_capacity(small);
    for (j, layer) in layers.iter().enumerate() {
        expect(OP, &format!("layer {j}"), size(layer), size(first))?;
        data.push(read(OP, "layer", layer)?);
    }
    let w = read(OP, "weights", weights)?;
    let length = data[0].len();
    let mut outputs: Vec<Vec<f32>> = (0..large).map(|_| unwritten(length)).collect();
    combine(&mut outputs, &data, w, Mode::Set);
    let mixed = outputs
        .into_iter()
        .map(|output| matrix(OP, first.device(), output, size(first)))
        .collect::<Result<Vec<_>>>()?;
    if T::OWNS_TAPE {
        let kept = layers.iter().map(|layer| Kept::of(OP, "layer", layer)).collect::<Result<Vec<_>>>()?;
        let layer_slots: Vec<Slot> = match input {
            Input::Differentiable => layers.iter().map(Slot::of).collect(),
            Input::Frozen => Vec::new(),
        };
        let mixed_slots: Vec<Slot> = mixed.iter().map(Slot::output).collect();
        let (weights_slot, weights) = (Slot::of(weights), Kept::of(OP, "weights", weights)?);
        tape.add_backward_op(move |gradients| {
            let mut dy = Vec::with_capacity(large);
            for slot in &mixed_slots {
                dy.push(slot.take(gradients)?);
            }
            let dy: Vec<&[f32]> = dy.iter().map(Vec::as_slice).collect();
            let x: Vec<&[f32]> = kept.iter().map(Kept::data).collect();
            weights_slot.accumulate(gradients, |dw, mode| weight_gradient(dw, mode, &dy, &x))?;
            drop(kept); // before their gradients, which are as large, come into being
            let transposed: Vec<f32> =
                (0..small * large).map(|i| weights.data()[i % large * small + i / large]).collect();
            for (j, slot) in layer_slots.iter().enumerate() {
                let w = &transposed[j * large..][..large];
                slot.accumulate(gradients, |dx, mode| combine(&mut [dx], &dy, w, mode))?;
            }
            Ok(())
        });
    }
    Ok(mixed)
}

/// Runs that make a task, as many as hold so many elements.
const RUN_GRAIN: usize = if cfg!(test) { 5 } else { 16 * 1024 };

/// See [`crate::Kernels::add_runs`].
pub(super) fn add_runs(x: &mut Matrix<Cpu>, runs: &[Range<usize>], packed: &[f32]) -> Result<()> {
    const OP: &str = "add_runs";
    let elements: usize = runs.iter().map(ExactSizeIterator::len).sum();
    if elements != packed.len() {
        return Err(shape_error(OP, "number of values to add", packed.len(), elements));
    }
    let mut rest = write(OP, "input", x)?;
    let (length, mut begin, mut packed) = (rest.len(), 0, packed);
    let mut pairs: Vec<(&mut [f32], &[f32])> = Vec::with_capacity(runs.len());
    for run in runs {
        if run.start < begin || run.end > length || run.start > run.end {
            return Err(shape_error(OP, "run", format!("{run:?}"), format!("one in {begin}..{length}")));
        }
        let (out, after) = std::mem::take(&mut rest)[run.start - begin..].split_at_mut(run.len());
        let (added, others) = packed.split_at(run.len());
        pairs.push((out, added));
        (rest, packed, begin) = (after, others, run.end);
    }
    let group = (RUN_GRAIN * runs.len() / elements.max(1)).max(1);
    let add = |pairs: &mut [(&mut [f32], &[f32])]| {
        pairs.iter_mut().for_each(|(out, added)| add_multiple(out, 1.0, added));
    };
    pairs.par_chunks_mut(group).for_each(add);
    Ok(())
}

/// See [`crate::Kernels::inner_products`].
pub(super) fn inner_products(a: &[Matrix<Cpu>], b: &[Matrix<Cpu>]) -> Result<Vec<f32>> {
    const OP: &str = "inner_products";
    let Some(first) = a.first().or(b.first()) else { return Ok(Vec::new()) };
    a.iter().chain(b).try_for_each(|matrix| expect(OP, "matrix", size(matrix), size(first)))?;
    let a = a.iter().map(|matrix| read(OP, "matrix", matrix)).collect::<Result<Vec<_>>>()?;
    let b = b.iter().map(|matrix| read(OP, "matrix", matrix)).collect::<Result<Vec<_>>>()?;
    let mut products = vec![0.0; a.len() * b.len()];
    if !products.is_empty() {
        weight_gradient(&mut products, Mode::Set, &a, &b);
    }
    Ok(products)
}

vectorised! {
    fn add_multiple(out: &mut [f32], w: f32, x: &[f32]) {
        out.iter_mut().zip(x).for_each(|(o, x)| *o = w.mul_add(*x, *o));
    }

    fn product_sum(a: &[f32], b: &[f32]) -> f32 {
        dot(a, b)
    }
}

/// `out_i (+)= Σ_j w_ij x_j`; terms of weight 0 are left out, so that a mere selection of layers costs a copy.
///
/// A piece of all layers is made at a time, so that what is read for one is still near for the next.
fn combine<O: AsMut<[f32]> + Send>(out: &mut [O], x: &[&[f32]], w: &[f32], mode: Mode) {
    let columns = x.len().max(1);
    let mut outs: Vec<_> = out.iter_mut().map(|out| out.as_mut().chunks_mut(PIECE)).collect();
    let mut pieces: Vec<Vec<&mut [f32]>> = Vec::new();
    loop {
        let piece: Vec<&mut [f32]> = outs.iter_mut().filter_map(Iterator::next).collect();
        if piece.is_empty() {
            break;
        }
        pieces.push(piece);
    }
    pieces.into_par_iter().enumerate().for_each(|(i, outs)| {
        for (out, w) in outs.into_iter().zip(w.chunks_exact(columns)) {
            if mode == Mode::Set {
                out.fill(0.0);
            }
            for (x, &w) in x.iter().zip(w).filter(|(_, w)| **w != 0.0) {
                let x = &x[i * PIECE..][..out.len()];
                add_multiple(out, w, x);
            }
        }
    });
}

/// `dw_ij (+)= ⟨dy_i, x_j⟩`, in pieces that are summed in order.
fn weight_gradient(dw: &mut [f32], mode: Mode, dy: &[&[f32]], x: &[&[f32]]) {
    let length = x.first().map_or(0, |x| x.len());
    let partials = parallel::collect(length.div_ceil(PIECE), |piece| {
        let range = piece * PIECE..length.min((piece + 1) * PIECE);
        let mut partial = vec![0.0; dy.len() * x.len()];
        for (dy, partial) in dy.iter().zip(partial.chunks_exact_mut(x.len())) {
            for (x, partial) in x.iter().zip(partial) {
                *partial = product_sum(&dy[range.clone()], &x[range.clone()]);
            }
        }
        partial
    });
    super::linear::add_partials(dw, mode, &partials);
}
