//! `B W Aᵀ` of one layer of a module, the cheaper side first.

use crate::maps::Applied;
use crate::plan::{ModulePlan, Piece, WidthOrder};
use ligo_kernels::{Factor, Input, Kernels, Matrix, Result, Tape};

/// Widens `weight`, which is layer `layer` of the module among those that are widened.
pub(crate) fn widen<D: Kernels, T: Tape<f32, D>>(
    tape: &mut T,
    module: &ModulePlan,
    layer: usize,
    maps: &[Applied<D>],
    weight: &Matrix<D>,
    input: Input,
) -> Result<Matrix<D>> {
    let axes = module.axes_of(layer);
    let (rows, columns) = (pieces(&axes.rows, maps), pieces(&axes.columns, maps));
    match (axes.rows_grow(), axes.columns_grow(), module.width_order) {
        (false, false, _) => Ok(weight.clone()),
        (true, false, _) => D::expand_rows(tape, weight, input, &rows),
        (false, true, _) => D::expand_columns(tape, weight, input, &columns),
        (true, true, WidthOrder::RowsFirst) => {
            let taller = D::expand_rows(tape, weight, input, &rows)?;
            D::expand_columns(tape, &taller, Input::Differentiable, &columns)
        }
        (true, true, WidthOrder::ColumnsFirst) => {
            let wider = D::expand_columns(tape, weight, input, &columns)?;
            D::expand_rows(tape, &wider, Input::Differentiable, &rows)
        }
    }
}

fn pieces<'a, D: Kernels>(axis: &[Piece], maps: &'a [Applied<D>]) -> Vec<Factor<'a, D>> {
    let piece = |piece: &Piece| match *piece {
        Piece::Keep(n) => Factor::Keep(n),
        Piece::Grow { map, .. } => maps[map].factor(),
    };
    axis.iter().map(piece).collect()
}
