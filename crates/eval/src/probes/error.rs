//! Features and options that a probe is not defined for.

/// Why a probe has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProbeError {
    /// An option out of its range.
    #[error("{option} = {found}, expected {expected}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A set of features without a row.
    #[error("{set} features: found no rows, expected at least one")]
    Empty {
        /// Training or test.
        set: &'static str,
    },
    /// Features that do not make whole rows, one for each label.
    #[error("{set} features: found {found} numbers, expected {labels} rows of {width}")]
    Lengths {
        /// Training or test.
        set: &'static str,
        /// Numbers.
        found: usize,
        /// Number of labels.
        labels: usize,
        /// Numbers that a row should have.
        width: usize,
    },
    /// A number or a label that means nothing.
    #[error("{set} {what} of row {row}: found {found}, expected {expected}")]
    Value {
        /// Training or test.
        set: &'static str,
        /// Feature or label.
        what: &'static str,
        /// Its row, from 0.
        row: usize,
        /// The value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
}
