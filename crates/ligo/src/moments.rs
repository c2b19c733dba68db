//! An optimiser's moments grown by the factors as they stand.

use crate::expand::{Sources, expand as expand_sources};
use crate::maps::tensor;
use crate::plan::{FactorPlan, Plan};
use ligo_kernels::{Kernels, Matrix, Result};
use std::sync::Arc;

/// The large model's moments from the small model's: the operator, without what it adds, on other values. As gradients grow, where
/// both sides of a weight take the same B.
pub(crate) fn expand<D: Kernels>(
    plan: &Arc<Plan>,
    factors: &[Matrix<D>],
    moments: &[Matrix<D>],
) -> Result<Vec<Matrix<D>>> {
    // Neither trained small weights nor additions stand for moments.
    let plan = Arc::new(Plan { residual: None, small: None, fresh: false, ..(**plan).clone() });
    expand_sources(&Sources { plan: &plan, factors, small: moments, constants: &[] })
}

/// The squares of B, A, s and w: `[I; C]` squared is `[I; C²]`, so that squares of what is learnt will do.
pub(crate) fn squares<D: Kernels>(plan: &Plan, factors: &[Matrix<D>]) -> Result<Vec<Matrix<D>>> {
    let square = |(factor, (plan, spec)): (&Matrix<D>, (&FactorPlan, &ligo_models::ParamSpec))| match plan {
        FactorPlan::Residual(_) | FactorPlan::Small(_) => Ok(factor.clone()),
        _ => tensor(factor.device(), factor.as_vec().iter().map(|v| v * v).collect(), spec.matrix_shape()),
    };
    factors.iter().zip(plan.factors.iter().zip(&plan.specs)).map(square).collect()
}
