//! Sums of table rows, and their scatter-add.
//!
//! Backward sorts the (id, position) pairs, so that all the positions of one row of a table are summed by one
//! task in the order of the positions: the same bits on any number of threads.

use super::buffers::{matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::linear::add_to;
use super::parallel;
use crate::{Cpu, KernelError, Matrix, NO_ROW, Result, Tape};

/// See [`crate::Kernels::embedding`].
pub(super) fn embedding<T: Tape<f32, Cpu>>(tape: &mut T, lookups: &[(&Matrix<Cpu>, &[u32])]) -> Result<Matrix<Cpu>> {
    const OP: &str = "embedding";
    let Some((first_table, first_ids)) = lookups.first() else {
        return Err(shape_error(OP, "number of lookups", 0, "at least 1"));
    };
    let (tokens, width) = (first_ids.len(), size(first_table).1);
    let mut tables = Vec::with_capacity(lookups.len());
    for (i, (table, ids)) in lookups.iter().enumerate() {
        let (rows, columns) = size(table);
        if columns != width {
            return Err(shape_error(OP, format!("width of table {i}"), columns, width));
        }
        if ids.len() != tokens {
            return Err(shape_error(OP, format!("number of ids of table {i}"), ids.len(), tokens));
        }
        if let Some(index) = ids.iter().position(|&id| id != NO_ROW && id as usize >= rows) {
            return Err(KernelError::OutOfRange {
                op: OP,
                what: "id",
                index,
                found: i64::from(ids[index]),
                limit: rows,
            });
        }
        tables.push((read(OP, "table", table)?, *ids));
    }
    let mut y = unwritten(tokens * width);
    parallel::rows(&mut y, width, |first, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let mut mode = Mode::Set;
            for (table, ids) in tables.iter().filter(|(_, ids)| ids[first + i] != NO_ROW) {
                write(y, mode, &table[ids[first + i] as usize * width..][..width]);
                mode = Mode::Add;
            }
            if mode == Mode::Set {
                y.fill(0.0);
            }
        }
    });
    let y = matrix(OP, first_table.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let y_slot = Slot::output(&y);
        let lookups: Vec<(Slot, Vec<(u32, u32)>)> =
            lookups.iter().map(|(table, ids)| (Slot::of(table), by_id(ids))).collect();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            for (slot, order) in lookups.iter().filter(|(_, order)| !order.is_empty()) {
                slot.accumulate(gradients, |table, mode| scatter_add(table, mode, order, &dy, width))?;
            }
            Ok(())
        });
    }
    Ok(y)
}

/// Sets a row, or adds to it.
fn write(row: &mut [f32], mode: Mode, value: &[f32]) {
    match mode {
        Mode::Set => row.copy_from_slice(value),
        Mode::Add => add_to(row, value),
    }
}

/// The ids that name a row, each with its position, sorted.
fn by_id(ids: &[u32]) -> Vec<(u32, u32)> {
    let mut order: Vec<(u32, u32)> = ids.iter().copied().zip(0..).filter(|&(id, _)| id != NO_ROW).collect();
    order.sort_unstable();
    order
}

/// `table[id] += dy[position]` for all pairs of `order`.
fn scatter_add(table: &mut [f32], mode: Mode, order: &[(u32, u32)], dy: &[f32], width: usize) {
    parallel::rows(table, width, |first, rows| {
        let begin = order.partition_point(|&(id, _)| (id as usize) < first);
        let mut pairs = order[begin..].iter().peekable();
        for (id, row) in (first..).zip(rows.chunks_exact_mut(width)) {
            let mut mode = mode;
            while let Some((_, position)) = pairs.next_if(|pair| pair.0 as usize == id) {
                write(row, mode, &dy[*position as usize * width..][..width]);
                mode = Mode::Add;
            }
            if mode == Mode::Set {
                row.fill(0.0);
            }
        }
    });
}
