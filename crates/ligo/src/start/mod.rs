//! Where the factors start, as values: the published initialisers (PAPER.md 5.2) and others.

mod additions;
mod depth;
mod matrix;
#[cfg(test)]
mod tests;
mod width;

pub(crate) use additions::{beyond, fresh, fresh_values, residual};

use crate::options::{FactorOptions, WidthStart};
use crate::plan::{FactorPlan, FactorStart, Plan, WidthFactor};
use ligo_growth::{Draw, Result, WidthMap};
use ligo_models::{ModelConfig, SpaceSize};
use matrix::Whole;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The values of B, A, s and w, in the order of the plan; what comes after them is not drawn here.
pub(crate) fn values(
    plan: &Plan,
    (small, large): (&ModelConfig, &ModelConfig),
    options: &FactorOptions,
    seed: u64,
) -> Result<Vec<Vec<f32>>> {
    let copies = match options.width_start {
        WidthStart::FunctionPreserving => Some(WidthMap::copies(small, large, Draw::Balanced, seed)?),
        _ => None,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values: Vec<Vec<f32>> = Vec::with_capacity(plan.factors.len());
    for factor in &plan.factors {
        values.push(match factor {
            FactorPlan::Width(factor) => match factor.start {
                FactorStart::Drawn => width::drawn(&mut rng, factor, options.width_start, copies.as_ref())?,
                start => from_another(plan, &values, factor, start, options),
            },
            FactorPlan::Scale { of } => scales(plan, &values, *of, options),
            FactorPlan::Depth { silent } => depth::drawn(&mut rng, plan.layers.0, plan.layers.1, *silent, options),
            FactorPlan::Residual(_) | FactorPlan::Small(_) => break,
        });
    }
    Ok(values)
}

/// The start of a factor that follows another, which comes before it.
fn from_another(
    plan: &Plan,
    values: &[Vec<f32>],
    factor: &WidthFactor,
    start: FactorStart,
    options: &FactorOptions,
) -> Vec<f32> {
    let divides = options.width_start.divides();
    let (whole, divided) = match start {
        FactorStart::Drawn => (Whole::of(factor, &[]), false),
        FactorStart::As(other) => (whole(plan, values, other), false),
        FactorStart::Partner(other) => (whole(plan, values, other), divides),
        FactorStart::Repeated { of, sharing, divided } => {
            // Over whole heads the matrix has a coordinate for each.
            let size = |size: SpaceSize| SpaceSize { unit: if factor.whole { 1 } else { size.unit }, ..size };
            let heads = |of_queries: SpaceSize| size(SpaceSize { units: of_queries.units / sharing, ..of_queries });
            let repeated = whole(plan, values, of).repeated(heads(factor.small), heads(factor.large), sharing);
            (repeated, divided && divides)
        }
    };
    if divided { whole.divided() } else { whole }.learnt(factor)
}

/// s: 1, or the share of each copy.
fn scales(plan: &Plan, values: &[Vec<f32>], of: usize, options: &FactorOptions) -> Vec<f32> {
    let whole = whole(plan, values, of);
    let unit = match &plan.factors[of] {
        FactorPlan::Width(factor) if factor.whole => factor.small.unit,
        _ => 1,
    };
    let copies = whole.copies();
    let share = |row: &[f32]| match options.width_start.divides() {
        true => row.iter().zip(&copies).map(|(value, copies)| value / copies).sum(),
        false => 1.0,
    };
    whole.values.chunks_exact(whole.small).flat_map(|row| std::iter::repeat_n(share(row), unit)).collect()
}

fn whole(plan: &Plan, values: &[Vec<f32>], factor: usize) -> Whole {
    match &plan.factors[factor] {
        FactorPlan::Width(of) => Whole::of(of, &values[factor]),
        _ => unreachable!("only width factors are followed"),
    }
}
