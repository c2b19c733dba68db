//! SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): questions whose answers are parts of a text, or, in 2.0, are not there.
//!
//! | step | type | what it does |
//! |---|---|---|
//! | read | [`SquadSource`] | questions, contexts and answers of the Hub's Parquet files |
//! | cut | [`Windows`] | each context in windows of a model's length, with the tokens of the answer |
//! | batch | [`Windows::batches`] | windows to train on, shuffled, or all in their order |
//! | answer | [`Windows::answers`] | from the logits of all windows to a text for each question, and a score of no answer |
//!
//! What an answer is worth is not this crate's affair.
//!
//! ```
//! use ligo_data::tasks::squad::{Answer, AnswerOptions, Question, WindowLogits, WindowOptions, Windows};
//! # use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let file = directory.path().join("train.parquet");
//! # ligo_data::write_text_parquet(&file, "text", &["The tower stands in Paris, in Paris the tower stands."])?;
//! # let tokenizer = Tokenizer::train(&TextSource::new([file], "text"), &BpeOptions::new(300, SpecialTokens::Masked))?;
//! let question = Question {
//!     id: "1".to_owned(),
//!     question: "Where is the tower?".to_owned(),
//!     context: "The tower stands in Paris.".into(),
//!     answers: vec![Answer { text: "Paris".to_owned(), start: 20 }],
//! };
//! let windows = Windows::new(vec![question].into(), &tokenizer, WindowOptions::default())?;
//! let [first, last] = windows.windows()[0].span.map(|token| token as usize);
//!
//! // A model that is sure of it.
//! let tokens = windows.tokens(0);
//! let sure = |token: usize| (0..tokens).map(|other| if other == token { 5.0 } else { 0.0 }).collect();
//! let logits = [WindowLogits { start: sure(first), end: sure(last) }];
//! let answers = windows.answers(&logits, AnswerOptions::default())?;
//! assert_eq!(answers[0].text.trim(), "Paris");
//! assert_eq!(answers[0].no_answer, -10.0);
//! # Ok(())
//! # }
//! ```

mod answers;
mod source;
mod span;
mod windows;
mod write;

pub use answers::{AnswerOptions, Prediction, WindowLogits};
pub use source::{Answer, Question, SquadSource};
pub use windows::{Window, WindowOptions, Windows};
pub use write::write_squad_parquet;
