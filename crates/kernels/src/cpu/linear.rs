//! Linear maps: one, several side by side, one followed by an activation, and the gated pair of a SwiGLU.
//!
//! x `[N, I]`, W `[O, I]` or `[I, O]`, b `[1, O]`, y `[N, O]`.

use super::activation;
use super::buffers::{Kept, expect, matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::matmul::{Finish, Target, View, product, product_finished};
use super::parallel;
use super::simd::vectorised;
use crate::{Activation, Cpu, Gradients, Layout, Linear, Matrix, Precision, Result, Tape};
use dfdx::tensor::CpuError;

/// A map whose shapes have been checked.
struct Checked<'a> {
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    layout: Layout,
    precision: Precision,
    outputs: usize,
}

impl Checked<'_> {
    /// `target = x w`, with the bias if there is one.
    fn product(&self, target: Target<'_>, x: View<'_>, w: View<'_>) {
        product_finished(target, Finish { bias: self.bias, activated: None }, self.precision, (x, w));
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

/// W as `[I, O]`, however it lies in memory.
fn as_in_out(weight: &[f32], layout: Layout, inputs: usize, outputs: usize) -> View<'_> {
    match layout {
        Layout::InOut => View::new(weight, inputs, outputs),
        Layout::OutIn => View::new(weight, outputs, inputs).t(),
    }
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

    /// Adds to the gradients of W, b and x. `dy` is `[N, stride]`, this map's columns begin at `offset`.
    fn backward(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        (x, x_slot, inputs): (&[f32], &Slot, usize),
        (dy, offset, stride): (&[f32], usize, usize),
    ) -> std::result::Result<(), CpuError> {
        let tokens = dy.len().checked_div(stride).unwrap_or(0);
        let (outputs, precision) = (self.outputs, self.precision);
        let dy_view = View::block(dy, offset, tokens, outputs, stride);
        let x_view = View::new(x, tokens, inputs);
        if let Some(slot) = &self.bias_slot {
            slot.accumulate(gradients, |db, mode| sum_rows(db, mode, dy, offset, stride))?;
        }
        self.weight_slot.accumulate(gradients, |dw, mode| match self.layout {
            Layout::OutIn => product(Target::new(dw, outputs, inputs), mode, precision, dy_view.t(), x_view),
            Layout::InOut => product(Target::new(dw, inputs, outputs), mode, precision, x_view.t(), dy_view),
        })?;
        x_slot.accumulate(gradients, |dx, mode| {
            let w = as_in_out(self.weight.data(), self.layout, inputs, outputs);
            product(Target::new(dx, tokens, inputs), mode, precision, dy_view, w.t());
        })
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
    let stride: usize = checked.iter().map(|map| map.outputs).sum();
    let mut y = unwritten(tokens * stride);
    let mut offset = 0;
    for (map, checked) in maps.iter().zip(&checked) {
        let w = as_in_out(checked.weight, map.layout, inputs, checked.outputs);
        let target = Target::block(&mut y, offset, tokens, checked.outputs, stride);
        checked.product(target, View::new(x_data, tokens, inputs), w);
        offset += checked.outputs;
    }
    let y = matrix(op, x.device(), y, (tokens, stride))?;
    if T::OWNS_TAPE {
        let records =
            maps.iter().zip(&checked).map(|(map, c)| Record::of(op, map, c.outputs)).collect::<Result<Vec<_>>>()?;
        let (x_slot, y_slot, x) = (Slot::of(x), Slot::output(&y), Kept::of(op, "input", x)?);
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            let mut offset = 0;
            for record in &records {
                record.backward(gradients, (x.data(), &x_slot, inputs), (&dy, offset, stride))?;
                offset += record.outputs;
            }
            Ok(())
        });
    }
    Ok(y)
}

/// `x W + b`.
fn mapped(x: &[f32], (tokens, inputs): (usize, usize), map: &Checked<'_>) -> Vec<f32> {
    let mut y = unwritten(tokens * map.outputs);
    let w = as_in_out(map.weight, map.layout, inputs, map.outputs);
    map.product(Target::new(&mut y, tokens, map.outputs), View::new(x, tokens, inputs), w);
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
        (View::new(x_data, tokens, inputs), as_in_out(checked.weight, map.layout, inputs, outputs)),
    );
    let y = matrix(OP, x.device(), y, (tokens, outputs))?;
    if T::OWNS_TAPE {
        let record = Record::of(OP, &map, outputs)?;
        let (x_slot, y_slot, x) = (Slot::of(x), Slot::output(&y), Kept::of(OP, "input", x)?);
        tape.add_backward_op(move |gradients| {
            let mut dz = y_slot.take(gradients)?;
            parallel::zip(&mut dz, &before, |d, z| activation::backward_in_place(kind, z, d));
            drop(before);
            record.backward(gradients, (x.data(), &x_slot, inputs), (&dz, 0, outputs))
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
    let (x_slot, y_slot, x) = (Slot::of(x), Slot::output(&y), Kept::of(OP, "input", x)?);
    tape.add_backward_op(move |gradients| {
        let mut dy = y_slot.take(gradients)?;
        parallel::rows3((&mut dy, 1), (&mut gates, 1), (&mut ups, 1), |_, dy, gates, ups| {
            activation::gate_backward(kind, dy, gates, ups);
        });
        drop(dy);
        gate.backward(gradients, (x.data(), &x_slot, inputs), (&gates, 0, outputs))?;
        drop(gates);
        up.backward(gradients, (x.data(), &x_slot, inputs), (&ups, 0, outputs))
    });
    Ok(y)
}
