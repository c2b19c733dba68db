//! Linear maps: one, several side by side, one followed by an activation, and the gated pair of a SwiGLU.
//!
//! x `[N, I]`, W `[O, I]` or `[I, O]`, b `[1, O]`, y `[N, O]`.

use super::activation;
use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::matmul::backward::{Backward, Map, OfOutputs, as_in_out};
use super::matmul::{Finish, Target, View, product_finished};
use super::parallel;
use super::simd::vectorised;
use crate::{Activation, Cpu, Gradients, Layout, Linear, Matrix, Precision, Result, Tape};
use dfdx::tensor::CpuError;
use std::borrow::Cow;

/// A map whose shapes have been checked.
struct Checked<'a> {
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    layout: Layout,
    precision: Precision,
    outputs: usize,
}

impl Checked<'_> {
    /// W as `[I, O]`.
    fn w(&self, inputs: usize) -> View<'_> {
        as_in_out(self.weight, self.layout, inputs, self.outputs)
    }
}

fn check<'a>(op: &'static str, map: &Linear<'a, Cpu>, inputs: usize) -> Result<Checked<'a>> {
    let (rows, columns) = size(map.weight);
    let (outputs, found) = match map.layout {
        Layout::OutIn => (rows, columns),
        Layout::InOut => (columns, rows),
    };
    if found != inputs {
        let what = format!("number of inputs of the weight [{rows}, {columns}] ({:?})", map.layout);
        return Err(shape_error(op, what, found, inputs));
    }
    let bias = match map.bias {
        Some(bias) => {
            expect(op, "bias", size(bias), (1, outputs))?;
            Some(read(op, "bias", bias)?)
        }
        None => None,
    };
    Ok(Checked { weight: read(op, "weight", map.weight)?, bias, layout: map.layout, precision: map.precision, outputs })
}

/// What the backward pass of one map needs; its output is a block of columns of `dy`.
struct Record {
    weight: Kept,
    weight_slot: Slot,
    bias_slot: Option<Slot>,
    layout: Layout,
    precision: Precision,
    outputs: usize,
}

impl Record {
    fn of(op: &'static str, map: &Linear<'_, Cpu>, outputs: usize) -> Result<Self> {
        Ok(Self {
            weight: Kept::of(op, "weight", map.weight)?,
            weight_slot: Slot::of(map.weight),
            bias_slot: map.bias.map(Slot::of),
            layout: map.layout,
            precision: map.precision,
            outputs,
        })
    }

    /// The sums that its backward pass adds to, taken out of `gradients`.
    fn lend(&self, gradients: &mut Gradients<f32, Cpu>) -> std::result::Result<Lent, CpuError> {
        let bias = self.bias_slot.as_ref().map(|slot| slot.lend(gradients)).transpose()?;
        Ok(Lent { weight: self.weight_slot.lend(gradients)?, bias })
    }

    fn map<'a>(&'a self, lent: &'a mut Lent) -> Map<'a> {
        Map {
            weight: self.weight.data(),
            layout: self.layout,
            outputs: self.outputs,
            d_weight: (&mut lent.weight.0, lent.weight.1),
            d_bias: lent.bias.as_mut().map(|(sum, mode)| (&mut sum[..], *mode)),
        }
    }
}

/// The gradients of a map while its backward pass adds to them.
struct Lent {
    weight: (Vec<f32>, Mode),
    bias: Option<(Vec<f32>, Mode)>,
}

/// What the maps side by side were given.
struct Input {
    x: Kept,
    slot: Slot,
    tokens: usize,
    inputs: usize,
}

impl Input {
    fn of(op: &'static str, x: &Matrix<Cpu>) -> Result<Self> {
        let (tokens, inputs) = size(x);
        Ok(Self { x: Kept::of(op, "input", x)?, slot: Slot::of(x), tokens, inputs })
    }

    /// Adds to the gradients of each W and b, and of x, for maps of the same precision.
    fn backward(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        records: &[Record],
        dy: OfOutputs<'_>,
    ) -> std::result::Result<(), CpuError> {
        let mut lent =
            records.iter().map(|record| record.lend(gradients)).collect::<std::result::Result<Vec<_>, _>>()?;
        let mut dx = self.slot.lend(gradients)?;
        Backward {
            dy,
            x: self.x.data(),
            tokens: self.tokens,
            inputs: self.inputs,
            maps: records.iter().zip(&mut lent).map(|(record, lent)| record.map(lent)).collect(),
            dx: (&mut dx.0, dx.1),
            precision: records[0].precision,
        }
        .run();
        for (record, lent) in records.iter().zip(lent) {
            record.weight_slot.add(gradients, lent.weight.0)?;
            if let (Some(slot), Some((bias, _))) = (&record.bias_slot, lent.bias) {
                slot.add(gradients, bias)?;
            }
        }
        self.slot.add(gradients, dx.0)
    }
}

vectorised! {
    /// `sum += value`.
    pub(super) fn add_to(sum: &mut [f32], value: &[f32]) {
        sum.iter_mut().zip(value).for_each(|(s, v)| *s += v);
    }
}

/// `out += Σ_n dy_n` over one block of columns, in fixed groups of rows.
pub(super) fn sum_rows(out: &mut [f32], mode: Mode, dy: &[f32], offset: usize, stride: usize) {
    let width = out.len();
    let rows = dy.len().checked_div(stride).unwrap_or(0);
    let group = parallel::rows_per_task(width);
    let partial = parallel::collect(rows.div_ceil(group), |i| {
        let mut sum = vec![0.0; width];
        for row in i * group..rows.min((i + 1) * group) {
            add_to(&mut sum, &dy[row * stride + offset..][..width]);
        }
        sum
    });
    add_partials(out, mode, &partial);
}

/// `out (+)= Σ partials`, in their order.
pub(super) fn add_partials(out: &mut [f32], mode: Mode, partials: &[Vec<f32>]) {
    if mode == Mode::Set {
        out.fill(0.0);
    }
    for partial in partials {
        out.iter_mut().zip(partial).for_each(|(o, p)| *o += p);
    }
}

/// See [`crate::Kernels::linear`].
pub(super) fn linear<T: Tape<f32, Cpu>>(tape: &mut T, x: &Matrix<Cpu>, map: Linear<'_, Cpu>) -> Result<Matrix<Cpu>> {
    joined("linear", tape, x, &[map])
}

/// See [`crate::Kernels::linear_joined`].
pub(super) fn joined<T: Tape<f32, Cpu>>(
    op: &'static str,
    tape: &mut T,
    x: &Matrix<Cpu>,
    maps: &[Linear<'_, Cpu>],
) -> Result<Matrix<Cpu>> {
    let (tokens, inputs) = size(x);
    let x_data = read(op, "input", x)?;
    let checked = maps.iter().map(|map| check(op, map, inputs)).collect::<Result<Vec<_>>>()?;
    let Some(first) = checked.first() else { return Err(shape_error(op, "number of maps", 0, "at least 1")) };
    let precision = first.precision;
    if let Some(other) = checked.iter().find(|map| map.precision != precision) {
        let [found, expected] = [other.precision, precision].map(|precision| format!("{precision:?}"));
        return Err(shape_error(op, "precision of a map", found, format!("{expected}, as of the first one")));
    }
    let stride: usize = checked.iter().map(|map| map.outputs).sum();
    let mut y = unwritten(tokens * stride);
    let bias = joined_biases(&checked);
    product_finished(
        Target::new(&mut y, tokens, stride),
        Finish { bias: bias.as_deref(), activated: None },
        precision,
        (View::new(x_data, tokens, inputs), &checked.iter().map(|map| map.w(inputs)).collect::<Vec<_>>()),
    );
    let y = matrix(op, x.device(), y, (tokens, stride))?;
    if T::OWNS_TAPE {
        let records =
            maps.iter().zip(&checked).map(|(map, c)| Record::of(op, map, c.outputs)).collect::<Result<Vec<_>>>()?;
        let (input, y_slot) = (Input::of(op, x)?, Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            input.backward(gradients, &records, OfOutputs::Linear(&dy))
        });
    }
    Ok(y)
}

/// What is added to a row of the outputs of all maps, if there is something.
fn joined_biases<'a>(maps: &[Checked<'a>]) -> Option<Cow<'a, [f32]>> {
    if let [map] = maps {
        return map.bias.map(Cow::Borrowed);
    }
    maps.iter().any(|map| map.bias.is_some()).then(|| {
        let of_map = |map: &Checked<'a>| map.bias.map_or_else(|| vec![0.0; map.outputs], <[f32]>::to_vec);
        Cow::Owned(maps.iter().flat_map(of_map).collect())
    })
}

/// `x W + b`.
fn mapped(x: &[f32], (tokens, inputs): (usize, usize), map: &Checked<'_>) -> Vec<f32> {
    let mut y = unwritten(tokens * map.outputs);
    product_finished(
        Target::new(&mut y, tokens, map.outputs),
        Finish { bias: map.bias, activated: None },
        map.precision,
        (View::new(x, tokens, inputs), &[map.w(inputs)]),
    );
    y
}

/// See [`crate::Kernels::linear_activated`].
pub(super) fn linear_activated<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    map: Linear<'_, Cpu>,
    kind: Activation,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "linear_activated";
    let (tokens, inputs) = size(x);
    let x_data = read(OP, "input", x)?;
    let checked = check(OP, &map, inputs)?;
    let outputs = checked.outputs;
    let (mut before, mut y) = (unwritten(tokens * outputs), unwritten(tokens * outputs));
    product_finished(
        Target::new(&mut before, tokens, outputs),
        Finish { bias: checked.bias, activated: Some((kind, &mut y)) },
        checked.precision,
        (View::new(x_data, tokens, inputs), &[checked.w(inputs)]),
    );
    let y = matrix(OP, x.device(), y, (tokens, outputs))?;
    if T::OWNS_TAPE {
        let record = Record::of(OP, &map, outputs)?;
        let (input, y_slot) = (Input::of(OP, x)?, Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let mut dy = y_slot.take(gradients)?;
            input.backward(gradients, &[record], OfOutputs::Activated(&mut dy, kind, &before))
        });
    }
    Ok(y)
}

/// See [`crate::Kernels::linear_gated`].
///
/// Both products are kept for the backward pass, which turns them into their own gradients; without a tape the result
/// takes the place of one of them.
pub(super) fn linear_gated<T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: &Matrix<Cpu>,
    gate: Linear<'_, Cpu>,
    up: Linear<'_, Cpu>,
    kind: Activation,
) -> Result<Matrix<Cpu>> {
    const OP: &str = "linear_gated";
    let (tokens, inputs) = size(x);
    let x_data = read(OP, "input", x)?;
    let (gate_map, up_map) = (check(OP, &gate, inputs)?, check(OP, &up, inputs)?);
    let outputs = gate_map.outputs;
    if up_map.outputs != outputs {
        return Err(shape_error(OP, "number of outputs of the second map", up_map.outputs, outputs));
    }
    let mut gates = mapped(x_data, (tokens, inputs), &gate_map);
    let mut ups = mapped(x_data, (tokens, inputs), &up_map);
    if !T::OWNS_TAPE {
        parallel::rows2((&mut gates, outputs), (&mut ups, outputs), |_, gates, ups| {
            for (gate, up) in gates.chunks_exact_mut(outputs).zip(ups.chunks_exact_mut(outputs)) {
                activation::gate(kind, gate, up);
            }
        });
        return matrix(OP, x.device(), ups, (tokens, outputs));
    }
    let mut y = unwritten(tokens * outputs);
    parallel::rows3((&mut gates, outputs), (&mut ups, outputs), (&mut y, outputs), |_, gates, ups, y| {
        let products = gates.chunks_exact_mut(outputs).zip(ups.chunks_exact_mut(outputs));
        for ((gate, up), y) in products.zip(y.chunks_exact_mut(outputs)) {
            y.copy_from_slice(up);
            activation::gate(kind, gate, y);
        }
    });
    let y = matrix(OP, x.device(), y, (tokens, outputs))?;
    let (gate, up) = (Record::of(OP, &gate, outputs)?, Record::of(OP, &up, outputs)?);
    let (input, y_slot) = (Input::of(OP, x)?, Slot::output(&y));
    tape.add_backward_op(move |gradients| {
        let mut dy = y_slot.take(gradients)?;
        parallel::rows3((&mut dy, 1), (&mut gates, 1), (&mut ups, 1), |_, dy, gates, ups| {
            activation::gate_backward(kind, dy, gates, ups);
        });
        drop(dy);
        input.backward(gradients, &[gate], OfOutputs::Linear(&gates))?;
        drop(gates);
        input.backward(gradients, &[up], OfOutputs::Linear(&ups))
    });
    Ok(y)
}
