//! Carrying out the maps of a parameter's two axes: one pass over the large values, in parallel by rows.

use crate::axis::{FRESH, Gather};
use rayon::prelude::*;

/// How new values go to where they belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lay {
    /// In the place of what is there.
    Over,
    /// Added to it.
    Onto,
}

/// Lays `weight · rows · x · columnsᵀ` over or onto the large values `out`, for x `[rows.small, columns.small]`. What keeps its
/// own start is left as it is.
pub(crate) fn lay(out: &mut [f32], x: &[f32], rows: &Gather, columns: &Gather, weight: f32, lay: Lay) {
    let width = columns.small;
    let summed = |entries: &Vec<(usize, f32)>| {
        let mut sum = vec![0.0; width];
        for &(j, factor) in entries {
            sum.iter_mut().zip(&x[j * width..][..width]).for_each(|(sum, value)| *sum += factor * value);
        }
        sum
    };
    let sums: Vec<Vec<f32>> = rows.sums.par_iter().map(summed).collect();
    let row = |buffer: &mut Vec<f32>, (out, (&index, &scale)): (&mut [f32], (&u32, &f32))| {
        let from = match (index as usize).checked_sub(rows.small) {
            _ if index == FRESH => return,
            None => &x[index as usize * width..][..width],
            Some(sum) => &sums[sum],
        };
        gather(out, from, buffer, columns, (scale, weight), lay);
    };
    let sources = rows.index.par_iter().zip(&rows.scale);
    out.par_chunks_mut(columns.index.len().max(1)).zip(sources).for_each_init(Vec::new, row);
}

/// One row: `out = weight · scale · (from · columnsᵀ)`. Each factor is applied for itself, so that copies of shares keep their
/// bits.
fn gather(
    out: &mut [f32],
    from: &[f32],
    buffer: &mut Vec<f32>,
    columns: &Gather,
    (scale, weight): (f32, f32),
    lay: Lay,
) {
    if columns.identity {
        let pairs = out.iter_mut().zip(from);
        match lay {
            Lay::Over if scale == 1.0 && weight == 1.0 => out.copy_from_slice(from),
            Lay::Over => pairs.for_each(|(out, &value)| *out = weight * (scale * value)),
            Lay::Onto => pairs.for_each(|(out, &value)| *out += weight * (scale * value)),
        }
        return;
    }
    // The sums stand behind the coordinates that they are made of, so that one table of indices reaches both.
    let from = if columns.sums.is_empty() {
        from
    } else {
        buffer.clear();
        buffer.extend_from_slice(from);
        let sum = |entries: &Vec<(usize, f32)>| entries.iter().map(|&(j, factor)| factor * from[j]).sum::<f32>();
        buffer.extend(columns.sums.iter().map(sum));
        &buffer[..]
    };
    for ((out, &index), &factor) in out.iter_mut().zip(&columns.index).zip(&columns.scale) {
        if index != FRESH {
            let value = weight * (factor * (scale * from[index as usize]));
            *out = if lay == Lay::Over { value } else { *out + value };
        }
    }
}

/// Sets to 0 what [`lay`] would reach.
pub(crate) fn clear(out: &mut [f32], rows: &Gather, columns: &Gather) {
    for (out, _) in out.chunks_mut(columns.index.len().max(1)).zip(&rows.index).filter(|(_, index)| **index != FRESH) {
        let reached = out.iter_mut().zip(&columns.index).filter(|(_, index)| **index != FRESH);
        reached.for_each(|(out, _)| *out = 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expansion;
    use crate::axis::{Part, Take};

    const X: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // [2, 3]

    fn grown(rows: &Expansion, columns: &Expansion, large: (usize, usize), take: Take) -> Vec<f32> {
        let gather = |expansion, small, large| Gather::new(&[Part { expansion, small, large }], take);
        let mut out = vec![-1.0; large.0 * large.1];
        lay(&mut out, &X, &gather(rows, 2, large.0), &gather(columns, 3, large.1), 1.0, Lay::Over);
        out
    }

    fn selection(from: &[usize], scale: &[f32]) -> Expansion {
        Expansion::Select { from: from.iter().map(|&j| Some(j)).collect(), scale: Some(scale.to_vec()) }
    }

    #[test]
    fn keeping_both_axes_changes_nothing() {
        assert_eq!(grown(&Expansion::Keep, &Expansion::Keep, (2, 3), Take::Values), X);
    }

    #[test]
    fn selecting_copies_and_scales_rows_and_columns() {
        let (rows, columns) = (Expansion::select([0, 1, 1]), selection(&[2, 0], &[0.5, 2.0]));
        assert_eq!(grown(&rows, &columns, (3, 2), Take::Values), [1.5, 2.0, 3.0, 8.0, 3.0, 8.0]);
        assert_eq!(grown(&rows, &columns, (3, 2), Take::Squares), [0.75, 4.0, 1.5, 16.0, 1.5, 16.0]);
    }

    #[test]
    fn short_sums_add_up_and_a_sum_of_nothing_is_0() {
        let rows = Expansion::Sparse {
            rows: vec![vec![(1, 2.0)], vec![], vec![(0, 0.5), (1, 0.5)], vec![(0, 0.5), (1, 0.5)]],
        };
        let columns = Expansion::Sparse { rows: vec![vec![(0, 1.0), (2, -1.0)], vec![(1, 1.0)]] };
        assert_eq!(grown(&rows, &columns, (4, 2), Take::Values), [-4.0, 10.0, 0.0, 0.0, -2.0, 3.5, -2.0, 3.5]);
        assert_eq!(grown(&rows, &columns, (4, 2), Take::Squares), [40.0, 20.0, 0.0, 0.0, 3.5, 1.75, 3.5, 1.75]);
    }

    #[test]
    fn what_is_fresh_stays_as_a_weight_and_is_0_as_a_moment() {
        let (rows, columns) = (Expansion::Keep, Expansion::Select { from: vec![Some(1), None], scale: None });
        assert_eq!(grown(&rows, &columns, (2, 2), Take::Values), [2.0, -1.0, 5.0, -1.0]);
        assert_eq!(grown(&rows, &columns, (2, 2), Take::Gradients), [2.0, 0.0, 5.0, 0.0]);
    }

    #[test]
    fn the_maps_of_spaces_side_by_side_do_not_mix() {
        // Two spaces of one and of two coordinates, both with a sum.
        let (first, second) = (
            Expansion::Sparse { rows: vec![vec![(0, 1.0)], vec![(0, 3.0), (0, 1.0)]] },
            Expansion::Sparse { rows: vec![vec![(0, 1.0), (1, 1.0)], vec![(1, 2.0)]] },
        );
        let parts = [Part { expansion: &first, small: 1, large: 2 }, Part { expansion: &second, small: 2, large: 2 }];
        let mut out = [0.0; 4];
        lay(&mut out, &[1.0, 2.0, 3.0], &Gather::one_row(), &Gather::new(&parts, Take::Values), 1.0, Lay::Over);
        assert_eq!(out, [1.0, 4.0, 5.0, 6.0]);
    }
}
