//! Turns, and what comes out of them.

use crate::{Case, Contender};
use anyhow::{Result, bail};
use serde::Serialize;

/// Seconds that a turn should take at least, so that waking up is a small part of it.
const TURN_SECONDS: f64 = 1.0;
/// Steps that a turn has at least and at most.
const TURN_STEPS: (usize, usize) = (3, 200);
/// First losses on the same weights agree to this.
const SAME_LOSS: f64 = 1e-3;
/// The loss of random weights is as near as this to that of chance.
const NEAR_CHANCE: f64 = 0.5;

/// A turn during which other processes had more than this of what was computed is taken again …
const DISTURBED: f64 = 0.05;
/// … but for so many times a turn and no more.
const AGAIN: usize = 3;

/// How contenders are compared.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Turns of each.
    pub rounds: usize,
    /// Whether all start from the same weights, so that their first losses must agree.
    pub same_start: bool,
}

/// One contender's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Name and version.
    pub engine: String,
    /// Numbers that are trained.
    pub parameters: u64,
    /// Median over all timed steps.
    pub seconds: f64,
    /// Fastest and slowest turn, each by its median.
    pub turns: (f64, f64),
    /// Turns that count though other programs disturbed them, because the machine was never quiet for long enough.
    pub disturbed: usize,
    /// Steps timed.
    pub steps: usize,
    /// Highest resident memory of its process; none where the system doesn't tell.
    pub peak_bytes: Option<u64>,
    /// Resident memory of its process before the model was made.
    pub before_bytes: Option<u64>,
    /// Loss of its first step.
    pub first_loss: f64,
}

/// Lets the contenders take turns. `progress` is called after each round with the rounds done.
///
/// # Errors
/// If one fails, if their first losses differ though they start from the same weights, or are far from that of chance.
pub fn compare(
    case: &Case,
    contenders: &mut [Contender],
    plan: Plan,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Measured>> {
    check_losses(case, contenders, plan)?;
    let mut turns: Vec<Vec<Vec<f64>>> = vec![Vec::new(); contenders.len()];
    let mut peaks = vec![None; contenders.len()];
    let mut disturbed = vec![0; contenders.len()];
    let mut steps = vec![0; contenders.len()];
    for (contender, steps) in contenders.iter_mut().zip(&mut steps) {
        let (trial, _) = contender.take_turn(1)?;
        *steps = steps_of_turn(trial.seconds.first().copied().unwrap_or(TURN_SECONDS));
    }
    for round in 1..=plan.rounds {
        for (i, contender) in contenders.iter_mut().enumerate() {
            let (mut taken, mut foreign) = contender.take_turn(steps[i])?;
            for _ in 0..AGAIN {
                if foreign.is_none_or(|share| share <= DISTURBED) {
                    break;
                }
                (taken, foreign) = contender.take_turn(steps[i])?;
            }
            disturbed[i] += usize::from(foreign.is_some_and(|share| share > DISTURBED));
            peaks[i] = taken.peak_bytes;
            turns[i].push(taken.seconds);
        }
        progress(round);
    }
    Ok(contenders
        .iter()
        .zip(turns)
        .zip(peaks)
        .zip(disturbed)
        .map(|(((contender, turns), peak_bytes), disturbed)| {
            let medians: Vec<f64> = turns.iter().map(|turn| median(turn)).collect();
            let all: Vec<f64> = turns.into_iter().flatten().collect();
            Measured {
                engine: contender.engine().to_owned(),
                parameters: contender.parameters(),
                seconds: median(&all),
                turns: medians.iter().fold((f64::INFINITY, 0.0), |(low, high), &s| (s.min(low), s.max(high))),
                disturbed,
                steps: all.len(),
                peak_bytes,
                before_bytes: contender.before_bytes(),
                first_loss: contender.first_loss(),
            }
        })
        .collect())
}

fn check_losses(case: &Case, contenders: &[Contender], plan: Plan) -> Result<()> {
    let Some(first) = contenders.first() else { return Ok(()) };
    for contender in contenders {
        let (loss, chance) = (contender.first_loss(), case.loss_of_chance());
        if plan.same_start && (loss - chance).abs().partial_cmp(&NEAR_CHANCE) != Some(std::cmp::Ordering::Less) {
            bail!("{}: the first loss is {loss}, expected about ln V = {chance:.3}", contender.engine());
        }
        if plan.same_start && (loss - first.first_loss()).abs() > SAME_LOSS {
            bail!(
                "{}: the first loss is {loss}, expected {} as {} has on the same weights; the two don't compute the same",
                contender.engine(),
                first.first_loss(),
                first.engine()
            );
        }
    }
    Ok(())
}

fn steps_of_turn(seconds_per_step: f64) -> usize {
    ((TURN_SECONDS / seconds_per_step).ceil() as usize).clamp(TURN_STEPS.0, TURN_STEPS.1)
}

/// The middle of the values, or the mean of the two in the middle; NaN of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_value_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_turn_lasts_about_a_second_but_has_three_steps_at_least() {
        assert_eq!(steps_of_turn(0.9), 3);
        assert_eq!(steps_of_turn(0.02), 50);
        assert_eq!(steps_of_turn(1e-9), 200);
    }
}
