//! The search of the best threshold for leaving a question without an answer.

use super::{MetricError, Score, no_answer, rows};

/// The best mean, and a threshold that gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// The mean over all questions, from 0 to 1.
    pub value: f64,
    /// The lowest such threshold: questions whose score of no answer is above it are left without an answer.
    pub threshold: f64,
}

/// The best for either metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestThresholds {
    /// `best_exact` and `best_exact_thresh` of the official script.
    pub exact: Best,
    /// `best_f1` and `best_f1_thresh`.
    pub f1: Best,
}

/// The thresholds that are best for exact match and for F1, each by trying the one below all scores of no answer and each of these
/// scores, as the official script of SQuAD 2.0 does.
///
/// It differs from the script where the script's sweep and its scores at a threshold disagree: questions with equal scores are
/// answered together or not at all; a prediction for a question without an answer counts as [`Squad::score`](super::Squad::score)
/// counts it, also if it is nothing but articles and punctuation; and the threshold below all scores is 0, as there, only if they
/// all are above 0.
///
/// # Errors
/// Unpaired rows, none, or a number that is not finite.
pub fn best_thresholds(scores: &[Score], no_answer: &[f64]) -> Result<BestThresholds, MetricError> {
    no_answer::check(scores, no_answer)?;
    rows::paired("SQuAD 2.0", no_answer.len(), scores.len(), 1)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| no_answer[a].total_cmp(&no_answer[b]));
    let lowest = no_answer[order[0]];
    let below_all = if lowest > 0.0 { 0.0 } else { lowest.next_down() };
    let best = |of: fn(Score) -> f64| {
        let mut sum: f64 = scores.iter().map(|&score| of(no_answer::left_out(score))).sum();
        let mut best = (sum, below_all);
        for equal in order.chunk_by(|&a, &b| no_answer[a] == no_answer[b]) {
            sum += equal.iter().map(|&i| of(scores[i]) - of(no_answer::left_out(scores[i]))).sum::<f64>();
            if sum > best.0 {
                best = (sum, no_answer[equal[0]]);
            }
        }
        Best { value: best.0 / scores.len() as f64, threshold: best.1 }
    };
    Ok(BestThresholds { exact: best(|score| score.exact), f1: best(|score| score.f1) })
}
