//! Predictions and labels that a metric is not defined for.

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// Predictions and labels are not of the same rows.
    #[error("{metric}: found {predictions} predictions, expected {labels}, one for each row")]
    Lengths {
        /// Which metric.
        metric: &'static str,
        /// Number of predictions.
        predictions: usize,
        /// Number of labels, of gold answers, or of questions.
        labels: usize,
    },
    /// Not enough rows.
    #[error("{metric}: found {found} rows, expected at least {least}")]
    TooFew {
        /// Which metric.
        metric: &'static str,
        /// Number of rows.
        found: usize,
        /// How many it takes.
        least: usize,
    },
    /// A value that the metric cannot take.
    #[error("{metric}: {what} of row {row}: found {found}, expected {expected}")]
    Value {
        /// Which metric.
        metric: &'static str,
        /// Prediction, label, gold answers, or score of no answer.
        what: &'static str,
        /// Its row, from 0.
        row: usize,
        /// The value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// All predictions or all labels are alike, so that nothing can correlate with them.
    #[error("{metric}: every {what} is {value}, expected at least two different ones")]
    Constant {
        /// Which metric.
        metric: &'static str,
        /// Prediction or label.
        what: &'static str,
        /// What all of them are.
        value: f32,
    },
    /// A metric of classes was asked of numbers, or one of numbers of classes.
    #[error("{metric}: found {found}, expected {expected}")]
    Kind {
        /// Which metric.
        metric: &'static str,
        /// Classes or numbers.
        found: &'static str,
        /// The other.
        expected: &'static str,
    },
}
