//! From a model's logits for windows back to an answer for each question, as `postprocess_qa_predictions` of transformers
//! does it.

use super::{Question, Window, Windows};
use crate::DataError;

/// How answers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerOptions {
    /// First and last tokens that are tried in each window, those with the highest logits.
    pub n_best: usize,
    /// Tokens of an answer at most.
    pub max_answer_length: usize,
}

impl Default for AnswerOptions {
    /// 20 and 30.
    fn default() -> Self {
        Self { n_best: 20, max_answer_length: 30 }
    }
}

impl AnswerOptions {
    fn check(self) -> Result<Self, DataError> {
        for (option, size) in [("n_best", self.n_best), ("max_answer_length", self.max_answer_length)] {
            if size == 0 {
                return Err(DataError::Option { option, found: "0".into(), expected: "1 or more".into() });
            }
        }
        Ok(self)
    }
}

/// What a model says of the tokens of one window, special ones and the question's among them. What it says of padding may
/// follow, and is left aside.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowLogits {
    /// That the answer begins with the token.
    pub start: Vec<f32>,
    /// That it ends with it.
    pub end: Vec<f32>,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The part of the context with the highest score, and so the answer if there is one. `empty` if no pair of tokens that
    /// was tried makes one, as in transformers.
    pub text: String,
    /// The logits of its first and last token together, 0 without any.
    pub score: f32,
    /// How much more there is to say for no answer: the logits of the first token together in the window where they are
    /// lowest, less the best answer's. SQuAD 2.0 takes the question for unanswerable where this is above a threshold.
    pub no_answer: f32,
}

impl Windows {
    /// An answer to each question, from logits of each window.
    ///
    /// In a window every pair of one of the `n_best` first and one of the `n_best` last tokens is a candidate if both are of
    /// the context, in order, and not more than `max_answer_length` apart; its score is the sum of the two logits. The best
    /// candidate of all windows of the question is the answer; of equals that of the earlier window and the higher first
    /// logit. A candidate without characters is none.
    ///
    /// # Errors
    /// As many logits as windows and, in each, tokens; a logit that is no finite number; options of zero.
    pub fn answers(&self, logits: &[WindowLogits], options: AnswerOptions) -> Result<Vec<Prediction>, DataError> {
        let options = options.check()?;
        if logits.len() != self.windows.len() {
            let expected = format!("{}, one for each window", self.windows.len());
            return Err(DataError::Option { option: "number of logits", found: logits.len().to_string(), expected });
        }
        let mut best = vec![Best::default(); self.questions.len()];
        for (index, (window, logits)) in self.windows.iter().zip(logits).enumerate() {
            let tokens = self.tokens(index);
            let start = checked("start logits", index, &logits.start, tokens)?;
            let end = checked("end logits", index, &logits.end, tokens)?;
            best[window.question].see(window, start, end, options);
        }
        Ok(self.questions.iter().zip(best).map(|(question, best)| best.answer(question)).collect())
    }
}

/// The logits of the tokens of window `index`.
fn checked<'a>(option: &'static str, index: usize, logits: &'a [f32], tokens: usize) -> Result<&'a [f32], DataError> {
    let Some(of_tokens) = logits.get(..tokens) else {
        let found = format!("{} of window {index}", logits.len());
        return Err(DataError::Option { option, found, expected: format!("{tokens}, one for each token, or more") });
    };
    match of_tokens.iter().position(|logit| !logit.is_finite()) {
        None => Ok(of_tokens),
        Some(token) => {
            let found = format!("{} of token {token} of window {index}", of_tokens[token]);
            Err(DataError::Option { option, found, expected: "finite numbers".to_owned() })
        }
    }
}

/// The best that was seen in the windows of a question.
#[derive(Debug, Clone, Default)]
struct Best {
    /// The lowest score of no answer.
    none: Option<f32>,
    answer: Option<Candidate>,
}

/// A part of the context.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    start_logit: f32,
    end_logit: f32,
    /// The first character, and one past the last.
    characters: (usize, usize),
}

impl Candidate {
    fn score(&self) -> f32 {
        self.start_logit + self.end_logit
    }
}

impl Best {
    fn see(&mut self, window: &Window, start: &[f32], end: &[f32], options: AnswerOptions) {
        // A window has tokens; without special ones, question and context may both be empty.
        let none = start.first().unwrap_or(&0.0) + end.first().unwrap_or(&0.0);
        self.none = Some(self.none.map_or(none, |lowest| lowest.min(none)));

        let ends = highest(end, options.n_best);
        for first in highest(start, options.n_best) {
            for &last in &ends {
                if last < first || last - first + 1 > options.max_answer_length {
                    continue;
                }
                let (Some((from, _)), Some((_, to))) = (window.characters(first), window.characters(last)) else {
                    continue;
                };
                let candidate = Candidate { start_logit: start[first], end_logit: end[last], characters: (from, to) };
                if from < to && self.answer.is_none_or(|best| candidate.score() > best.score()) {
                    self.answer = Some(candidate);
                }
            }
        }
    }

    fn answer(self, question: &Question) -> Prediction {
        let none = self.none.unwrap_or(0.0);
        let Some(best) = self.answer else {
            return Prediction { text: "empty".to_owned(), score: 0.0, no_answer: none };
        };
        let (from, to) = best.characters;
        Prediction {
            text: question.context.chars().skip(from).take(to - from).collect(),
            score: best.score(),
            // In this order of rounding, as there.
            no_answer: none - best.start_logit - best.end_logit,
        }
    }
}

impl Window {
    /// The characters of the context that a token of the window was made from; none of a token that is not the context's.
    fn characters(&self, token: usize) -> Option<(usize, usize)> {
        self.offsets.get(token.checked_sub(self.context_start)?).copied()
    }
}

/// The places of the `count` highest logits, the highest first; of equals the earlier.
fn highest(logits: &[f32], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..logits.len()).collect();
    places.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    places.truncate(count);
    places
}
