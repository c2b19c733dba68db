//! Answers taken back where the model rather thinks that there is none.

use super::{MetricError, Score, rows};

/// The scores if every question whose `no_answer` is above the threshold is left without an answer: 1 where it has none, else 0.
///
/// `no_answer` is a probability, or any number that grows with it, such as the logit of *no answer* less that of the best span.
///
/// # Errors
/// Unpaired rows, or a number that is not finite.
pub fn answered_below(scores: &[Score], no_answer: &[f64], threshold: f64) -> Result<Vec<Score>, MetricError> {
    check(scores, no_answer)?;
    let one = |(&score, &no_answer): (&Score, &f64)| if no_answer > threshold { left_out(score) } else { score };
    Ok(scores.iter().zip(no_answer).map(one).collect())
}

/// What no answer is worth.
pub(super) fn left_out(score: Score) -> Score {
    let right = f64::from(!score.answerable);
    Score { exact: right, f1: right, ..score }
}

pub(super) fn check(scores: &[Score], no_answer: &[f64]) -> Result<(), MetricError> {
    rows::paired("SQuAD 2.0", no_answer.len(), scores.len(), 0)?;
    rows::every(("SQuAD 2.0", "score of no answer"), no_answer, f64::is_finite, "a finite number")
}
