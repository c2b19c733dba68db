//! Questions and windows of their contexts as sequences of tokens, and where in them the answers are.
//!
//! A window is the question, cut at 64 tokens as Google's BERT does it, and as much of the context as fits; the next one
//! begins so that `doc_stride` tokens are in both, as the overflowing tokens of transformers do.

use super::super::encoder::failed;
use super::super::{Labels, Sequences, TaskBatches};
use super::span::span_of;
use super::{Answer, Question};
use crate::{BatchPlan, DataError, Tokenizer};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use tokenizers::Encoding;

/// How contexts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowOptions {
    /// Tokens of a window at most, question and special ones counted.
    pub max_length: usize,
    /// Tokens of the context that a window shares with the next.
    pub doc_stride: usize,
    /// Tokens of the question at most.
    pub max_question_length: usize,
}

impl Default for WindowOptions {
    /// 384, 128 and 64.
    fn default() -> Self {
        Self { max_length: 384, doc_stride: 128, max_question_length: 64 }
    }
}

impl WindowOptions {
    /// Any question must leave room for more than what windows share.
    fn check(self, special: usize) -> Result<Self, DataError> {
        if self.max_question_length == 0 {
            let (option, found) = ("max_question_length", "0".to_owned());
            return Err(DataError::Option { option, found, expected: "1 or more".to_owned() });
        }
        let Self { max_length, doc_stride, max_question_length } = self;
        if doc_stride.saturating_add(max_question_length).saturating_add(special) >= max_length {
            let expected = format!(
                "more than doc_stride = {doc_stride}, max_question_length = {max_question_length} and {special} special tokens"
            );
            return Err(DataError::Option { option: "max_length", found: max_length.to_string(), expected });
        }
        Ok(self)
    }
}

/// One window: which tokens are of the context, and what they were made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The question's place in the list.
    pub question: usize,
    /// The place of the context's first token in the window.
    pub context_start: usize,
    /// For each token of the context in the window the characters of the context that it was made from: the first, and one
    /// past the last.
    pub offsets: Vec<(usize, usize)>,
    /// The first and the last token of the first answer, counted in the window; 0 and 0, the first token, if there is no
    /// answer or it is not all in the window.
    pub span: [i32; 2],
}

/// The windows of some questions, in their order; a question has at least one.
#[derive(Debug, Clone)]
pub struct Windows {
    pub(super) questions: Arc<[Question]>,
    pub(super) windows: Vec<Window>,
    sequences: Arc<Sequences>,
    filling: u32,
}

/// A window and the ids and types of its tokens.
type Cut = (Window, Vec<u32>, Vec<u32>);

impl Windows {
    /// Encodes all questions on all threads. White space before a question is left out.
    ///
    /// # Errors
    /// No questions, options that leave no room for a context, a text that the tokeniser refuses.
    pub fn new(questions: Arc<[Question]>, tokenizer: &Tokenizer, options: WindowOptions) -> Result<Self, DataError> {
        let options = options.check(tokenizer.added_tokens(true))?;
        if questions.is_empty() {
            let expected = "1 or more".to_owned();
            return Err(DataError::Option { option: "number of questions", found: "0".to_owned(), expected });
        }
        let cut = |(index, question): (usize, &Question)| {
            let input = (question.question.trim_start(), &*question.context);
            let encoding = tokenizer
                .inner()
                .encode_char_offsets(input, true)
                .map_err(|error| failed(format!("encoding question `{}`", question.id), &error))?;
            Ok(cut(index, question.answers.first(), &encoding, options))
        };
        let cuts: Vec<Result<Vec<Cut>, DataError>> = questions.par_iter().enumerate().map(cut).collect();
        let (mut windows, mut sequences) = (Vec::new(), Sequences::default());
        for cut in cuts {
            for (window, ids, types) in cut? {
                windows.push(window);
                sequences.push(&ids, &types);
            }
        }
        Ok(Self { questions, windows, sequences: Arc::new(sequences), filling: tokenizer.filling_id() })
    }

    /// What is asked.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The windows; `sequences` of [`batches`](Self::batches) are in the same order.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Tokens of window `window`.
    ///
    /// # Panics
    /// If there is no such window.
    pub fn tokens(&self, window: usize) -> usize {
        self.sequences.get(window).0.len()
    }

    /// Batches of windows, with the spans of the answers.
    ///
    /// # Errors
    /// Sizes of zero.
    pub fn batches(&self, plan: BatchPlan) -> Result<TaskBatches, DataError> {
        let spans = self.windows.iter().map(|window| window.span).collect();
        TaskBatches::new(self.sequences.clone(), Labels::Spans(spans), self.filling, plan)
    }
}

/// The windows of one question; the encoding is of all of question and context.
fn cut(question: usize, answer: Option<&Answer>, encoding: &Encoding, options: WindowOptions) -> Vec<Cut> {
    let sequences = encoding.get_sequence_ids();
    let context = context_of(&sequences);
    let mut question_tokens = 0;
    let around: Vec<usize> = (0..sequences.len())
        .filter(|place| !context.contains(place))
        .filter(|&place| {
            question_tokens += usize::from(sequences[place].is_some());
            sequences[place].is_none() || question_tokens <= options.max_question_length
        })
        .collect();
    let before = around.partition_point(|&place| place < context.start);
    let room = options.max_length - around.len();
    windows_of(context.len(), room, options.doc_stride)
        .map(|window| {
            let tokens = context.start + window.start..context.start + window.end;
            let places: Vec<usize> = around[..before]
                .iter()
                .copied()
                .chain(tokens.clone())
                .chain(around[before..].iter().copied())
                .collect();
            let pick = |all: &[u32]| places.iter().map(|&place| all[place]).collect();
            let offsets = encoding.get_offsets()[tokens].to_vec();
            let span = answer.and_then(|answer| {
                let [first, last] = span_of(&offsets, answer.start, answer.start + answer.text.chars().count())?;
                // A window has few tokens.
                Some([(before + first) as i32, (before + last) as i32])
            });
            let window = Window { question, context_start: before, offsets, span: span.unwrap_or([0, 0]) };
            (window, pick(encoding.get_ids()), pick(encoding.get_type_ids()))
        })
        .collect()
}

/// The places of the second text's tokens; none at the end if it has none.
fn context_of(sequences: &[Option<usize>]) -> Range<usize> {
    let start = sequences.iter().position(|&sequence| sequence == Some(1)).unwrap_or(sequences.len());
    let count = sequences[start..].iter().take_while(|&&sequence| sequence == Some(1)).count();
    start..start + count
}

/// Stretches of at most `room` out of `length`, neighbours sharing `shared`, which is less; one that may be empty at least.
fn windows_of(length: usize, room: usize, shared: usize) -> impl Iterator<Item = Range<usize>> {
    let step = room - shared;
    let more = length.saturating_sub(room).div_ceil(step);
    (0..=more).map(move |index| index * step..(index * step + room).min(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_cover_all_share_the_stride_and_end_with_the_text(
            length in 0usize..500,
            room in 1usize..60,
            shared in 0usize..60,
        ) {
            let shared = shared % room;
            let windows: Vec<Range<usize>> = windows_of(length, room, shared).collect();
            prop_assert_eq!(windows[0].start, 0);
            prop_assert_eq!(windows.last().unwrap().end, length);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].len(), room);
                prop_assert_eq!(pair[0].end - pair[1].start, shared);
                prop_assert!(pair[0].end < length);
            }
        }
    }
}
