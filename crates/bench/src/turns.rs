//! Turns, and what comes out of them.

use crate::{Case, Contender, Precision, agreement};
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// Seconds that a turn should take at least, so that waking up is a small part of it.
const TURN_SECONDS: f64 = 1.0;
/// Steps that a turn has at least and at most.
const TURN_STEPS: (usize, usize) = (3, 200);

/// A turn during which other processes had more than this of what was computed is taken again …
const DISTURBED: f64 = 0.05;
/// … but for so many times a turn and no more.
const AGAIN: usize = 3;

/// How contenders are compared.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Turns of each.
    pub rounds: usize,
    /// The case of contenders that all start from the same weights, so that their first answers must agree.
    pub same_start: Option<&'a Case>,
    /// How exact their products are, and so how well they agree.
    pub precision: Precision,
}

/// One contender's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Loss of its first step; none where there is no loss.
    pub first_loss: Option<f64>,
    /// Tokens or images that it prepared the first time; none where it prepares nothing.
    pub prepared: Option<u64>,
    /// Of generated text the first token in which it differs from the first contender's, two tokens being equally likely but for
    /// rounding; none where all are the same.
    pub parted_at: Option<usize>,
}

impl Measured {
    /// Without figures yet.
    fn of(contender: &Contender) -> Self {
        let ready = contender.ready();
        Self {
            engine: ready.engine.clone(),
            parameters: ready.parameters,
            seconds: f64::NAN,
            turns: (f64::NAN, f64::NAN),
            disturbed: 0,
            steps: 0,
            peak_bytes: ready.peak_bytes,
            before_bytes: ready.before_bytes,
            first_loss: ready.first.loss,
            prepared: ready.first.prepared,
            parted_at: None,
        }
    }

    fn with_turns(self, turns: Vec<Vec<f64>>) -> Self {
        let medians: Vec<f64> = turns.iter().map(|turn| median(turn)).collect();
        let all: Vec<f64> = turns.into_iter().flatten().collect();
        Self {
            seconds: median(&all),
            turns: medians.iter().fold((f64::INFINITY, 0.0), |(low, high), &s| (s.min(low), s.max(high))),
            steps: all.len(),
            ..self
        }
    }
}

/// Lets the contenders take turns. `progress` is called after each round with the rounds done.
///
/// # Errors
/// If one fails, if they prepare different amounts, if their first answers differ though they start from the same weights, or a loss
/// is far from that of chance.
pub fn compare(contenders: &mut [Contender], plan: Plan<'_>, mut progress: impl FnMut(usize)) -> Result<Vec<Measured>> {
    let mut all: Vec<Measured> = contenders.iter().map(Measured::of).collect();
    agreement::same_amount(&all)?;
    if let Some(case) = plan.same_start {
        let answers: Vec<_> = contenders.iter().map(|one| (one.engine(), &one.ready().first)).collect();
        for (measured, parted_at) in all.iter_mut().zip(agreement::check(case, plan.precision, &answers)?) {
            measured.parted_at = parted_at;
        }
    }
    let mut turns: Vec<Vec<Vec<f64>>> = vec![Vec::new(); contenders.len()];
    let mut steps = vec![0; contenders.len()];
    for (contender, steps) in contenders.iter_mut().zip(&mut steps) {
        let (trial, _) = contender.take_turn(1)?;
        *steps = steps_of_turn(trial.seconds.first().copied().unwrap_or(TURN_SECONDS));
    }
    for round in 1..=plan.rounds {
        for (i, contender) in contenders.iter_mut().enumerate() {
            let (taken, disturbed) = undisturbed(|| contender.take_turn(steps[i]))?;
            all[i].disturbed += usize::from(disturbed);
            all[i].peak_bytes = taken.peak_bytes;
            turns[i].push(taken.seconds);
        }
        progress(round);
    }
    Ok(all.into_iter().zip(turns).map(|(measured, turns)| measured.with_turns(turns)).collect())
}

/// Starts each contender once a round, in turn, and takes the time of the first and only time that it does its work: what a user
/// waits for where something happens once in a process. `progress` is called after each round with the rounds done.
///
/// A round before the first is not counted: it puts the files into the system's memory.
///
/// # Errors
/// If one fails, or they prepare different amounts.
pub fn compare_fresh(
    contenders: &[Box<dyn Fn() -> Result<Contender> + '_>],
    rounds: usize,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Measured>> {
    let start = |start: &dyn Fn() -> Result<Contender>| {
        undisturbed(|| {
            let contender = start()?;
            let foreign = contender.foreign_share();
            Ok((contender, foreign))
        })
    };
    let mut all = Vec::with_capacity(contenders.len());
    for contender in contenders {
        all.push(Measured::of(&start(contender)?.0));
    }
    agreement::same_amount(&all)?;
    let mut turns: Vec<Vec<Vec<f64>>> = vec![Vec::new(); contenders.len()];
    for round in 1..=rounds {
        for (i, contender) in contenders.iter().enumerate() {
            let (contender, disturbed) = start(contender)?;
            all[i].disturbed += usize::from(disturbed);
            all[i].peak_bytes = all[i].peak_bytes.max(contender.ready().peak_bytes);
            turns[i].push(vec![contender.ready().first_seconds]);
        }
        progress(round);
    }
    Ok(all.into_iter().zip(turns).map(|(measured, turns)| measured.with_turns(turns)).collect())
}

/// Does something until other programs leave it alone, or give up on that: the last time counts then, and is said to be disturbed.
fn undisturbed<T>(mut work: impl FnMut() -> Result<(T, Option<f64>)>) -> Result<(T, bool)> {
    let is_disturbed = |foreign: Option<f64>| foreign.is_some_and(|share| share > DISTURBED);
    let (mut taken, mut foreign) = work()?;
    for _ in 0..AGAIN {
        if !is_disturbed(foreign) {
            break;
        }
        (taken, foreign) = work()?;
    }
    Ok((taken, is_disturbed(foreign)))
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

    #[test]
    fn work_that_others_disturb_is_done_again_and_what_stays_disturbed_says_so() {
        for (shares, expected) in [
            (&[Some(0.0)][..], (1, false)),
            (&[None], (1, false)),
            (&[Some(0.5), Some(0.2), Some(0.01)], (3, false)),
            (&[Some(0.5); 4], (4, true)),
        ] {
            let mut times = 0;
            let done = undisturbed(|| {
                times += 1;
                Ok((times, shares[times - 1]))
            });
            assert_eq!(done.expect("the work does not fail"), expected);
        }
    }
}
