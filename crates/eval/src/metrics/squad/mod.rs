//! SQuAD's exact match and F1, by the rules of its official evaluation scripts, and SQuAD 2.0's questions without an answer.
//!
//! 1. [`Squad::score_all`] scores predictions against gold answers, question by question ([`Score`]).
//! 2. [`answered_below`] takes answers back where a model's score for *no answer* is above a threshold, and
//!    [`best_thresholds`] finds the thresholds that are best for exact match and for F1.
//! 3. [`Summary::of`] gives the means, of all questions and of those with and without an answer.
//!
//! ```
//! use ligo_eval::metrics::squad::{Squad, Summary, answered_below, best_thresholds};
//! let predictions = ["Norman dukes", "1066", "in Sicily"].map(str::to_owned);
//! // The third question has no answer.
//! let golds = [vec!["the Norman Dukes".to_owned()], vec!["in 1066".to_owned(), "1066".to_owned()], vec![]];
//! let scores = Squad::V2.score_all(&predictions, &golds).unwrap();
//! assert_eq!(Summary::of(&scores).unwrap().all.exact, 2.0 / 3.0);
//!
//! let no_answer = [0.1, 0.4, 0.8];
//! let best = best_thresholds(&scores, &no_answer).unwrap();
//! assert_eq!((best.exact.value, best.exact.threshold), (1.0, 0.4));
//! let answered = answered_below(&scores, &no_answer, best.exact.threshold).unwrap();
//! assert_eq!(Summary::of(&answered).unwrap().all.exact, 1.0);
//! ```

mod agreement;
mod best_threshold;
mod no_answer;
mod normalise;
mod summary;

pub use best_threshold::{Best, BestThresholds, best_thresholds};
pub use no_answer::answered_below;
pub use normalise::normalise;
pub use summary::{Means, Summary};

use super::{MetricError, rows};

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Squad {
    /// SQuAD 1.1: every question has an answer (Rajpurkar et al. 2016, `evaluate-v1.1.py`).
    #[serde(rename = "1.1")]
    V1,
    /// SQuAD 2.0: questions may have none, to which the empty string is the right answer (Rajpurkar et al. 2018,
    /// `evaluate-v2.0.py`).
    #[serde(rename = "2.0")]
    V2,
}

/// What the answer to one question is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// 1 if it is one of the gold answers after [`normalise`], else 0.
    pub exact: f64,
    /// The best F1 of its words against a gold answer's, from 0 to 1.
    pub f1: f64,
    /// Whether the question has an answer.
    pub answerable: bool,
}

impl Squad {
    /// Scores one prediction: exact match and F1, each the most over the gold answers.
    ///
    /// By the rules of 2.0 gold answers that [`normalise`] leaves nothing of are passed over, and a question without any other
    /// has the empty string for its gold answer, so that both are 1 for a prediction of which nothing is left and 0 else. By the
    /// rules of 1.1 such a gold answer counts, and nothing against nothing is an exact match with an F1 of 0. None without
    /// a gold answer by the rules of 1.1.
    pub fn score(self, prediction: &str, golds: &[String]) -> Option<Score> {
        let normal = normalise(prediction);
        let mut golds_left: Vec<String> = golds.iter().map(|gold| normalise(gold)).collect();
        if self == Self::V2 {
            golds_left.retain(|gold| !gold.is_empty());
            if golds_left.is_empty() {
                golds_left.push(String::new());
            }
        }
        let worth = |gold: &String| (f64::from(*gold == normal), self.words_f1(&normal, gold));
        let (exact, f1) = golds_left.iter().map(worth).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))?;
        Some(Score { exact, f1, answerable: !golds.is_empty() })
    }

    /// Scores the prediction of every question; `golds` has the gold answers of each.
    ///
    /// # Errors
    /// Unpaired rows, or by the rules of 1.1 a question without a gold answer.
    pub fn score_all(self, predictions: &[String], golds: &[Vec<String>]) -> Result<Vec<Score>, MetricError> {
        rows::paired("SQuAD", predictions.len(), golds.len(), 0)?;
        let score = |(row, (prediction, golds)): (usize, (&String, &Vec<String>))| {
            self.score(prediction, golds).ok_or_else(|| MetricError::Value {
                metric: "SQuAD 1.1",
                what: "gold answers",
                row,
                found: "none".to_owned(),
                expected: "at least one",
            })
        };
        predictions.iter().zip(golds).enumerate().map(score).collect()
    }

    /// F1 of the words of two normal texts; nothing against nothing is 1 by the rules of 2.0 alone.
    fn words_f1(self, prediction: &str, gold: &str) -> f64 {
        if self == Self::V2 && prediction.is_empty() && gold.is_empty() {
            return 1.0;
        }
        agreement::words_f1(prediction, gold)
    }
}
