//! What has become of the factors: how far they moved, how many directions they use, how they mix layers.

use crate::maps::whole_values;
use crate::plan::{FactorPlan, Plan, WidthFactor};
use crate::spectrum::{effective_rank, singular_values, singular_values_below_identity};
use ligo_growth::{FactorDiagnostics, Result};
use ligo_kernels::{Kernels, Matrix};
use ligo_models::ParamSpec;

/// Of factor number `index`, which started at `origin`. An s is seen by the singular values of `diag(s) B`; what is added to large
/// weights and trained small weights are seen by their movement alone.
pub(crate) fn of<D: Kernels>(
    plan: &Plan,
    specs: &[ParamSpec],
    factors: &[Matrix<D>],
    index: usize,
    origin: &[f32],
) -> Result<FactorDiagnostics> {
    let values = factors[index].as_vec();
    let singular_values = match &plan.factors[index] {
        FactorPlan::Width(factor) => of_width(factor, &values),
        FactorPlan::Scale { of } => {
            let whole = whole_values(&plan.factors[*of], &factors[*of])?;
            let columns = plan_columns(&plan.factors[*of]);
            let mut scaled = whole.as_vec();
            for (row, s) in scaled.chunks_exact_mut(columns).zip(&values) {
                row.iter_mut().for_each(|value| *value *= s);
            }
            singular_values(&scaled, columns)
        }
        _ => Vec::new(),
    };
    let depth_weights = match plan.factors[index] {
        FactorPlan::Depth { .. } => values.chunks_exact(plan.layers.0).map(<[f32]>::to_vec).collect(),
        _ => Vec::new(),
    };
    Ok(FactorDiagnostics {
        name: specs[index].name.clone(),
        moved: moved(&values, origin),
        effective_rank: effective_rank(&singular_values),
        singular_values,
        depth_weights,
    })
}

/// Of a factor as it is applied: `[I; C]` whole, `M ⊗ I` with each singular value of M once for each coordinate of a head.
fn of_width(factor: &WidthFactor, values: &[f32]) -> Vec<f64> {
    let small = factor.size().0;
    let values = match factor.identity_rows() {
        0 => singular_values(values, small),
        _ => singular_values_below_identity(values, small),
    };
    let times = if factor.whole { factor.small.unit } else { 1 };
    values.into_iter().flat_map(|value| std::iter::repeat_n(value, times)).collect()
}

/// d of a factor as it is applied.
fn plan_columns(factor: &FactorPlan) -> usize {
    match factor {
        FactorPlan::Width(factor) => factor.small.width(),
        _ => 1,
    }
}

/// ‖F − F₀‖ / ‖F₀‖, or ‖F − F₀‖ where F₀ is 0.
fn moved(values: &[f32], origin: &[f32]) -> f64 {
    let norm = |squares: &mut dyn Iterator<Item = f64>| squares.map(|v| v * v).sum::<f64>().sqrt();
    let distance = norm(&mut values.iter().zip(origin).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let from = norm(&mut origin.iter().map(|v| f64::from(*v)));
    if from > 0.0 { distance / from } else { distance }
}
