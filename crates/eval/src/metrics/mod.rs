//! What predictions are worth: the metrics of GLUE's and SQuAD's tasks.
//!
//! - [`accuracy`], [`f1`] and [`matthews`] of classes, [`pearson`] and [`spearman`] of numbers; [`Metric`] names them, and
//!   [`Outcome`] is what it measures.
//! - [`GlueTask`] says what a GLUE task's columns, classes and metrics are, and which metric heads it in the paper.
//! - [`squad`] is exact match and F1 of answers, with SQuAD 2.0's questions that have none.
//!
//! All values are shares, 1 for a perfect prediction, where tables and SQuAD's scripts print percentages. `tests/fixtures/metrics.py`
//! keeps what scikit-learn, scipy and SQuAD's rules give for the same predictions.
//!
//! | input | scikit-learn, scipy | here |
//! |---|---|---|
//! | no rows | an error; NaN of Spearman | [`MetricError::TooFew`] |
//! | one row, of a correlation | an error; NaN of Spearman | [`MetricError::TooFew`] |
//! | F1 without a positive class, predicted or true | 0 and a warning | 0 |
//! | Matthews with all predictions or all labels in one class | 0 | 0 |
//! | a correlation with all predictions or all labels alike | NaN and a warning | [`MetricError::Constant`] |
//! | NaN or an infinity in a correlation | NaN, or ranks of Spearman's infinities | [`MetricError::Value`] |
//! | a class below 0 | one more class | [`MetricError::Value`] |
//! | F1 of classes other than 0 and 1 | an error, mostly | [`MetricError::Value`] |
//! | more predictions than labels, or fewer | an error | [`MetricError::Lengths`] |
//!
//! ```
//! use ligo_eval::metrics::{GlueTask, Metric, Outcome, squad::Squad};
//! let outcome = Outcome::Classes { predictions: &[1, 1, 0, 1], labels: &[1, 0, 0, 1] };
//! let measured = GlueTask::Mrpc.measure(outcome).unwrap();
//! assert_eq!(measured, [(Metric::Accuracy, 0.75), (Metric::F1, 0.8)]);
//! let answer = Squad::V1.score("the Eiffel tower, Paris", &["Eiffel Tower".to_owned()]).unwrap();
//! assert_eq!((answer.exact, answer.f1), (0.0, 0.8));
//! ```

mod accuracy;
mod error;
mod f1;
mod glue;
mod matthews;
mod metric;
mod pearson;
mod rows;
mod spearman;
pub mod squad;

pub use accuracy::accuracy;
pub use error::MetricError;
pub use f1::f1;
pub use glue::{Facts, GlueTask, LABEL_COLUMN, PAPER_HEADING};
pub use matthews::matthews;
pub use metric::{Metric, Outcome};
pub use pearson::pearson;
pub use spearman::spearman;
