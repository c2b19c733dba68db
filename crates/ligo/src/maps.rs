//! From the factors to the maps that axes take: `M ⊗ I` of whole heads and `diag(s) B`, as differentiable functions of the factors.

use crate::plan::{FactorPlan, Map, Plan, WidthFactor};
use dfdx::shapes::HasShape;
use dfdx::tensor::TensorFromVec;
use ligo_kernels::{Factor, Input, KernelError, Kernels, Matrix, NO_ROW, NoneTape, Result, Tape};

/// A map from the small coordinates of an axis to the large ones.
#[derive(Debug)]
pub(crate) enum Applied<D: Kernels> {
    /// `[I; C]`, of which this is C.
    IdentityOver(Matrix<D>),
    /// A whole matrix `[D, d]`.
    Whole(Matrix<D>),
}

impl<D: Kernels> Applied<D> {
    pub(crate) fn factor(&self) -> Factor<'_, D> {
        match self {
            Self::IdentityOver(c) => Factor::IdentityOver(c),
            Self::Whole(matrix) => Factor::Free(matrix),
        }
    }
}

/// All maps of a plan, in its order. What is more than a factor itself goes onto the tape.
pub(crate) fn applied<D: Kernels, T: Tape<f32, D>>(
    plan: &Plan,
    tape: &mut T,
    factors: &[Matrix<D>],
) -> Result<Vec<Applied<D>>> {
    let map = |map: &Map| match *map {
        Map::Factor(i) => match &plan.factors[i] {
            FactorPlan::Width(factor) if factor.whole => Ok(Applied::Whole(over_heads(tape, factor, &factors[i])?)),
            FactorPlan::Width(factor) if factor.identity_rows() > 0 => Ok(Applied::IdentityOver(factors[i].clone())),
            _ => Ok(Applied::Whole(factors[i].clone())),
        },
        Map::Scaled { factor, scale } => {
            let whole = whole(tape, &plan.factors[factor], &factors[factor])?;
            Ok(Applied::Whole(scale_rows(tape, &whole, &factors[scale])?))
        }
    };
    plan.maps.iter().map(map).collect()
}

/// `M ⊗ I` `[D, d]` of a factor over whole heads.
///
/// With U_e `[heads1, d]` that sends head b to its coordinate e, row (a, e) of the result is row a of `M U_e`.
fn over_heads<D: Kernels, T: Tape<f32, D>>(
    tape: &mut T,
    factor: &WidthFactor,
    matrix: &Matrix<D>,
) -> Result<Matrix<D>> {
    let (heads, unit) = (factor.small.units, factor.small.unit);
    let mut tables = Vec::with_capacity(unit);
    for e in 0..unit {
        let mut places = vec![0.0; heads * heads * unit];
        for head in 0..heads {
            places[head * heads * unit + head * unit + e] = 1.0;
        }
        let places = tensor(matrix.device(), places, (heads, heads * unit))?;
        let map = if factor.identity_rows() > 0 { Factor::IdentityOver(matrix) } else { Factor::Free(matrix) };
        let table = D::expand_rows(tape, &places, Input::Frozen, &[map])?;
        let row = |i: usize| if i % unit == e { (i / unit) as u32 } else { NO_ROW };
        tables.push((table, (0..factor.large.width()).map(row).collect::<Vec<u32>>()));
    }
    let lookups: Vec<_> = tables.iter().map(|(table, ids)| (table, &ids[..])).collect();
    D::embedding(tape, &lookups)
}

/// `[I; C]` as one matrix; a free factor itself.
fn whole<D: Kernels, T: Tape<f32, D>>(tape: &mut T, plan: &FactorPlan, factor: &Matrix<D>) -> Result<Matrix<D>> {
    let plan = match plan {
        FactorPlan::Width(plan) if plan.whole => return over_heads(tape, plan, factor),
        FactorPlan::Width(plan) if plan.identity_rows() > 0 => plan,
        _ => return Ok(factor.clone()),
    };
    let (small, large) = plan.size();
    let mut identity = vec![0.0; small * small];
    (0..small).for_each(|i| identity[i * small + i] = 1.0);
    let identity = tensor(factor.device(), identity, (small, small))?;
    let on_top: Vec<u32> = (0..large).map(|i| if i < small { i as u32 } else { NO_ROW }).collect();
    let below: Vec<u32> = (0..large).map(|i| if i < small { NO_ROW } else { (i - small) as u32 }).collect();
    D::embedding(tape, &[(&identity, &on_top), (factor, &below)])
}

/// `diag(s) B` for B `[D, d]` and s `[1, D]`: the columns of the transpose, scaled.
fn scale_rows<D: Kernels, T: Tape<f32, D>>(tape: &mut T, matrix: &Matrix<D>, scale: &Matrix<D>) -> Result<Matrix<D>> {
    let (rows, columns) = *matrix.shape();
    let transposed = D::columns_as_rows(tape, matrix, rows)?;
    let scaled = D::scale(tape, &transposed, scale)?;
    D::columns_as_rows(tape, &scaled, columns)
}

/// Values on a device.
pub(crate) fn tensor<D: Kernels>(device: &D, values: Vec<f32>, shape: (usize, usize)) -> Result<Matrix<D>> {
    let failed = |e: D::Err| KernelError::Device { op: "growth operator", reason: format!("{e:?}") };
    TensorFromVec::try_tensor_from_vec(device, values, shape).map_err(failed)
}

/// A width factor as one matrix `[D, d]`, rows of an identity on top included; over heads as it is applied to coordinates.
pub(crate) fn whole_values<D: Kernels>(plan: &FactorPlan, factor: &Matrix<D>) -> Result<Matrix<D>> {
    whole(&mut NoneTape, plan, factor)
}
