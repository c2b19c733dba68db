//! Sums of table rows, and their scatter-add.
//!
//! Backward sorts the (id, position) pairs, so that all the positions of one row of a table are summed by one
//! task in the order of the positions: the same bits on any number of threads.

use super::buffers::{matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::parallel;
use crate::{Cpu, KernelError, Matrix, Result, Tape};

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
        if let Some(index) = ids.iter().position(|&id| id as usize >= rows) {
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
            for (k, (table, ids)) in tables.iter().enumerate() {
                let row = &table[ids[first + i] as usize * width..][..width];
                match k {
                    0 => y.copy_from_slice(row),
                    _ => y.iter_mut().zip(row).for_each(|(y, r)| *y += r),
                }
            }
        }
    });
    let y = matrix(OP, first_table.device(), y, (tokens, width))?;
    if T::OWNS_TAPE {
        let y_slot = Slot::of(&y);
        let lookups: Vec<(Slot, Vec<u32>)> =
            lookups.iter().map(|(table, ids)| (Slot::of(table), ids.to_vec())).collect();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            for (slot, ids) in &lookups {
                slot.accumulate(gradients, |table, mode| scatter_add(table, mode, ids, &dy, width))?;
            }
            Ok(())
        });
    }
    Ok(y)
}

/// `table[ids[n]] += dy[n]` for all n.
fn scatter_add(table: &mut [f32], mode: Mode, ids: &[u32], dy: &[f32], width: usize) {
    let mut order: Vec<(u32, u32)> = ids.iter().zip(0..).map(|(&id, position)| (id, position)).collect();
    order.sort_unstable();
    parallel::rows(table, width, |first, rows| {
        if mode == Mode::Set {
            rows.fill(0.0);
        }
        let last = first + rows.len() / width;
        let begin = order.partition_point(|&(id, _)| (id as usize) < first);
        for &(id, position) in order[begin..].iter().take_while(|&&(id, _)| (id as usize) < last) {
            let row = &mut rows[(id as usize - first) * width..][..width];
            row.iter_mut().zip(&dy[position as usize * width..]).for_each(|(r, d)| *r += d);
        }
    });
}
