//! Means over questions.

use super::{MetricError, Score, rows};
use serde::{Deserialize, Serialize};

/// Means over some questions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Exact match, from 0 to 1.
    pub exact: f64,
    /// F1, from 0 to 1.
    pub f1: f64,
    /// Number of questions.
    pub questions: usize,
}

/// Means over all questions, and over those with and without an answer, as the official script of SQuAD 2.0 has them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Over all questions.
    pub all: Means,
    /// Over those with an answer, if there are any.
    pub answerable: Option<Means>,
    /// Over those without one, if there are any.
    pub unanswerable: Option<Means>,
}

impl Summary {
    /// The means of some scores.
    ///
    /// # Errors
    /// No scores.
    pub fn of(scores: &[Score]) -> Result<Self, MetricError> {
        rows::paired("SQuAD", scores.len(), scores.len(), 1)?;
        let some = |answerable| scores.iter().filter(move |score| score.answerable == answerable);
        Ok(Self {
            all: Means::of(scores.iter()),
            answerable: some(true).next().map(|_| Means::of(some(true))),
            unanswerable: some(false).next().map(|_| Means::of(some(false))),
        })
    }
}

impl Means {
    /// Of one question at least.
    fn of<'a>(scores: impl Iterator<Item = &'a Score> + Clone) -> Self {
        let questions = scores.clone().count();
        let mean = |of: fn(&Score) -> f64| scores.clone().map(of).sum::<f64>() / questions as f64;
        Self { exact: mean(|score| score.exact), f1: mean(|score| score.f1), questions }
    }
}
