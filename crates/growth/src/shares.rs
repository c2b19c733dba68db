//! How the steps of a training are shared out among the stages of a recipe.

use crate::{GrowthError, Result};
use std::ops::Range;

/// The part of `steps` that each stage of a recipe gets, one after the other, from its share.
///
/// ```
/// let parts = ligo_growth::share_out("toy", &[0.25, 0.75], 10)?;
/// assert_eq!(parts, [0..3, 3..10]);
/// # Ok::<(), ligo_growth::GrowthError>(())
/// ```
///
/// # Errors
/// [`GrowthError::Option`] for the method's option `shares` if they are not positive, do not add up to 1, or leave a stage without
/// a step.
pub fn share_out(method: &'static str, shares: &[f64], steps: u64) -> Result<Vec<Range<u64>>> {
    let wrong = |reason| Err(GrowthError::option(method, "shares", reason));
    let sum: f64 = shares.iter().sum();
    if !shares.iter().all(|share| *share > 0.0) || (sum - 1.0).abs() >= 1e-6 {
        return wrong(format!("found {shares:?}, expected positive numbers with sum 1"));
    }
    let mut parts = Vec::with_capacity(shares.len());
    let (mut from, mut sum) = (0, 0.0);
    for (i, share) in shares.iter().enumerate() {
        sum += share;
        let to = if i + 1 == shares.len() { steps } else { (sum * steps as f64).round() as u64 };
        if to <= from {
            return wrong(format!("stage {} of {} has no step of {steps}", i + 1, shares.len()));
        }
        parts.push(from..to);
        from = to;
    }
    Ok(parts)
}
